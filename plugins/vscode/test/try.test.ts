/** The command "Try It Alone", with a program that stands for `earshot` and says what it is told to. */
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Sessions } from "../src/core/sessions";
import type { Session } from "../src/protocol";
import { Try } from "../src/window/try";
import { window, workspace } from "./vscode";

const opened = JSON.stringify({
  event: "opened",
  session: {
    id: "s",
    state: "open",
    me: "robin",
    role: "host",
    code: "AAAA-BBBBBB",
    link: "http://x/j#L",
    members: [],
  },
  uri: "earshot://s/hello.txt",
  colleague: "Robin",
  pid: 1,
});
const joined: Session = { id: "s", state: "open", me: "me", role: "editor", members: [] };

let folder: string;
let asked: [method: string, params: unknown][];
let refuses: Error | undefined;
let told: string[];
let shown: string[];
let sessions: Sessions;
let trial: Try;

/** A program that says these lines, then does the rest, and notes in files that it runs and that it was asked to end. */
function program(lines: string[], rest: string): void {
  const says = lines.map((line) => `echo '${line}'\n`).join("");
  const file = join(folder, "earshot");
  const body = `[ "$*" = "try --json" ] || exit 9\ntrap 'touch ${folder}/asked-to-end; exit 0' TERM\ntouch ${folder}/runs\n`;
  writeFileSync(file, `#!/bin/sh\n${body}${says}${rest}\n`);
  chmodSync(file, 0o700);
}

/** The shell looks at its traps between two of these. */
const stays = "while :; do sleep 0.02; done";
const there = (name: string) => vi.waitFor(() => expect(existsSync(join(folder, name))).toBe(true), 10_000);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "es-"));
  asked = [];
  refuses = undefined;
  told = [];
  shown = [];
  Object.assign(window, {
    progress: [],
    cancels: undefined,
    showInformationMessage: (sentence: string) => Promise.resolve(told.push(sentence)),
    showTextDocument: (uri: { toString(): string }) => Promise.resolve(shown.push(uri.toString())),
  });
  workspace.settings = { name: "Ada" };
  sessions = new Sessions({ say: () => {}, changed: () => {}, ended: () => {} });
  const request = (method: string, params: unknown) => {
    asked.push([method, params]);
    return refuses ? Promise.reject(refuses) : Promise.resolve({ session: joined });
  };
  const connection = { connect: () => Promise.resolve(), request };
  trial = new Try(() => join(folder, "earshot"), connection as never, sessions);
});

afterEach(() => {
  trial.dispose();
  workspace.settings = {};
  rmSync(folder, { recursive: true, force: true });
});

test("the colleague's text is joined by the link and shown, and so is what the colleague says", async () => {
  const steps = [
    '{"event":"step","step":"joined","message":"Ada is in."}',
    '{"event":"step","step":"x","message":"Bye."}',
  ];
  program([opened, "no line of ours", ...steps, '{"event":"ended","message":"That was it."}'], "exit 0");
  await trial.begin();
  expect(asked).toEqual([["session/join", { code: "http://x/j#L", name: "Ada" }]]);
  expect(window.progress.slice(1)).toEqual(["Ada is in.", "Bye."]);
  expect(told).toEqual(["Earshot: That was it."]);
});

test("the text opens while the colleague is there", async () => {
  program([opened], stays);
  const over = trial.begin();
  await vi.waitFor(() => expect(shown).toEqual(["earshot://s/hello.txt"]), 10_000);
  expect(sessions.list()).toEqual([joined]);
  await expect(trial.begin()).rejects.toThrow("A trial runs already");
  trial.left("another session");
  expect(existsSync(join(folder, "asked-to-end"))).toBe(false);
  trial.left("s");
  await over;
  await there("asked-to-end");
});

test.each<[string, () => void]>([
  ["cancelling", () => window.cancels?.()],
  ["the end of the window", () => trial.dispose()],
])("%s ends the colleague, and is no error", async (_, act) => {
  program([], stays);
  const over = trial.begin();
  await there("runs");
  act();
  await over;
  await there("asked-to-end");
});

test("why there is no colleague is said in one sentence", async () => {
  program([], 'echo "earshot: no Robin today; try tomorrow" >&2; exit 1');
  await expect(trial.begin()).rejects.toThrow(/^no Robin today; try tomorrow$/);
  program([], "exit 0");
  await expect(trial.begin()).rejects.toThrow("unexpectedly");
  rmSync(join(folder, "earshot"));
  await expect(trial.begin()).rejects.toThrow("ENOENT");
});

test("a join that fails ends the colleague, and is told", async () => {
  refuses = new Error("The host refused.");
  program([opened], stays);
  await expect(trial.begin()).rejects.toThrow("The host refused.");
  await there("asked-to-end");
});
