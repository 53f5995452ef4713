import { beforeEach, expect, test, vi } from "vitest";
import * as vscode from "vscode";
import { documentOf, Text, titleOf } from "../src/window/text";

const edits = [{ range: { start: { line: 0, character: 1 }, end: { line: 0, character: 2 } }, newText: "b" }];
const document = {
  ...{ uri: vscode.Uri.parse("file:///a.txt"), languageId: "x", version: 7, getText: () => "" },
  ...{ lineCount: 1, lineAt: () => ({ text: "one" }) },
};
const applyEdit = vi.fn();
let text: Text;

/** An editor that shows the document and answers so; `then` is what happens before the answer. */
function shown(answer: Promise<boolean>, then = () => {}) {
  const builder = { replace: vi.fn() };
  const edit = vi.fn((act: (b: typeof builder) => void) => {
    act(builder);
    then();
    return answer;
  });
  vi.mocked(vscode.window).visibleTextEditors = [{ document, edit, selections: [] }] as never;
  return builder;
}

beforeEach(() => {
  document.version = 7;
  vi.mocked(vscode.window).visibleTextEditors = [] as never;
  (vscode.workspace as { applyEdit: unknown }).applyEdit = applyEdit.mockReset().mockResolvedValue(true);
  text = new Text(document as never);
});

test("a document that is seen is edited through its editor alone", async () => {
  const builder = shown(Promise.resolve(true), () => document.version++);
  expect(await text.apply(edits)).toBe(true);
  expect(builder.replace.mock.calls).toEqual([[new vscode.Range(0, 1, 0, 2), "b"]]);
  expect(applyEdit).not.toHaveBeenCalled();
});

test("an editor's no is a no: the person was faster", async () => {
  shown(Promise.resolve(false));
  expect(await text.apply(edits)).toBe(false);
  expect(applyEdit).not.toHaveBeenCalled();
});

test.each([
  ["says yes and changes nothing, being read-only", () => Promise.resolve(true)],
  ["is closed meanwhile", () => Promise.reject(new Error("closed"))],
])("where the editor %s, the document is edited without it", async (_, answer) => {
  shown(answer());
  expect(await text.apply(edits)).toBe(true);
  expect(applyEdit.mock.calls[0]?.[0].edits).toEqual([new vscode.TextEdit(new vscode.Range(0, 1, 0, 2), "b")]);
});

test("where the editor is closed and the text has changed, nothing is edited", async () => {
  shown(Promise.reject(new Error("closed")), () => document.version++);
  expect(await text.apply(edits)).toBe(false);
  expect(applyEdit).not.toHaveBeenCalled();
});

test("a document that is not seen is edited through the workspace", async () => {
  expect(await text.apply(edits)).toBe(true);
  expect(applyEdit).toHaveBeenCalledOnce();
});

test("a host opens its own file, a guest nothing of this machine", () => {
  const session = { id: "s", state: "open", me: "me", members: [] } as const;
  const host = { ...session, role: "host", folder: "file:///project" } as const;
  const guest = { ...session, role: "editor" } as const;
  const open = (of: typeof host | typeof guest, uri: string) => documentOf({ ...of, members: [] }, uri).toString();
  expect(open(host, "earshot://s/a/b.txt")).toBe("file:///project/a/b.txt");
  expect(open(host, "file:///other.txt")).toBe("file:///other.txt");
  expect(open(guest, "earshot://s/a/b.txt")).toBe("earshot://s/a/b.txt");
  expect(() => open(guest, "file:///home/me/secret")).toThrow("not shared");
});

test("a shared text is called by its path in what is shared, which can't be an icon", () => {
  expect(titleOf(vscode.Uri.parse("earshot://s/src/$(x) a.txt"))).toBe("src/$ (x) a.txt");
});
