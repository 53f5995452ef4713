import { beforeEach, expect, test } from "vitest";
import * as vscode from "vscode";
import { Saves } from "../src/window/saves";
import { events } from "./vscode";

const uri = vscode.Uri.parse("file:///a.txt");
let document: { uri: vscode.Uri; isDirty: boolean; isUntitled: boolean; save: () => Promise<boolean> };
let saves: Saves;

beforeEach(() => {
  const save = () => {
    events.saved.fire(document);
    return Promise.resolve(true);
  };
  document = { uri, isDirty: false, isUntitled: false, save };
  (vscode.workspace as { textDocuments: unknown }).textDocuments = [document];
  saves = new Saves({ named: (of: string) => (of === uri.toString() ? { place: of } : undefined) } as never);
});

const save = (of = uri.toString()) => saves.saveBuffer({ textDocument: { uri: of } });

test("a host's text is saved by VS Code when a guest saves, whatever isDirty says", async () => {
  expect(await save()).toEqual({ saved: true });
});

test.each<[string, () => void]>([
  ["is no file, so that VS Code would ask for one", () => Object.assign(document, { isUntitled: true })],
  ["can't be saved", () => Object.assign(document, { save: () => Promise.resolve(false) })],
  ["fails to be saved", () => Object.assign(document, { save: () => Promise.reject(new Error("no")) })],
  ["was not written, having no changes", () => Object.assign(document, { save: () => Promise.resolve(true) })],
  ["is closed", () => Object.assign(vscode.workspace, { textDocuments: [] })],
])("the daemon writes a text that %s", async (_, change) => {
  change();
  expect(await save()).toEqual({ saved: false });
});

test("a text that is not shared is not saved", async () => {
  expect(await save("file:///b.txt")).toEqual({ saved: false });
});
