import { beforeEach, expect, test } from "vitest";
import * as vscode from "vscode";
import { Sessions } from "../src/core/sessions";
import type { SessionState } from "../src/protocol";
import { Kept } from "../src/window/kept";
import { TabInputText, window } from "./vscode";

const uri = vscode.Uri.parse("earshot://s/folder/a%20b.txt");
let theirs: string;
let released: string[];
let warned: unknown[][];
let answer: string | undefined;
let sessions: Sessions;
let kept: Kept;

beforeEach(() => {
  theirs = "one\n";
  released = [];
  warned = [];
  answer = undefined;
  sessions = new Sessions({ say: () => {}, changed: () => {}, ended: () => {} });
  const wire = { up: true, notify: () => {}, request: () => Promise.resolve({ text: theirs }) };
  kept = new Kept(sessions, wire as never, (of) => released.push(of.toString()));
  Object.assign(vscode.workspace, { textDocuments: [{ uri, getText: () => "one\r\n" }] });
  Object.assign(window, {
    tabGroups: { all: [{ tabs: [{ input: new TabInputText(uri) }] }] },
    showWarningMessage: (...shown: unknown[]) => {
      warned.push(shown);
      return Promise.resolve(answer);
    },
  });
  kept.add(uri);
});

const be = (state: SessionState) => sessions.update({ id: "s", state, me: "me", role: "editor", members: [] });

test("a text is kept until its tab is closed", async () => {
  await kept.changed(); // the session is not there
  kept.tabClosed(); // another one
  expect([kept.has(uri), released]).toEqual([true, []]);
  window.tabGroups.all = [];
  kept.tabClosed();
  expect([kept.has(uri), released]).toEqual([false, [uri.toString()]]);
});

test("who is in the session again goes on with a text of which nothing is missing", async () => {
  be("open");
  await kept.changed();
  expect([kept.has(uri), warned]).toEqual([false, []]);
});

test("what did not reach the host stays until the person needs it no longer; each time that is asked once", async () => {
  theirs = "two\n";
  be("open");
  await kept.changed();
  await kept.changed();
  expect([kept.has(uri), warned.length]).toEqual([true, 1]);
  expect(warned[0]?.[0]).toContain("a b.txt still holds what did not reach the host");
  be("ended");
  await kept.changed();
  be("open");
  answer = "Show the Others' Text";
  await kept.changed();
  expect([kept.has(uri), warned.length, released]).toEqual([false, 2, [uri.toString()]]);
});
