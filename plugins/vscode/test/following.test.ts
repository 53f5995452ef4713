import { afterEach, beforeEach, expect, test, vi } from "vitest";
import * as vscode from "vscode";
import { Sessions } from "../src/core/sessions";
import type { Member, ShowDocumentParams } from "../src/protocol";
import { Following } from "../src/window/following";
import { events, TextEditorSelectionChangeKind as Kind, window } from "./vscode";

const uri = "earshot://s/a.txt";
const ada: Member = { id: "ada", name: "Ada", color: "#000000", role: "editor", state: "here" };
let asked: unknown[];
let shown: [uri: string, options: vscode.TextDocumentShowOptions][];
let revealed: [line: number, how: number][];
let editor: { document: { uri: vscode.Uri }; visibleRanges: vscode.Range[]; selection?: unknown };
let sessions: Sessions;
let following: Following;
let watching: vscode.Disposable;
let applying: boolean;

/** Editors show twenty lines. */
const lines = (top: number) => [new vscode.Range(top, 0, top + 20, 0)];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
  asked = [];
  shown = [];
  revealed = [];
  applying = false;
  const revealRange = (range: vscode.Range, how: number) => revealed.push([range.start.line, how]);
  editor = { document: { uri: vscode.Uri.parse(uri) }, visibleRanges: lines(0), revealRange } as never;
  Object.assign(window, {
    visibleTextEditors: [],
    activeTextEditor: undefined,
    showTextDocument: (of: vscode.Uri, options: vscode.TextDocumentShowOptions) => {
      shown.push([of.toString(), options]);
      window.visibleTextEditors = [editor];
      window.activeTextEditor = editor;
      return Promise.resolve(editor);
    },
  });
  const wire = {
    up: true,
    request: (_: string, params: unknown) => {
      asked.push(params);
      return Promise.resolve({});
    },
  };
  sessions = new Sessions({ say: () => {}, changed: () => following?.changed(), ended: () => {} });
  const attachments = { of: (of: string) => (of === uri ? { applying } : undefined), named: () => undefined };
  following = new Following(attachments as never, sessions, wire as never);
  watching = following.watch();
  update([ada]);
});

afterEach(() => {
  watching.dispose();
  vi.useRealTimers();
});

function update(members: Member[]): void {
  sessions.update({ id: "s", state: "open", me: "me", role: "editor", members });
}

/** Leads the editor to a line, with that much seen above it. */
function lead(line: number, above = 5, more: Partial<ShowDocumentParams> = {}) {
  const at = { line, character: 0 };
  const visibleRange = { start: { line: line - above, character: 0 }, end: { line: line + 15, character: 0 } };
  const earshot = { session: "s", member: "ada", follow: true, visibleRange };
  return following.lead({ uri, takeFocus: true, selection: { start: at, end: at }, earshot, ...more });
}

const isShown = () => window.statusBar.at(-1)?.shown;
const ended = () => asked.at(-1);

test("a key that comes before the daemon's answer stops it too", async () => {
  const started = following.start("s", "ada");
  events.selected.fire({ kind: Kind.Keyboard });
  await started;
  expect([isShown(), ended()]).toEqual([false, { session: "s", member: null }]);
});

test("where a member goes the view goes, without taking the focus from where it is", async () => {
  await following.start("s", "ada");
  expect([asked, isShown(), window.statusBar.at(-1)?.text]).toEqual([
    [{ session: "s", member: "ada" }],
    true,
    "$(eye) Following Ada",
  ]);
  expect(await following.lead({ uri, earshot: { session: "s", member: "ada", follow: true } })).toEqual({
    success: true,
  });
  expect(shown).toEqual([[uri, { preview: true, preserveFocus: true }]]);
  expect(await lead(40)).toEqual({ success: true });
  expect(shown).toHaveLength(1);
  expect(revealed).toEqual([[35, vscode.TextEditorRevealType.AtTop]]);
  expect(editor.selection).toMatchObject({ active: { line: 40 } });
});

test("where fewer lines fit here than there, the cursor is what is shown", async () => {
  await following.start("s", "ada");
  await lead(60, 30);
  expect(revealed).toEqual([[60, vscode.TextEditorRevealType.InCenterIfOutsideViewport]]);
});

test.each<[string, () => void]>([
  ["key", () => events.selected.fire({ kind: Kind.Keyboard })],
  ["click", () => events.selected.fire({ kind: Kind.Mouse })],
  ["edit that moves no cursor", () => events.changed.fire({ document: editor.document, contentChanges: [{}] })],
  ["look at another text", () => events.activated.fire({ document: {} })],
  [
    "scroll",
    () => {
      applying = true;
      events.changed.fire({ document: editor.document, contentChanges: [{}] }); // a colleague's, a while ago
      vi.setSystemTime(Date.now() + 1000);
      editor.visibleRanges = lines(7);
      events.scrolled.fire({ textEditor: editor });
    },
  ],
  ["wish", () => following.stop()],
])("the first %s of one's own ends it", async (_, act) => {
  await following.start("s", "ada");
  await lead(5);
  act();
  expect([ended(), isShown()]).toEqual([{ session: "s", member: null }, false]);
  expect(await lead(40)).toEqual({ success: false });
  expect(revealed).toHaveLength(1);
});

test("what is not the person's doing does not end it", async () => {
  await following.start("s", "ada");
  await lead(40);
  editor.visibleRanges = lines(35);
  events.scrolled.fire({ textEditor: editor }); // to where it was led
  events.selected.fire({ kind: Kind.Command }); // its cursor was put there
  applying = true;
  vi.setSystemTime(Date.now() + 1000);
  events.changed.fire({ document: editor.document, contentChanges: [{}] }); // a colleague types
  editor.visibleRanges = lines(36);
  events.scrolled.fire({ textEditor: editor }); // above
  events.activated.fire(undefined); // between two tabs
  expect(isShown()).toBe(true);
});

test("a key that comes while a text is being opened keeps the view where it is", async () => {
  await following.start("s", "ada");
  let open = (_: unknown) => {};
  window.showTextDocument = () =>
    new Promise((resolve) => {
      open = resolve;
    });
  const led = lead(40);
  events.selected.fire({ kind: Kind.Keyboard });
  open(editor);
  await led;
  expect([revealed, editor.selection]).toEqual([[], undefined]);
});

test("it ends with the member", async () => {
  await following.start("s", "ada");
  update([]);
  expect([asked.length, isShown()]).toEqual([1, false]);
});

test("nothing of this machine is opened for a guest, and nobody is followed who was not asked for", async () => {
  expect(await lead(5)).toEqual({ success: false });
  await following.start("s", "ada");
  expect(await lead(5, 5, { uri: "file:///home/me/secret" })).toEqual({ success: false });
  expect(shown).toEqual([]);
});

test("a call to look is a question, and leads there once it is answered with yes", async () => {
  const message = "Ada asks you to look at a.txt, line 3.";
  const actions = [{ title: "Look" }];
  const titles: unknown[] = [];
  let answer: string | undefined = "Look";
  window.showInformationMessage = (...all) => {
    titles.push(all);
    return Promise.resolve(answer);
  };
  expect(await following.ask({ type: 3, message, actions }, 1)).toEqual({ title: "Look" });
  expect(titles).toEqual([[`Earshot: ${message}`, "Look"]]);
  answer = undefined;
  expect(await following.ask({ type: 3, message, actions }, 2)).toBeNull();
  answer = "Look";
  const late = following.ask({ type: 3, message, actions }, 3);
  following.withdraw(3);
  expect(await late).toBeNull();
  await lead(3, 2, { earshot: { session: "s", member: "ada" } });
  expect(shown).toEqual([[uri, { preview: false, preserveFocus: false }]]);
});
