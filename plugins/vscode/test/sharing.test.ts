import { beforeEach, expect, test } from "vitest";
import * as vscode from "vscode";
import { Sessions } from "../src/core/sessions";
import type { Member, Role, Session } from "../src/protocol";
import { Sharing } from "../src/window/sharing";
import { window } from "./vscode";

const uri = vscode.Uri.parse("file:///a.txt");
const ada: Member = { id: "ada", name: "Ada", color: "#000000", role: "editor", state: "here" };
let asked: [method: string, params: unknown][];
let lists: { label: string; description?: string }[][];
let pick: string | undefined;
let sessions: Sessions;
let active: string | undefined;
let sharing: Sharing;

beforeEach(() => {
  asked = [];
  lists = [];
  active = undefined;
  sessions = new Sessions({ say: () => {}, changed: () => {}, ended: () => {} });
  Object.assign(window, {
    activeTextEditor: { document: { uri } },
    showQuickPick: (items: { label: string }[]) => {
      lists.push(items);
      return Promise.resolve(items.find(({ label }) => label === pick));
    },
  });
  const request = (method: string, params: { session?: string }) => {
    asked.push([method, params]);
    return Promise.resolve({
      session: { id: params.session ?? "new", state: "open", me: "me", role: "host", members: [] },
    });
  };
  const documents = {
    during: (_: unknown, share: () => Promise<unknown>) => share(),
    sessionOf: () => (active === undefined ? undefined : sessions.of(active)),
  };
  const call = (method: string, params: object) => ({ answer: request(method, params) });
  const connection = { connect: () => Promise.resolve(), request, call, cancel: () => {} };
  sharing = new Sharing(connection as never, sessions, documents as never, {} as never);
});

function run(id: string, role: Role, ...members: Member[]): void {
  sessions.update({ id, state: "open", me: "me", role, members });
}

const documents = [uri.toString()];

test("the first share begins a session, and a guest's is no reason to ask", async () => {
  run("theirs", "editor");
  await sharing.shareFile();
  expect([asked, lists]).toEqual([[["session/share", { documents }]], []]);
});

test.each<[string, [string, unknown][]]>([
  ["Add it to the session that runs", [["session/widen", { session: "s", documents }]]],
  ["Begin a session of its own", [["session/share", { documents }]]],
  ["", []],
])("where a session of one's own runs, the person chooses: %s", async (choice, want) => {
  run("s", "host", ada);
  pick = choice;
  await sharing.shareFile();
  expect(lists[0]?.map((item) => item.description)).toEqual(["with Ada", "with another code"]);
  expect(asked).toEqual(want);
});

test("the session that is meant is that of the active text; else it is asked for", async () => {
  run("s", "host", ada);
  run("t", "editor");
  active = "t";
  expect((await sharing.choose())?.id).toBe("t");
  expect(lists).toEqual([]);
  active = undefined;
  pick = "Yours, with Ada";
  expect((await sharing.choose())?.id).toBe("s");
  active = "t";
  pick = undefined;
  await sharing.leave(); // whatever is active: leaving the wrong one can't be taken back
  expect([lists.length, asked]).toEqual([2, []]);
});

test.each<[Role, string]>([
  ["host", "You ended the session, for everybody."],
  ["editor", "You left the session."],
])("who leaves as %s is told once what that did", async (role, told) => {
  run("s", role, ada);
  const session = sessions.list()[0] as Session;
  expect(sharing.farewell(session)).toBeUndefined();
  await sharing.leave();
  expect(asked).toEqual([["session/leave", { session: "s" }]]);
  expect([sharing.farewell(session), sharing.farewell(session)]).toEqual([told, undefined]);
});

const link = "http://192.168.1.5:47300/j#A4X9-S.H";
test.each([
  ["a4x9-k7q2m1", "a4x9-k7q2m1"],
  [link, link],
  ["vscode://earshot.earshot/join#A4X9-K7Q2M1", "A4X9-K7Q2M1"],
  [`vscodium://earshot.earshot/join#${encodeURIComponent(link)}`, link],
  ["vscode://other.other/join#A4X9-K7Q2M1", "vscode://other.other/join#A4X9-K7Q2M1"],
])("what is typed to join may be a code, a link, or one that opens VS Code: %s", async (typed, code) => {
  Object.assign(window, { showInputBox: () => Promise.resolve(` ${typed}`) });
  await sharing.join("");
  expect(asked).toEqual([["session/join", expect.objectContaining({ code })]]);
});
