import { expect, test } from "vitest";
import * as vscode from "vscode";
import { Sessions } from "../src/core/sessions";
import type { Role } from "../src/protocol";
import { Marks } from "../src/window/marks";

const uri = vscode.Uri.parse("earshot://s/a.txt");
const form = { eol: "lf", bom: false, encoding: "utf-8", finalNewline: true };

test("a guest sees on the tab what is not saved at the host, and why a text is read-only", () => {
  const sessions = new Sessions({ say: () => {}, changed: () => {}, ended: () => {} });
  const marks = new Marks(sessions);
  const fired: string[] = [];
  marks.onDidChangeFileDecorations((uris) => fired.push(...[uris].flat().map((u) => u?.toString() ?? "")));
  const be = (role: Role) => sessions.update({ id: "s", state: "open", me: "me", role, members: [] });
  const tell = (dirty: boolean, readonly = false) => marks.changed({ uri: uri.toString(), dirty, readonly, form });
  const shown = () => marks.provideFileDecoration(uri);

  be("editor");
  expect(shown()).toBeUndefined();
  tell(true);
  expect([shown()?.badge, shown()?.tooltip]).toEqual(["●", "Changed, and not saved at the host yet."]);
  tell(false);
  expect(shown()).toBeUndefined();
  tell(true, true);
  expect(shown()?.tooltip).toBe("Read-only: the host's file can't be written.");
  be("viewer");
  expect([shown()?.badge, shown()?.tooltip]).toEqual([
    undefined,
    "Read-only: you are a viewer here. Ask the host to let you edit.",
  ]);
  marks.changed({ uri: "file:///b.txt", dirty: true, readonly: false, form });
  expect(fired).toEqual([uri, uri, uri].map(String));
  marks.forget("s");
  expect([shown(), marks.isDirty(uri)]).toEqual([undefined, false]);
});
