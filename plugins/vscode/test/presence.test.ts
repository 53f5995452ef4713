import { afterEach, beforeEach, expect, test, vi } from "vitest";
import * as vscode from "vscode";
import { Sessions } from "../src/core/sessions";
import type { Member, Selection } from "../src/protocol";
import { Presence } from "../src/window/presence";
import { type DecorationType, events, window } from "./vscode";

const uri = "file:///a.txt";
const attachment = { uri, openings: 1 };
let told: unknown[];
let drawn: Map<DecorationType, vscode.DecorationOptions[]>;
let drawings: number;
let sessions: Sessions;
let presence: Presence;
let watching: vscode.Disposable;
let wire: { up: boolean; notify: (method: string, params: unknown) => void };

function editorOf(of: string) {
  return {
    document: { uri: vscode.Uri.parse(of) },
    selections: [new vscode.Selection(new vscode.Position(3, 1), new vscode.Position(2, 0))],
    visibleRanges: [new vscode.Range(0, 0, 9, 0), new vscode.Range(20, 0, 30, 5)],
    setDecorations: (pen: DecorationType, options: vscode.DecorationOptions[]) => {
      drawn.set(pen, options);
      drawings++;
    },
  };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  told = [];
  drawn = new Map();
  drawings = 0;
  wire = { up: true, notify: (_, params) => told.push(params) };
  attachment.openings = 1;
  const editor = editorOf(uri);
  Object.assign(window, { visibleTextEditors: [editor], activeTextEditor: editor });
  sessions = new Sessions({ say: () => {}, changed: () => presence?.draw(), ended: () => {} });
  const find = (of: string) => (of === uri ? attachment : undefined);
  const attachments = { of: find, named: find };
  presence = new Presence(attachments as never, sessions, wire as never);
  watching = presence.watch();
});

afterEach(() => {
  watching.dispose();
  vi.useRealTimers();
});

const member = (id: string, name: string, color: string): Member => ({
  ...{ id, name, color, role: "editor", state: "here" },
});

function join(...members: Member[]): void {
  sessions.update({ id: "s", state: "open", me: "me", role: "host", members });
}

function at(id: string, ...lines: number[]) {
  const selections: Selection[] = lines.map((line) => ({
    anchor: { line, character: 4 },
    active: { line, character: 0 },
  }));
  return { member: id, client: "c", textDocument: { uri }, selections };
}

function caret(line: number): Selection {
  return { anchor: { line, character: 2 }, active: { line, character: 2 } };
}

/** What is drawn by pens that are in use: names, and how many cursors and selections. */
const cursors = () => [...drawn].filter(([pen]) => pen.style.borderColor).flatMap(([, options]) => options);
const names = () => cursors().flatMap((c) => c.renderOptions?.before?.contentText ?? []);

function move(): void {
  events.selected.fire({});
  vi.advanceTimersByTime(50);
}

test("where the person is is told once, with all that is seen of a text with folds", () => {
  move();
  move();
  expect(told).toEqual([
    {
      textDocument: { uri },
      selections: [{ anchor: { line: 3, character: 1 }, active: { line: 2, character: 0 } }],
      visibleRange: { start: { line: 0, character: 0 }, end: { line: 30, character: 5 } },
    },
  ]);
});

test("who goes to a text of their own says so once, and nothing of what they do there", () => {
  window.activeTextEditor = editorOf("file:///own.txt");
  move();
  expect(told).toEqual([]);
  window.activeTextEditor = window.visibleTextEditors[0];
  move();
  window.activeTextEditor = editorOf("file:///own.txt");
  move();
  move();
  expect(told.slice(1)).toEqual([{ selections: [] }]);
});

test("it is told again when the text was opened anew, and on a new connection", () => {
  move();
  attachment.openings++;
  move();
  expect(told).toHaveLength(2);
  wire.up = false;
  move();
  wire.up = true;
  presence.renew();
  vi.advanceTimersByTime(50);
  expect(told).toHaveLength(3);
});

test("a member's cursors and selections are drawn, the name at one of them, and all go with the member", () => {
  join(member("ada", "Ada\u202e", "#e69f00"));
  presence.changed({ session: "s", cursors: [at("ada", 0, 5, 7)] });
  expect([cursors().length, names()]).toEqual([3, ["Ada"]]);
  const selections = () => [...drawn].filter(([pen]) => pen.style.backgroundColor).flatMap(([, options]) => options);
  expect(selections()).toHaveLength(3);
  presence.changed({ session: "s", cursors: [] });
  expect([cursors(), selections()]).toEqual([[], []]);
});

test("what is shown is not drawn anew, unless a change may have moved it", () => {
  join(member("ada", "Ada", "#e69f00"));
  const again = () => {
    drawings = 0;
    presence.changed({ session: "s", cursors: [{ ...at("ada", 5), selections: [caret(5), caret(7)] }] });
    return drawings;
  };
  const change = (line: number, toLine: number, text: string) => {
    const { document } = window.visibleTextEditors[0] as { document: unknown };
    const range = new vscode.Range(line, 0, toLine, 0);
    events.changed.fire({ document, contentChanges: [{ range, text }] });
    return again();
  };
  expect([again(), again()]).toEqual([1, 0]);
  expect([change(4, 4, "x"), change(8, 9, ""), change(8, 8, "\n")]).toEqual([0, 0, 0]); // above, and below
  expect([change(5, 5, "x"), change(6, 6, "x"), change(7, 7, "x")]).toEqual([1, 1, 1]);
  expect([change(2, 2, "\n"), change(1, 2, ""), change(3, 5, "")]).toEqual([1, 1, 1]);
  expect(again()).toBe(0);
  window.visibleTextEditors = [editorOf(uri)]; // it was hidden meanwhile
  expect(again()).toBe(1);
});

test("the name of one who rests can be read through, and no longer once they go on", () => {
  const opacity = () => cursors()[0]?.renderOptions?.before?.textDecoration?.match(/opacity: ([\d.]+)/)?.[1];
  join(member("ada", "Ada", "#e69f00"), member("bob", "Bob", "#56b4e9"));
  presence.changed({ session: "s", cursors: [at("ada", 1)] });
  vi.advanceTimersByTime(2999);
  presence.changed({ session: "s", cursors: [at("ada", 1), at("bob", 5)] }); // another one moves
  expect(opacity()).toBe("1");
  vi.advanceTimersByTime(1);
  expect([opacity(), names()]).toEqual(["0.3", ["Ada", "Bob"]]);
  presence.changed({ session: "s", cursors: [at("ada", 2), at("bob", 5)] });
  expect(opacity()).toBe("1");
  presence.forget("s");
  expect(vi.getTimerCount()).toBe(0);
});

test("two of one colour are told apart", () => {
  join(member("ada", "Ada", "#e69f00"), member("bob", "Bob", "#e69f00"));
  presence.changed({ session: "s", cursors: [at("ada", 1), at("bob", 2)] });
  const colors = [...drawn]
    .filter(([pen, o]) => pen.style.borderColor && o.length > 0)
    .map(([pen]) => pen.style.borderColor);
  expect(new Set(colors).size).toBe(2);
  expect(names().sort()).toEqual(["Ada", "Bob"]);
});

test("a host that changes colours all the time fills no memory", () => {
  for (let i = 0; i < 200; i++) {
    join(member("ada", "Ada", `#0000${(i + 16).toString(16)}`));
    presence.changed({ session: "s", cursors: [at("ada", 1)] });
  }
  expect([...drawn.keys()].filter((pen) => !pen.thrown).length).toBeLessThanOrEqual(2 * 65);
  expect(names()).toContain("Ada");
});
