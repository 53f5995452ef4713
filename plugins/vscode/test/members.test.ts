import { beforeEach, expect, test } from "vitest";
import type * as vscode from "vscode";
import type { Cursor, Member, Role, Session } from "../src/protocol";
import { Members } from "../src/window/members";
import { commands, window } from "./vscode";

const member = (id: string, name: string, role: Role, state: Member["state"] = "here"): Member => ({
  ...{ id, name, role, state, color: "#000000" },
});
const host = member("me", "Grace", "host");
const ada = member("ada", "Ada", "editor");
const bob = member("bob", "$(verified) Bob", "viewer", "waiting");
const at = { line: 4, character: 2 };
const place: Cursor = {
  member: "ada",
  client: "c",
  textDocument: { uri: "earshot://s/src/a%20b.txt" },
  selections: [{ anchor: at, active: at }],
};

let lists: { label: string; description?: string }[][];
let picks: (string | undefined)[];
let done: unknown[];
let where: Cursor | undefined;
let members: Members;

beforeEach(() => {
  lists = [];
  picks = [];
  done = [];
  where = place;
  const doing = (what: unknown) => Promise.resolve(void done.push(what));
  Object.assign(window, {
    showQuickPick: (items: { label: string }[]) => {
      lists.push(items);
      const wished = picks.shift();
      return Promise.resolve(items.find((item) => wished !== undefined && item.label.startsWith(wished)));
    },
    showTextDocument: (uri: vscode.Uri, options: vscode.TextDocumentShowOptions) =>
      doing([uri.toString(), options.selection?.start.line]),
    showInformationMessage: doing,
  });
  commands.executeCommand = doing;
  members = new Members(
    { of: (_: string, id: string) => (id === "ada" ? where : undefined) } as never,
    { start: (_: string, id: string) => doing(`follow ${id}`) } as never,
    { named: () => undefined } as never,
    { request: (method: string, params: unknown) => doing([method, params]) } as never,
  );
});

const session = (me: Member, ...others: Member[]): Session => ({
  ...{ id: "s", state: "open", me: me.id, role: me.role, members: [me, ...others] },
  ...(me.role === "host" && { folder: "file:///project" }),
});

test("the others come first, with role and place; a name is no icon", async () => {
  await members.show(session(host, ada, bob));
  expect(lists[0]?.map((item) => [item.label, item.description])).toEqual([
    ["Ada, editor", "a b.txt:5"],
    ["$ (verified) Bob (waiting), viewer", ""],
    ["Grace (you), host", ""],
  ]);
});

test.each<[string, unknown]>([
  ["Go there", ["file:///project/src/a%20b.txt", 4]],
  ["Follow", "follow ada"],
  ["Let them look only", ["member/setRole", { session: "s", member: "ada", role: "viewer" }]],
  ["Send them away", ["member/remove", { session: "s", member: "ada" }]],
])("a host can choose: %s", async (deed, want) => {
  picks = ["Ada", deed];
  await members.show(session(host, ada));
  expect(done).toEqual([want]);
});

test("whom a host sends away may ask again, and the list does not say otherwise", async () => {
  picks = ["Ada"];
  await members.show(session(host, ada));
  expect(lists[1]?.at(-1)).toMatchObject({ label: "Send them away", description: "who has the code can ask again" });
});

test("a guest can only go there and follow", async () => {
  picks = ["Ada"];
  await members.show(session({ ...host, role: "editor" }, ada));
  expect(lists[1]?.map((item) => item.label)).toEqual(["Go there", "Follow"]);
});

test("who waits at the door can be let in from the list", async () => {
  picks = ["$ (verified) Bob", "Let them in"];
  await members.show(session(host, bob));
  expect(done).toEqual(["earshot.admit"]);
});

test("the only other one is gone to, or followed, without a question", async () => {
  await members.follow(session(host, ada, bob));
  await members.goTo(session(host, ada, bob));
  expect([lists, done.length]).toEqual([[], 2]);
  where = undefined;
  await members.goTo(session(host, ada));
  expect(done.at(-1)).toBe("Earshot: Ada is in no shared text now.");
  await members.follow(session(host, ada));
  expect(done.slice(-2)).toEqual([
    "follow ada",
    "Earshot: Ada is in no shared text yet; you are led as soon as they are.",
  ]);
  await expect(members.goTo(session(host, bob))).rejects.toThrow("Nobody else is here.");
});
