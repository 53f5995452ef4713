import { expect, test } from "vitest";
import { colorsOf, lettersOn, palette } from "../src/core/colors";
import { Sessions } from "../src/core/sessions";
import { summarize } from "../src/core/summary";
import type { Member, Session } from "../src/protocol";

const member = (id: string, more: Partial<Member> = {}): Member => ({
  id,
  name: id,
  color: "#000000",
  role: "editor",
  state: "here",
  ...more,
});

const session = (members: Member[], more: Partial<Session> = {}): Session => ({
  id: "s",
  state: "open",
  me: "me",
  role: "host",
  members: [member("me", { role: "host" }), ...members],
  ...more,
});

function listen() {
  const told: string[] = [];
  const sessions = new Sessions({
    say: (sentence) => told.push(sentence),
    changed: () => {},
    ended: (_, why, lost) => told.push(lost ? `${why} (lost)` : why),
  });
  return { sessions, take: () => told.splice(0) };
}

test("who comes and goes is told, who waits is not", () => {
  const { sessions, take } = listen();
  sessions.update(session([member("Ada")]));
  expect(take()).toEqual([]);
  sessions.update(session([member("Ada"), member("Eve", { state: "waiting" })]));
  expect(take()).toEqual([]);
  sessions.update(session([member("Eve", { name: "Eve\u202e" })]));
  expect(take()).toEqual(["Eve is here.", "Ada has left."]);
});

test("a broken link is told once; a role is the daemon's to tell", () => {
  const { sessions, take } = listen();
  sessions.update(session([], { role: "editor" }));
  sessions.update(session([], { role: "viewer", state: "reconnecting" }));
  expect(take()).toEqual(["The link to the others broke; what you type is sent once it is back."]);
  sessions.update(session([], { role: "viewer", state: "open" }));
  expect(take()).toEqual(["The link to the others is back."]);
});

test("an end is told with its reason, and once", () => {
  const { sessions, take } = listen();
  sessions.update(session([]));
  const ended = session([], { state: "ended", reason: "the host ended it." });
  sessions.update(ended);
  sessions.update(ended);
  expect(take()).toEqual(["The session is over: the host ended it."]);
  expect(sessions.list()).toEqual([]);
});

test("an answer that comes late takes nothing back; a folder that is shared since is in it", () => {
  const { sessions, take } = listen();
  const asked = session([]);
  sessions.answered(asked);
  sessions.update(session([member("Ada", { path: "direct" })]));
  sessions.answered(asked);
  expect(sessions.of("s")?.members.at(-1)?.path).toBe("direct");
  sessions.answered({ ...asked, folder: "file:///project" });
  expect(sessions.of("s")).toMatchObject({ folder: "file:///project", members: [{ id: "me" }, { path: "direct" }] });
  expect(take()).toEqual(["Ada is here."]);
});

test("what a new daemon does not know is lost", () => {
  const { sessions, take } = listen();
  sessions.update(session([], { id: "a" }));
  sessions.replace([session([], { id: "b" })]);
  expect(take()).toEqual(["The session is over: the daemon no longer knows it. (lost)"]);
  expect(sessions.list().map((s) => s.id)).toEqual(["b"]);
});

test("the status tells how many are here, by which path, and who waits", () => {
  expect(summarize([], true, 0)).toBeUndefined();
  const two = session([member("Ada", { path: "direct", rttMs: 12.4 }), member("Eve", { state: "waiting" })]);
  expect(summarize([two], true, 1)).toEqual({
    text: "$(broadcast) Earshot 2 direct 12 ms $(bell) 1 guest waits",
    tooltip: "Shared by you\nme (you), host\nAda, editor, direct 12 ms\nEve (waiting), editor",
    urgent: true,
  });
  expect(summarize([session([])], true, 0)?.text).toBe("$(broadcast) Earshot: waiting for guests");
  const knocks = session([member("Eve", { state: "waiting" })]);
  expect(summarize([knocks, session([])], true, 1)?.text).toBe("$(broadcast) Earshot $(bell) 1 guest waits");
  expect(summarize([knocks, knocks], true, 2)?.text).toBe("$(broadcast) Earshot $(bell) 2 guests wait");
  expect(summarize([two, session([])], true, 0)?.text).toContain("Earshot 2");
  expect(summarize([two], false, 0)?.text).toBe("$(sync~spin) Earshot 2 direct 12 ms");
  // A guest is told its own path to the host, and other guests' to the host, which are none of its.
  const members = [member("host", { role: "host" }), member("me", { path: "relay", rttMs: 3 }), ...two.members];
  const viewer = { ...session([], { role: "viewer" }), members };
  expect(summarize([viewer], true, 0)?.text).toContain("$(eye) viewer relay 3 ms");
});

test("colours are the session's, and never two alike", () => {
  const members = [
    member("me"),
    member("a", { color: "#ABCDEF" }),
    member("b", { color: "#abcdef" }),
    member("c", { color: "x" }),
  ];
  const colors = colorsOf(members, "me");
  expect(colors.get("a")).toBe("#abcdef");
  expect(new Set(colors.values()).size).toBe(3);
  expect(colors.has("me")).toBe(false);
  expect(palette.map(lettersOn)).not.toContain(undefined);
  expect([lettersOn("#e69f00"), lettersOn("#0072b2")]).toEqual(["#000000", "#ffffff"]);
});
