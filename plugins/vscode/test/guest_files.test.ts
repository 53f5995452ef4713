import { beforeEach, expect, test } from "vitest";
import * as vscode from "vscode";
import { Sessions } from "../src/core/sessions";
import type { FileChange, Role } from "../src/protocol";
import { Failure } from "../src/rpc";
import { GuestFiles } from "../src/window/guest_files";
import { window } from "./vscode";

const uri = vscode.Uri.parse("earshot://s/folder/a.txt");
const entry = { uri: uri.toString(), kind: "file", size: 3, readonly: false };
let answers: Record<string, unknown>;
let asked: [method: string, params: unknown][];
let open: Set<string>;
let telling: boolean;
let written: boolean;
let reloading: string | undefined;
let sessions: Sessions;
let files: GuestFiles;
let events: vscode.FileChangeEvent[];
let said: unknown[];

beforeEach(() => {
  answers = { "file/list": { entries: [entry] } };
  asked = [];
  open = new Set();
  telling = false;
  written = false;
  reloading = undefined;
  events = [];
  said = [];
  window.showInformationMessage = (sentence) => Promise.resolve(void said.push(sentence));
  sessions = new Sessions({ say: () => {}, changed: () => {}, ended: () => {} });
  const wire = {
    up: true,
    notify: () => {},
    request: (method: string, params: unknown) => {
      asked.push([method, params]);
      const answer = answers[method];
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
  };
  const attachments = { of: (of: string) => (open.has(of) ? {} : undefined) };
  const isKept = (of: vscode.Uri) => of.path === "/kept";
  files = new GuestFiles(sessions, attachments as never, wire as never, () => Promise.resolve(), isKept, {
    takes: () => {
      written = telling;
      return telling;
    },
    isAboutToTell: () => telling && !written,
    reloading: () => reloading,
    mtime: () => (reloading === undefined ? 1 : 2),
  });
  files.onDidChangeFile((fired) => events.push(...fired));
  (vscode.workspace as { textDocuments: unknown }).textDocuments = [];
  join("editor");
});

function join(role: Role): void {
  sessions.update({ id: "s", state: "open", me: "me", role, members: [] });
}

function show(text: string): void {
  open.add(uri.toString());
  (vscode.workspace as { textDocuments: unknown }).textDocuments = [{ uri, getText: () => text }];
}

test("a file is looked for in its folder, and a viewer may only read it", async () => {
  expect(await files.stat(uri)).toEqual({ type: vscode.FileType.File, ctime: 0, mtime: 1, size: 3 });
  expect(asked[0]?.[1]).toEqual({ session: "s", recursive: false, uri: "earshot://s/folder" });
  join("viewer");
  expect((await files.stat(uri)).permissions).toBe(vscode.FilePermission.Readonly);
  await expect(files.stat(vscode.Uri.parse("earshot://s/folder/b.txt"))).rejects.toMatchObject({
    code: "FileNotFound",
  });
});

test("what was kept of a session is locked when one is in it again", async () => {
  const kept = vscode.Uri.parse("earshot://s/kept");
  Object.assign(vscode.workspace, { textDocuments: [{ uri: kept, getText: () => "" }] });
  expect((await files.stat(kept)).permissions).toBe(vscode.FilePermission.Readonly);
});

test("another role, and a document that was locked, are told to VS Code once", () => {
  show("text");
  files.rolesChanged();
  events.length = 0;
  join("viewer");
  files.rolesChanged();
  files.rolesChanged();
  expect(events).toEqual([{ type: vscode.FileChangeType.Changed, uri }]);
  const form = { eol: "lf", bom: false, encoding: "utf-8", finalNewline: true };
  files.changed({ uri: uri.toString(), dirty: false, readonly: true, form });
  files.changed({ uri: uri.toString(), dirty: true, readonly: true, form });
  expect(events).toHaveLength(2);
});

test("the text of an open document is the editor's own, whatever the daemon has by now", async () => {
  answers["workspace/textDocumentContent"] = { text: "newer" };
  show("as seen");
  expect(Buffer.from(await files.readFile(uri)).toString()).toBe("as seen");
  expect(asked).toEqual([]);
});

test("a text that VS Code would change is not opened", async () => {
  answers["workspace/textDocumentContent"] = { text: "one\r\ntwo\r\n" };
  expect(Buffer.from(await files.readFile(uri)).toString()).toBe("one\r\ntwo\r\n");
  answers["workspace/textDocumentContent"] = { text: "one\r\ntwo\n" };
  await expect(files.readFile(uri)).rejects.toMatchObject({ code: "Unavailable" });
});

test("saving has the host's file written; an error is told in the daemon's words", async () => {
  await expect(files.writeFile(uri)).rejects.toMatchObject({ code: "NoPermissions" });
  expect(asked).toEqual([]);
  show("text");
  await files.writeFile(uri);
  expect(asked).toEqual([["document/save", { textDocument: { uri: uri.toString() } }]]);
  answers["document/save"] = new Failure("The disk is full.", -32050, { kind: "saveFailed" });
  await expect(files.writeFile(uri)).rejects.toMatchObject({ code: "Unavailable", message: "The disk is full." });
  answers["document/save"] = new Failure("You may only look.", -32050, { kind: "readOnly" });
  await expect(files.writeFile(uri)).rejects.toMatchObject({ code: "NoPermissions", message: "You may only look." });
});

test("what VS Code is only told to be saved is not written, and locked from then on if it is read-only", async () => {
  show("text");
  join("viewer");
  telling = true;
  expect((await files.stat(uri)).permissions).toBeUndefined();
  await files.writeFile(uri);
  expect(asked).toEqual([]);
  expect((await files.stat(uri)).permissions).toBe(vscode.FilePermission.Readonly);
});

test("what comes as a change of the file is found in it, and the file is newer", async () => {
  show("text");
  reloading = "text of all";
  expect(await files.stat(uri)).toMatchObject({ mtime: 2, size: 11 });
  expect(Buffer.from(await files.readFile(uri)).toString()).toBe("text of all");
  reloading = undefined;
  expect(await files.stat(uri)).toMatchObject({ mtime: 1, size: 4 });
});

test("what belongs to a session that is over can't be read", async () => {
  sessions.update({ id: "s", state: "ended", me: "me", role: "editor", members: [] });
  await expect(files.readFile(uri)).rejects.toMatchObject({ code: "Unavailable" });
});

test("a long listing is read page by page", async () => {
  const pages = [{ entries: [entry], cursor: "2" }, { entries: [{ ...entry, uri: "earshot://s/folder/b.txt" }] }];
  Object.defineProperty(answers, "file/list", { get: () => pages.shift() });
  const listed = await files.readDirectory(vscode.Uri.parse("earshot://s/"));
  expect(listed).toEqual([
    ["a.txt", vscode.FileType.File],
    ["b.txt", vscode.FileType.File],
  ]);
  expect(asked.map(([, params]) => params)).toEqual([
    { session: "s", recursive: false },
    { session: "s", recursive: false, cursor: "2" },
  ]);
});

test.each<[string, Role, FileChange, string[]]>([
  [
    "is deleted",
    "editor",
    { uri: "earshot://s/folder/a.txt", kind: "deleted" },
    ["Earshot: folder/a.txt was deleted at the host; what you see is kept, and saving it makes the file anew."],
  ],
  [
    "is deleted, and can't be saved",
    "viewer",
    { uri: "earshot://s/folder/a.txt", kind: "deleted" },
    ["Earshot: folder/a.txt was deleted at the host; what you see is kept."],
  ],
  [
    "gets another name",
    "editor",
    { uri: "earshot://s/b%20c.txt", kind: "renamed", from: "earshot://s/folder/a.txt" },
    ["Earshot: folder/a.txt is called b c.txt at the host now; what you see is the same text."],
  ],
  [
    "is in a folder that gets another name",
    "editor",
    { uri: "earshot://s/other", kind: "renamed", from: "earshot://s/folder" },
    ["Earshot: folder/a.txt is called other/a.txt at the host now; what you see is the same text."],
  ],
  ["is not open", "editor", { uri: "earshot://s/folder/b.txt", kind: "deleted" }, []],
  ["is changed", "editor", { uri: "earshot://s/folder/a.txt", kind: "changed" }, []],
])("a file that %s", (_, role, change, want) => {
  show("text");
  join(role);
  files.listed({ session: "s", changes: [change] });
  expect(said).toEqual(want);
});

test("a file that has got another name is known by it", () => {
  show("text");
  const other = "earshot://s/$&.txt";
  const changes = [
    { uri: other, kind: "renamed", from: "earshot://s/folder/a.txt" },
    { uri: "earshot://s/folder/a.txt", kind: "deleted" },
    { uri: other, kind: "deleted" },
  ];
  for (const change of changes) files.listed({ session: "s", changes: [change] });
  expect(said).toEqual([
    "Earshot: folder/a.txt is called $&.txt at the host now; what you see is the same text.",
    expect.stringContaining("folder/a.txt was deleted"),
  ]);
});

test("what this window does to a file it need not be told, but what another does after it failed", async () => {
  show("text");
  const deleted = { session: "s", changes: [{ uri: uri.toString(), kind: "deleted" }] };
  await files.delete(uri);
  files.listed(deleted);
  expect(said).toEqual([]);
  answers["file/rename"] = new Failure("It is there already.", -32050, { kind: "exists" });
  await expect(files.rename(uri, vscode.Uri.parse("earshot://s/b.txt"))).rejects.toMatchObject({ code: "FileExists" });
  files.listed(deleted);
  expect(said).toHaveLength(1);
});
