import { beforeEach, expect, test } from "vitest";
import * as vscode from "vscode";
import { Sessions } from "../src/core/sessions";
import type { Role } from "../src/protocol";
import { Failure } from "../src/rpc";
import { GuestFiles } from "../src/window/guest_files";

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

beforeEach(() => {
  answers = { "file/list": { entries: [entry] } };
  asked = [];
  open = new Set();
  telling = false;
  written = false;
  reloading = undefined;
  events = [];
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
