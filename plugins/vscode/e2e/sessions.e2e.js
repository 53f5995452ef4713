/** How sessions begin, grow and end between two windows of VS Code. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { admit, people, sessionsOf } from "./pair.js";
import { until } from "./person.js";
import { Window } from "./window.js";

const timeout = 180_000;
const [grace, ada] = people();
let file;
let host;
let guest;

before(async () => {
  file = grace.write("project/main.txt", "one\ntwo\n");
  grace.write("project/other.txt", "other\n");
  host = await Window.open(grace, file);
  guest = await Window.open(ada, ada.write("own/own.txt", "mine\n"));
});

after(async () => {
  await host?.close("sessions-host");
  await guest?.close("sessions-guest");
  await Promise.all([grace.end(), ada.end()]);
});

async function joins(code) {
  await guest.command("Earshot: Join by Code or Link");
  await guest.answer(code);
}

async function leaves(window) {
  await window.command("Earshot: Leave");
}

test("one file is shared, and its link is in the clipboard, or the code if one likes [start] [share-file]", {
  timeout,
}, async () => {
  await host.command("Earshot: Share This File");
  const told = await host.notification("shared. Code");
  const [session] = await sessionsOf(grace);
  assert.match(session.link, /\/j#/);
  assert.equal(await host.clipboard(), session.link);
  await told.getByText("Copy the Code Instead").click();
  await host.notification(`Code ${session.code} copied`);
  assert.equal(await host.clipboard(), session.code);
});

test("joining by code shows its stages, can be cancelled, and goes by what the host sees [join-code] [progress] [admit]", {
  timeout,
}, async () => {
  const [{ code }] = await sessionsOf(grace);
  await joins(code);
  const waiting = await guest.notification("read it to the host");
  await host.notification("Ada (name not verified");
  await waiting.getByText("Cancel").click();
  await until(async () => (await sessionsOf(grace))[0].members.every((m) => m.name !== "Ada"));
  assert.deepEqual(await sessionsOf(ada), []);

  await host.command("Notifications: Clear All Notifications");
  await joins(code);
  const [, check] = (await (await guest.notification("read it to the host")).textContent()).match(/check (\d{6})/);
  const question = await (await host.notification(`check ${check}`)).textContent();
  assert.match(question, /Ada \(name not verified/);
  assert.match(question, /They want to join as editor/);
  await admit(host, "Ada");
  await guest.shows("one\ntwo\n");
  assert.deepEqual(
    (await sessionsOf(ada)).map((s) => s.role),
    ["editor"],
  );
});

test("a share grows while it runs [widen]", { timeout }, async () => {
  await host.command("Earshot: Share Folder");
  await host.pick("Add it to the session that runs");
  await host.notification("shared in the session that runs");
  assert.equal((await sessionsOf(grace)).length, 1);
  await guest.command("Earshot: Open a Shared File");
  await guest.pick("other.txt");
  await guest.shows("other\n");
});

test("who leaves is asked what becomes of unsaved texts; the guest's tabs go, and it is told why [end]", {
  timeout,
}, async () => {
  await guest.click("other");
  await guest.type(" text");
  await guest.shows("other text\n");
  await until(
    async () => (await grace.run("cat", `earshot://${(await sessionsOf(grace))[0].id}/other.txt`)) === "other text\n",
  );
  await leaves(host);
  const question = host.page.locator(".monaco-dialog-box", { hasText: "What becomes of them?" });
  await question.waitFor();
  assert.match(await question.textContent(), /other\.txt/);
  await question.getByText("Save Them and Leave").click();
  await guest.notification("The session is over");
  await guest.shows("mine\n");
  assert.deepEqual(await guest.page.locator(".tab").allTextContents(), ["own.txt"]);
  await until(() => readFileSync(file.replace("main", "other"), "utf8") === "other text\n");
});

test("a scratch text is shared, and joined by its link [share-scratch] [join-link]", { timeout }, async () => {
  await host.command("Earshot: Share a Scratch Text");
  await host.notification("shared. Code");
  await host.type("from nowhere");
  const [{ link }] = await sessionsOf(grace);
  await joins(link);
  await admit(host, "Ada");
  await guest.shows("from nowhere");
  await guest.type("see: ");
  await host.shows("see: from nowhere");
  await leaves(guest);
  await guest.shows("mine\n");
  assert.deepEqual(await sessionsOf(ada), []);
});

test("a link of VS Code's own leads to the question, and no further by itself [join-uri]", { timeout }, async () => {
  const [{ code }] = await sessionsOf(grace);
  await guest.command("Developer: Open URL");
  await guest.answer(`vscode://earshot.earshot/join#${code}`);
  await guest.page.locator(".monaco-dialog-box").getByText("Open", { exact: true }).click();
  const input = guest.page.locator(".quick-input-widget input");
  await guest.page.waitForFunction((text) => document.querySelector(".quick-input-widget input")?.value === text, code);
  assert.equal(await input.inputValue(), code);
  assert.deepEqual(await sessionsOf(ada), []);
  await guest.press("Enter");
  await admit(host, "Ada");
  await guest.shows("see: from nowhere");
  await leaves(host);
});

test("what fails says what to do [errors]", { timeout }, async () => {
  await joins("nonsense");
  await guest.notification("This is not a code, or it has a typing error: check it");
  await joins("0000-000000");
  await guest.notification("No one on this machine is sharing under this code; check it, or use the link");
  await guest.command("View: Close All Editors");
  await guest.command("Earshot: Share This File");
  await guest.notification("There is no file to share: open one first, or share a scratch text.");
  await guest.command("Earshot: Copy the Code");
  await guest.notification("There is no such session: share something, or join one.");
  assert.deepEqual(await sessionsOf(ada), []);
});

/** Kills all processes of a person's program with an argument. */
function kill(person, argument) {
  const pids = person.processes(argument);
  assert.notEqual(pids.length, 0);
  for (const pid of pids) process.kill(pid, "SIGKILL");
}

test("connection and daemon may go and come back [daemon-lost]", { timeout }, async () => {
  await host.command("Notifications: Clear All Notifications");
  await host.page.locator(".tab", { hasText: "main.txt" }).click();
  await host.command("Earshot: Share Folder");
  await host.notification("shared. Code");
  const [{ link }] = await sessionsOf(grace);
  await joins(link);
  await admit(host, "Ada");
  await guest.pick("main.txt");
  await guest.shows("one\ntwo\n");

  // The connection alone: what was typed meanwhile gets there.
  kill(ada, "attach");
  await guest.click("one");
  await guest.type(" 1");
  await host.shows("one 1\ntwo\n");
  await host.click("two");
  await host.type(" 2");
  await guest.shows("one 1\ntwo 2\n");

  // The guest's daemon with its session: what was typed is not lost, and one joins again.
  kill(ada, "daemon");
  await guest.notification("The connection to the daemon was lost");
  await guest.notification("The session is over: the daemon no longer knows it");
  await guest.shows("one 1\ntwo 2\n");
  await guest.locked("main.txt", true);
  await guest.command("View: Close Editor");
  await joins(link);
  await admit(host, "Ada (2)"); // the host waits for the first one yet
  await guest.pick("main.txt");
  await guest.click("two");
  await guest.type(", again");
  await host.shows("one 1\ntwo 2, again\n");
});
