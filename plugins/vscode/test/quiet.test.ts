import { afterEach, beforeEach, expect, test, vi } from "vitest";
import * as vscode from "vscode";
import { Quiet } from "../src/window/quiet";
import { commands, events, TabInputText, window, workspace } from "./vscode";

const uri = vscode.Uri.parse("earshot://s/a.txt");
let text: string;
let document: { uri: vscode.Uri; version: number; isClosed: boolean; eol: number } & Record<string, unknown>;
let tab: { isDirty: boolean; input: unknown };
let ran: string[];
let touched: string[];
let wire: { up: boolean };
let isOver: boolean;
let quiet: Quiet;
let watching: vscode.Disposable;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  text = "one\r\ntwo\r\n";
  ran = [];
  touched = [];
  wire = { up: true };
  isOver = false;
  const offsetAt = ({ line, character }: vscode.Position) => line * 5 + character;
  document = { uri, version: 1, isClosed: false, eol: 2, getText: () => text, offsetAt };
  tab = { isDirty: true, input: new TabInputText(uri) };
  Object.assign(window, { activeTextEditor: { document }, tabGroups: { all: [{ tabs: [tab] }] } });
  workspace.settings = {};
  commands.executeCommand = (command) => {
    ran.push(String(command));
    return Promise.resolve();
  };
  const attachments = { of: (of: string) => (of === uri.toString() ? {} : undefined) };
  quiet = new Quiet(
    attachments as never,
    wire as never,
    (of) => touched.push(of.toString()),
    () => isOver,
  );
  watching = quiet.watch();
});

afterEach(() => {
  watching.dispose();
  vi.useRealTimers();
});

/** The document changes; the event comes. */
function change(now = text): void {
  text = now;
  document.version++;
  events.changed.fire({ document, contentChanges: [{}] });
}

const local = (isDirty: boolean) => ({ isDirty, input: new TabInputText(vscode.Uri.parse("file:///own.txt")) });
const told = "workbench.action.files.saveWithoutFormatting";

test("a guest's text is told to be saved after a pause in typing, with a write that is none", async () => {
  const seen: boolean[] = [];
  commands.executeCommand = (command) => {
    ran.push(String(command));
    seen.push(quiet.isAboutToTell(uri), quiet.takes(uri), quiet.isAboutToTell(uri));
    return Promise.resolve();
  };
  change();
  await vi.advanceTimersByTimeAsync(400);
  change();
  await vi.advanceTimersByTimeAsync(400);
  expect(ran).toEqual([]);
  await vi.advanceTimersByTimeAsync(100);
  expect([ran, seen, quiet.takes(uri)]).toEqual([[told], [true, true, false], false]);
});

test.each<[string, () => void]>([
  ["it is saved already", () => Object.assign(tab, { isDirty: false })],
  ["the daemon has it not", () => Object.assign(wire, { up: false })],
  ["VS Code saves by itself", () => Object.assign(workspace.settings, { autoSave: "afterDelay" })],
  ["a text of the person's own is unsaved", () => window.tabGroups.all.push({ tabs: [local(true)] })],
  ["the active text is the person's own", () => Object.assign(document, { uri: vscode.Uri.parse("file:///own.txt") })],
])("nothing is told where %s", async (_, set) => {
  set();
  change();
  events.activated.fire(undefined);
  await vi.runAllTimersAsync();
  expect(ran).toEqual([]);
});

test("a text that is kept of a session that is over is told to be saved, so that it is locked", async () => {
  wire.up = false;
  isOver = true;
  quiet.soon();
  await vi.runAllTimersAsync();
  expect(ran).toEqual([told]);
});

test("a save by the person comes after what VS Code is being told", async () => {
  let done = () => {};
  commands.executeCommand = (command) => {
    ran.push(String(command));
    return command === told ? new Promise<void>((resolve) => (done = resolve)) : Promise.resolve();
  };
  window.tabGroups.all.push({ tabs: [local(false)] });
  change();
  await vi.advanceTimersByTimeAsync(500);
  const saved = quiet.save();
  await Promise.resolve();
  expect(ran).toEqual([told]);
  done();
  await saved;
  expect(ran).toEqual([told, "workbench.action.files.save"]);
});

test("a save by the person is written where VS Code is told of one text and is to be told of the next", async () => {
  const done: (() => void)[] = [];
  const taken: boolean[] = [];
  commands.executeCommand = (command) => {
    ran.push(String(command));
    if (command !== told) taken.push(quiet.takes(uri)); // VS Code writes
    return command === told ? new Promise<void>((resolve) => done.push(resolve)) : Promise.resolve();
  };
  change();
  await vi.advanceTimersByTimeAsync(500);
  change(); // a text of many megabytes is still being written
  await vi.advanceTimersByTimeAsync(500);
  const saved = quiet.save();
  done[0]?.();
  await vi.advanceTimersByTimeAsync(0);
  done[1]?.();
  await saved;
  expect([ran, taken]).toEqual([[told, "workbench.action.files.save"], [false]]);
  await vi.advanceTimersByTimeAsync(500);
  expect(ran.at(-1)).toBe(told);
  done[1]?.();
});

test("a second write while VS Code is being told is one by the person, who has used the menu", async () => {
  commands.executeCommand = () => new Promise(() => {});
  change();
  await vi.advanceTimersByTimeAsync(500);
  expect([quiet.takes(uri), quiet.takes(uri)]).toEqual([true, false]);
});

test("VS Code is told nothing while the person's own save is under way", async () => {
  let done = () => {};
  commands.executeCommand = (command) => {
    ran.push(String(command));
    return command === told ? Promise.resolve() : new Promise<void>((resolve) => (done = resolve));
  };
  change();
  const saved = quiet.save();
  await vi.advanceTimersByTimeAsync(700);
  expect([ran, quiet.takes(uri)]).toEqual([["workbench.action.files.save"], false]);
  done();
  await saved;
  await vi.advanceTimersByTimeAsync(500);
  expect(ran).toEqual(["workbench.action.files.save", told]);
});

const edits = [
  { range: { start: { line: 1, character: 0 }, end: { line: 1, character: 3 } }, newText: "2\n2" },
  { range: { start: { line: 0, character: 0 }, end: { line: 0, character: 0 } }, newText: "zero " },
];
const after = "zero one\r\n2\r\n2\r\n";

function leave(): void {
  window.activeTextEditor = { document: {} };
  tab.isDirty = false;
}

test("a text without a tab, which VS Code would open again, is read again too", async () => {
  leave();
  window.tabGroups.all = [];
  const landed = quiet.edit(document as never, edits);
  change(after);
  expect(await landed).toBe(true);
});

test("what others change in a text that is not active comes as a change of its file", async () => {
  leave();
  const landed = quiet.edit(document as never, edits);
  expect([touched, quiet.reloading(uri), quiet.mtime(uri)]).toEqual([[uri.toString()], after, 2]);
  change(after);
  expect(await landed).toBe(true);
  expect([quiet.reloading(uri), quiet.mtime(uri)]).toEqual([undefined, 2]);
});

test("a person who is faster keeps what they typed, and the file is what it was", async () => {
  leave();
  const landed = quiet.edit(document as never, edits);
  change(`${text}x`);
  expect(await landed).toBe(false);
  expect([quiet.reloading(uri), quiet.mtime(uri)]).toEqual([undefined, 1]);
});

test("a text that came out otherwise is edited in the usual way from then on, till it is opened anew", async () => {
  leave();
  const landed = quiet.edit(document as never, edits);
  change(`${text}read as something else`);
  expect(await landed).toBe(false);
  expect(await quiet.edit(document as never, edits)).toBeUndefined();
  document.isClosed = true;
  events.closed.fire(document);
  document.isClosed = false;
  const anew = quiet.edit(document as never, edits);
  change(quiet.reloading(uri));
  expect(await anew).toBe(true);
});

test("where VS Code does not look at the file the text is edited in the usual way", async () => {
  leave();
  const landed = quiet.edit(document as never, edits);
  await vi.advanceTimersByTimeAsync(2000);
  expect([await landed, quiet.mtime(uri)]).toEqual([undefined, 1]);
});

test.each<[string, () => void]>([
  ["active", () => Object.assign(window, { activeTextEditor: { document } })],
  ["unsaved", () => Object.assign(tab, { isDirty: true })],
  ["a host's own", () => Object.assign(document, { uri: vscode.Uri.parse("file:///a.txt") })],
])("a text that is %s is edited in the usual way", async (_, set) => {
  leave();
  set();
  expect(await quiet.edit(document as never, edits)).toBeUndefined();
  expect(touched).toEqual([]);
});

test.each<[string, () => void]>([
  ["by a setting", () => (workspace.settings.encoding = "windows1252")],
  ["as it guesses", () => (workspace.settings.autoGuessEncoding = true)],
  ["since the person has said so", () => Object.assign(document, { encoding: "utf16le" })],
  ["for it begins like a mark", () => (text = `\ufeff${text}`)],
  ["for it looks like no text", () => (text += "\0")],
])("a text that VS Code would read otherwise, %s, is edited in the usual way", async (_, set) => {
  leave();
  set();
  const [, last] = edits;
  expect(await quiet.edit(document as never, [{ range: last?.range, newText: "" }] as never)).toBeUndefined();
  expect(touched).toEqual([]);
});
