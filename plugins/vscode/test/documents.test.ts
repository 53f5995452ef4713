import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import * as vscode from "vscode";
import { Attachments } from "../src/core/attachments";
import { Sessions } from "../src/core/sessions";
import type { Wire } from "../src/core/wire";
import type { Session } from "../src/protocol";
import { Documents } from "../src/window/documents";
import { Text } from "../src/window/text";
import { events } from "./vscode";

let folder: string;
let warned: string[];
let listing: string[];
let asked: string[]; // of the daemon
let attachments: Attachments;
let sessions: Sessions;
let documents: Documents;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  folder = realpathSync(mkdtempSync(join(tmpdir(), "es-")));
  mkdirSync(join(folder, "project"));
  warned = [];
  listing = [];
  asked = [];
  const request = (method: string) => {
    asked.push(method);
    return Promise.resolve({ entries: listing.map((uri) => ({ uri, kind: "file", size: 0, readonly: false })) });
  };
  const wire: Wire = { up: true, notify: () => {}, request: request as never };
  attachments = new Attachments(wire, (uri) => documents.refuse(uri));
  sessions = new Sessions({ say: () => {}, changed: () => {}, ended: () => {} });
  const textOf = (document: vscode.TextDocument) => new Text(document);
  const isKept = (uri: vscode.Uri) => uri.path === "/kept";
  documents = new Documents(attachments, sessions, wire, () => {}, textOf, isKept);
  (vscode.window as { showWarningMessage: unknown }).showWarningMessage = (text: string) => warned.push(text);
});

afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true });
});

/** Opens documents; those that are files of the test's folder are on the disk with this text. */
function open(uris: string[], text = "one\ntwo\n"): void {
  const opened = uris.map((uri) => {
    const parsed = vscode.Uri.parse(uri);
    if (parsed.scheme === "file" && uri.includes(folder)) writeFileSync(parsed.fsPath, text);
    return { uri: parsed, languageId: "x", version: 1, isClosed: false, getText: () => text };
  });
  (vscode.workspace as { textDocuments: unknown }).textDocuments = opened;
}

const file = (...path: string[]) => `file://${join(folder, ...path)}`;
const session = (more: Partial<Session>): Session => ({
  id: "s",
  state: "open",
  me: "me",
  role: "host",
  members: [],
  ...more,
});
const attached = () =>
  attachments
    .all()
    .map((a) => a.uri)
    .sort(); // files are looked at in any order

test("what is in the shared folder is attached, by whichever way it is reached, and nothing else", async () => {
  symlinkSync(join(folder, "project"), join(folder, "link"));
  open([
    file("project", "a.txt"),
    file("link", "b.txt"),
    file("beside.txt"),
    "git://x/project/a.txt",
    "untitled://Untitled-1",
  ]);
  await documents.refresh();
  expect(attached()).toEqual([]);
  sessions.update(session({ folder: file("project") }));
  await documents.refresh();
  expect(attached()).toEqual([file("link", "b.txt"), file("project", "a.txt")]);
  sessions.update(session({ state: "ended" }));
  await documents.refresh();
  expect(attached()).toEqual([]);
});

test("a document is attached before it is shared, and let go if it was not", async () => {
  open([file("a.txt")]);
  const during: string[][] = [];
  const wish = { documents: [file("a.txt")] };
  const failed = documents.during(wish, () => {
    during.push(attached());
    return Promise.reject(new Error("no"));
  });
  await expect(failed).rejects.toThrow("no");
  expect([during, attached()]).toEqual([[[file("a.txt")]], []]);
  await documents.during(wish, () => Promise.resolve(session({})));
  expect(attached()).toEqual([file("a.txt")]);
});

test("what was shared one by one from elsewhere is found by its name", async () => {
  open([file("a.txt"), file("b.txt")]);
  listing = ["earshot://s/a.txt"];
  sessions.update(session({}));
  await documents.find(session({}));
  expect(attached()).toEqual([file("a.txt")]);
});

test("a guest's documents are those of sessions that are known, but for what was kept of one that was over", async () => {
  open(["earshot://s/a.txt", "earshot://gone/a.txt", "earshot://s/kept"]);
  sessions.update(session({ role: "viewer" }));
  await documents.refresh();
  expect(attached()).toEqual(["earshot://s/a.txt"]);
});

test("a file that is open in an encoding in which not all can be written is left alone", async () => {
  open([file("project", "a.txt")]);
  Object.assign(vscode.workspace.textDocuments[0] ?? {}, { encoding: "windows1252" });
  sessions.update(session({ folder: file("project") }));
  await documents.refresh();
  expect(attached()).toEqual([]);
  expect(warned).toEqual([expect.stringContaining("a.txt is not open as UTF-8")]);
});

test("a file with line ends of several kinds is left alone, and that is said once", async () => {
  open([file("project", "mixed.txt")], "one\r\ntwo\n");
  sessions.update(session({ folder: file("project") }));
  await documents.refresh();
  await documents.refresh();
  expect(attached()).toEqual([]);
  expect(warned).toHaveLength(1);
  expect(warned[0]).toContain("mixed.txt has line ends of several kinds");
});

test("what a terminal shares while the window is open is found, and looked for again when something is added", async () => {
  open([file("a.txt"), file("b.txt")]);
  listing = ["earshot://s/a.txt"];
  sessions.update(session({}));
  await documents.find(session({}));
  listing = ["earshot://s/a.txt", "earshot://s/b.txt"];
  await documents.find(session({})); // it is known: no other question
  expect(attached()).toEqual([file("a.txt")]);
  await documents.listed("s");
  expect(attached()).toEqual([file("a.txt"), file("b.txt")]);
});

describe("a scratch text", () => {
  const draft = "untitled:///Untitled-1";
  let watching: vscode.Disposable;

  beforeEach(async () => {
    open([draft], "draft");
    watching = documents.watch();
    await documents.during({ documents: [draft] }, () => Promise.resolve(session({})));
    expect(attached()).toEqual([draft]);
  });

  afterEach(() => watching.dispose());

  /** VS Code empties it and closes it. */
  function close(): void {
    const [document] = vscode.workspace.textDocuments.filter((d) => d.uri.toString() === draft);
    Object.assign(document ?? {}, { isUntitled: true, isClosed: true, getText: () => "" });
    const all = { start: { line: 0, character: 0 }, end: { line: 0, character: 5 } };
    events.changed.fire({ document, contentChanges: [{ range: all, text: "" }] });
    Object.assign(vscode.workspace, { textDocuments: vscode.workspace.textDocuments.filter((d) => d !== document) });
    events.closed.fire(document);
  }

  function save(uri: string): void {
    const saved = { uri: vscode.Uri.parse(uri), isClosed: false, getText: () => "draft", version: 1 };
    (vscode.workspace.textDocuments as unknown[]).push(saved);
    events.opened.fire(saved);
    events.saved.fire(saved);
  }

  test("that is saved as a file goes on as that file, and its name is free for another text only after that", async () => {
    save(file("draft.txt"));
    close();
    await documents.refresh();
    expect(attachments.named(draft)?.place).toBe(file("draft.txt"));
    expect(documents.sessionOf(vscode.Uri.parse(file("draft.txt")))?.id).toBe("s");
    const again = documents.during({ documents: [draft] }, () => Promise.resolve(session({})));
    await expect(again).rejects.toThrow("save this one as a file first");
  });

  test("that gets another language stays the same text", async () => {
    const before = attachments.of(draft);
    const [document] = vscode.workspace.textDocuments;
    events.closed.fire(document);
    events.opened.fire(document);
    await documents.refresh();
    expect(attachments.of(draft)).toBe(before);
  });

  test("that is thrown away is let go, and another one of its name is not shared", async () => {
    close();
    expect(attached()).toEqual([]);
    open([draft], "private");
    await documents.refresh();
    expect(attached()).toEqual([]);
  });

  test("that is thrown away does not become a file that was open before", async () => {
    const other = { uri: vscode.Uri.parse(file("other.txt")), isClosed: false, getText: () => "", version: 1 };
    events.saved.fire(other);
    close();
    expect(attached()).toEqual([]);
  });
});

test.each([
  ["closed without being saved stays what it is for the others", { isDirty: false }, undefined, ["textDocument/undo"]],
  ["put back by an undo and closed is what it was put back to", { isDirty: false }, 1, []],
  ["saved and closed is what was typed last", { isDirty: true }, undefined, []],
])("a host's text that is %s", async (_, state, reason, want) => {
  const watching = documents.watch();
  open([file("project", "a.txt")]);
  sessions.update(session({ folder: file("project") }));
  await documents.refresh();
  asked.length = 0;
  const [document] = vscode.workspace.textDocuments;
  Object.assign(document ?? {}, state);
  const at = { line: 0, character: 0 };
  events.changed.fire({ document, contentChanges: [{ range: { start: at, end: at }, text: "" }], reason });
  Object.assign(document ?? {}, { isClosed: true });
  events.closed.fire(document);
  watching.dispose();
  expect(asked).toEqual(want);
  expect(attached()).toEqual([]);
});
