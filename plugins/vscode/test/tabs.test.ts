import { beforeEach, expect, test } from "vitest";
import * as vscode from "vscode";
import { closeTabs, sessionsOfTabs } from "../src/window/tabs";
import { TabInputText, window } from "./vscode";

type Tab = { isDirty: boolean; input: unknown; group: { viewColumn: number } };
let tabs: Tab[];
let asked: string[]; // about what VS Code would ask whether to save it

beforeEach(() => {
  tabs = [];
  asked = [];
  const close = (closing: Tab[]) => {
    for (const tab of closing) if (tab.isDirty) asked.push(String((tab.input as TabInputText).uri));
    tabs.splice(0, tabs.length, ...tabs.filter((tab) => !closing.includes(tab)));
    return Promise.resolve(true);
  };
  Object.assign(window, { tabGroups: { all: [{ tabs }], close } });
});

function show(uri: string, isDirty = false): Tab {
  const tab = { isDirty, input: new TabInputText(vscode.Uri.parse(uri)), group: { viewColumn: 2 } };
  tabs.push(tab);
  return tab;
}

const shown = () => tabs.map((tab) => String((tab.input as TabInputText).uri));

test("the tabs of a session that is over go without a question, but for those that stay", async () => {
  for (const uri of ["earshot://s/a", "earshot://t/a", "earshot://s/kept", "file:///a"]) show(uri);
  const unsaved = show("earshot://s/b", true);
  const settled: unknown[] = [];
  expect([...sessionsOfTabs()]).toEqual(["s", "t"]);
  const kept = await closeTabs("s", {
    stays: (uri) => uri.path === "/kept",
    mayBeUnsaved: (tab) => tab.isDirty,
    settle: (uri, group) => {
      settled.push([uri.toString(), group]);
      unsaved.isDirty = false;
      return Promise.resolve();
    },
  });
  expect([kept, settled, asked]).toEqual([1, [["earshot://s/b", 2]], []]);
  expect(shown()).toEqual(["earshot://t/a", "earshot://s/kept", "file:///a"]);
});

test("one that can't be shown is closed all the same", async () => {
  show("earshot://s/a");
  const settle = () => Promise.reject(new Error("the session is over"));
  expect(await closeTabs("s", { stays: () => false, mayBeUnsaved: () => true, settle })).toBe(0);
  expect(shown()).toEqual([]);
});
