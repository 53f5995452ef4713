/** The core and the real daemon: two people, two daemons, one text. */
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Person, turn } from "./daemon";
import type { FakeDocument } from "./fake_editor";

/** How often each of the two presses a key at least; they go on, slower, until edits came and came too late on both sides. */
const keys = Number(process.env.KEYS ?? 300);

/** A generator of numbers in [0, 1) from a seed (mulberry32), so that a failure can be seen again. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One key somewhere in the text; every now and then a marker that has to be there once in the end. */
function press(document: FakeDocument, roll: () => number, marker: string | undefined): void {
  const text = document.shown;
  const at = Math.floor(roll() * (text.length + 1));
  const inMarker = /[\ud800-\udfff⟦⟧0-9A-Z]/.test(text.slice(Math.max(0, at - 2), at + 2));
  if (marker) document.type(insideMarker(text, at) ? text.length : at, 0, marker);
  else if (roll() < 0.3 && at < text.length && !inMarker) document.type(at, 1, "");
  else document.type(inMarker ? text.length : at, 0, roll() < 0.1 ? "\n" : roll() < 0.1 ? "é🎉" : "x");
}

function insideMarker(text: string, at: number): boolean {
  return text.lastIndexOf("⟦", at - 1) > text.lastIndexOf("⟧", at - 1) || /[\udc00-\udfff]/.test(text[at] ?? "");
}

/** Shorter than the tests may take: what is the matter is told before they are ended. */
const patienceMs = 20_000;

async function equalAndQuiet(a: FakeDocument, b: FakeDocument): Promise<void> {
  const end = Date.now() + patienceMs;
  for (let quiet = 0; quiet < 200; ) {
    if (Date.now() > end) throw new Error(`they are not equal and quiet: ${JSON.stringify([a, b], null, 1)}`);
    const before = a.shown + b.shown;
    await turn(a, b);
    quiet = a.shown === b.shown && before === a.shown + b.shown ? quiet + 1 : 0;
  }
}

/** Waits until both show a text and stay with it; before, they may be equal for a while, for an edit is still to come. */
async function bothShow(text: string, a: FakeDocument, b: FakeDocument): Promise<void> {
  for (const end = Date.now() + patienceMs; a.shown !== text || b.shown !== text; await turn(a, b))
    if (Date.now() > end)
      throw new Error(`they show ${JSON.stringify([a.shown, b.shown])}, not ${JSON.stringify(text)}`);
  await equalAndQuiet(a, b);
  expect(a.shown).toBe(text);
}

describe("two daemons", () => {
  let host: Person;
  let guest: Person;

  beforeEach(() => {
    host = new Person("Grace");
    guest = new Person("Ada");
  });

  afterEach(async () => {
    await Promise.all([host.end(), guest.end()]);
  });

  async function meet(name: string, text: string, eol?: "\r\n"): Promise<[FakeDocument, FakeDocument]> {
    const path = host.file(name, text);
    const session = await host.share();
    await guest.join(session.link ?? "");
    const own = host.open(`file://${path}`, text.replace(/\r\n/g, "\n"), eol);
    const uri = `earshot://${session.id}/${name}`;
    const got = await guest.connection.request("workspace/textDocumentContent", { uri });
    expect(got.text).toBe(text);
    const theirs = guest.open(uri, text.replace(/\r\n/g, "\n"), eol);
    await guest.until(() => guest.changes.some((c) => c.uri === uri));
    return [own, theirs];
  }

  test.each([
    ["plain.txt", "one\ntwo\nthree\n", undefined],
    ["crlf.txt", "one\r\ntwo\r\nthree", "\r\n" as const],
    ["empty.txt", "", undefined],
  ])("%s: both type at once, and end with the same text and every marker once", async (name, text, eol) => {
    const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
    const [own, theirs] = await meet(name, text, eol);
    const roll = dice(seed);
    const markers: string[] = [];
    const crossed = (d: FakeDocument) => d.applied >= 20 && d.refused >= 1;
    const end = Date.now() + patienceMs;
    for (let i = 0; i < keys || !crossed(own) || !crossed(theirs); i++) {
      if (Date.now() > end)
        throw new Error(`SEED=${seed}, key ${i}: nothing comes across: ${JSON.stringify([own, theirs])}`);
      for (const [who, document] of [["H", own] as const, ["G", theirs] as const]) {
        const marker = i % 20 === 0 ? `⟦${who}${i}⟧` : undefined;
        if (marker) markers.push(marker);
        press(document, roll, marker);
        // Between two keys goes some time, and messages lag, so that edits and keys cross.
        for (let turns = roll() * 30; turns > 0; turns--) await turn(...[own, theirs].filter(() => roll() < 0.5));
        // On a busy machine a daemon's answer takes many of these: an edit comes across where somebody pauses for longer.
        for (const until = Date.now() + (i < keys ? 0 : roll() * 20); Date.now() < until; ) await turn(own, theirs);
      }
    }
    await equalAndQuiet(own, theirs);
    for (const marker of markers) expect(own.shown.split(marker), `${marker}, SEED=${seed}`).toHaveLength(2);
    const status = await host.connection.request("daemon/status", {});
    expect(status.healed).toBe(0);
  });

  test("one takes back only one's own, and a guest's save writes the host's file", async () => {
    const [own, theirs] = await meet("a.txt", "middle\n");
    own.type(0, 0, "host ");
    theirs.type(theirs.shown.length, 0, "guest\n");
    await bothShow("host middle\nguest\n", own, theirs);
    const textDocument = { uri: theirs.uri };
    expect(await guest.connection.request("textDocument/undo", { textDocument })).toEqual({ applied: true });
    await bothShow("host middle\n", own, theirs);
    expect(await guest.connection.request("textDocument/redo", { textDocument })).toEqual({ applied: true });
    await bothShow("host middle\nguest\n", own, theirs);
    await guest.connection.request("document/save", { textDocument });
    expect(readFileSync(own.uri.slice("file://".length), "utf8")).toBe("host middle\nguest\n");
  });

  test("a scratch text is shared with what is in it", async () => {
    await host.connection.connect();
    const own = host.open("untitled:Untitled-1", "draft");
    const session = await host.share([own.uri]);
    await guest.join(session.link ?? "");
    const { entries } = await guest.connection.request("file/list", { session: session.id, recursive: true });
    expect(entries.map((e) => e.kind)).toEqual(["file"]);
    const uri = entries[0]?.uri ?? "";
    const { text } = await guest.connection.request("workspace/textDocumentContent", { uri });
    expect(text).toBe("draft");
    const theirs = guest.open(uri, text);
    theirs.type(5, 0, " and more");
    await bothShow("draft and more", own, theirs);
  });

  test("what was typed while the connection was gone is there once when it is back", async () => {
    const [own, theirs] = await meet("a.txt", "middle\n");
    theirs.type(0, 0, "before ");
    await equalAndQuiet(own, theirs);
    const times = guest.times;
    guest.loseConnection();
    theirs.type(theirs.shown.length, 0, "meanwhile\n");
    own.type(0, 0, "host ");
    await guest.until(() => guest.times > times);
    await bothShow("host before middle\nmeanwhile\n", own, theirs);
  });

  test("a daemon that was killed is started again; its session is over, and the text stays", async () => {
    const [own, theirs] = await meet("a.txt", "middle\n");
    const times = guest.times;
    process.kill((await guest.connection.request("daemon/status", {})).pid, "SIGKILL");
    theirs.type(0, 0, "kept ");
    await guest.until(() => guest.times > times && guest.sessions.list().length === 0);
    expect(guest.said).toContain("The session is over: the daemon no longer knows it.");
    await theirs.settle();
    expect([own.shown, theirs.shown]).toEqual(["middle\n", "kept middle\n"]);
  });

  test("a viewer's typing is taken back", async () => {
    const [own, theirs] = await meet("a.txt", "middle\n");
    const session = host.sessions.list()[0];
    const member = session?.members.find((m) => m.id !== session.me);
    await host.connection.request("member/setRole", {
      session: session?.id ?? "",
      member: member?.id ?? "",
      role: "viewer",
    });
    await guest.until(() => guest.sessions.list()[0]?.role === "viewer");
    theirs.type(0, 0, "x");
    await bothShow("middle\n", own, theirs);
    expect(guest.said).toContain("The host has made you a viewer: you can read, and what you type is taken back.");
  });

  test("the end of a session is told with its reason", async () => {
    await meet("a.txt", "middle\n");
    await host.connection.request("session/leave", { session: host.sessions.list()[0]?.id ?? "" });
    await guest.until(() => guest.sessions.list().length === 0);
    expect(guest.said.at(-1)).toMatch(/^The session is over: .+\.$/);
  });
});
