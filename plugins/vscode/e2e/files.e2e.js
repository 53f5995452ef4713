/** Files of every kind between two windows of VS Code: what one sees the other sees, and the bytes on the disk stay their own. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join as joinPath } from "node:path";
import { after, before, test } from "node:test";
import { admit, join, people, shareFolder } from "./pair.js";
import { until } from "./person.js";
import { Window } from "./window.js";

const timeout = 240_000;
const [grace, ada] = people();
const long = "x".repeat(100_000);
let host;
let guest;
let second;
let session;

before(async () => {
  const bytes = {
    "crlf.txt": "one\r\ntwo\r\n",
    "mixed.txt": "one\r\ntwo\nthree\r\n",
    "bom.txt": "\ufeffone\ntwo\n",
    "noeol.txt": "one\ntwo",
    "empty.txt": "",
    "long.txt": `${long}\nshort\n`,
    "changed.txt": "one\ntwo\nthree\n",
  };
  for (const [name, text] of Object.entries(bytes)) grace.write(`project/${name}`, text);
  host = await Window.open(grace, grace.write("project/main.txt", "main\n"));
  guest = await Window.open(ada, ada.write("own/own.txt", "mine\n"));
  session = await shareFolder(host, grace);
  await join(guest, session.link, () => admit(host, "Ada"), "main.txt");
  await guest.shows("main\n");
});

after(async () => {
  await host?.close("files-host");
  await second?.close("files-second");
  await guest?.close("files-guest");
  await Promise.all([grace.end(), ada.end()]);
});

const disk = (name) => readFileSync(joinPath(grace.home, "project", name), "utf8");

/** Opens a file at the guest, or at both, and waits for a line of it. */
async function open(name, line, windows = [guest, host]) {
  if (windows.includes(guest)) {
    await guest.command("Earshot: Open a Shared File");
    await guest.pick(name);
    await guest.sees(line);
  }
  if (windows.includes(host)) {
    await host.page.locator(".explorer-viewlet .monaco-list-row", { hasText: name }).dblclick();
    await host.sees(line);
  }
}

/** The guest adds to the end of a line and saves: the host's window and file have it. */
async function guestWrites(name, at, text) {
  await guest.click(at);
  await guest.type(text);
  await host.sees(at + text);
  await guest.press("Control+s");
  await until(() => disk(name).includes(at + text));
}

test("CRLF stays CRLF, and what is typed gets it", { timeout }, async () => {
  await open("crlf.txt", "two");
  await guestWrites("crlf.txt", "one", " and");
  await guest.type("\nmore");
  await host.shows("one and\nmore\ntwo\n");
  await host.press("Control+s");
  await until(() => disk("crlf.txt") === "one and\r\nmore\r\ntwo\r\n");
});

test("line ends of several kinds are refused with a sentence, and stay", { timeout }, async () => {
  await guest.command("Earshot: Open a Shared File");
  await guest.pick("mixed.txt");
  await guest.page.getByText("line ends of several kinds").first().waitFor();
  await host.page.locator(".explorer-viewlet .monaco-list-row", { hasText: "mixed.txt" }).dblclick();
  await host.notification("line ends of several kinds");
  assert.equal(disk("mixed.txt"), "one\r\ntwo\nthree\r\n");
});

test("a byte order mark stays where it is, and is no character", { timeout }, async () => {
  await open("bom.txt", "one");
  await guest.click("one");
  await guest.press("Home");
  await guest.type("at the start, ");
  await host.shows("at the start, one\ntwo\n");
  await guest.press("Control+s");
  await until(() => disk("bom.txt") === "\ufeffat the start, one\ntwo\n");
  await host.click("two");
  await host.type("!");
  await guest.shows("at the start, one\ntwo!\n");
  await host.press("Control+s");
  await until(() => disk("bom.txt") === "\ufeffat the start, one\ntwo!\n");
});

test("a text without a final newline gets none", { timeout }, async () => {
  await open("noeol.txt", "two");
  await guestWrites("noeol.txt", "two", " of two");
  assert.equal(disk("noeol.txt"), "one\ntwo of two");
});

test("an empty file, from both sides", { timeout }, async () => {
  await open("empty.txt", "");
  await guest.page.locator(".editor-instance .view-line").first().click();
  await guest.type("first");
  await host.shows("first");
  await host.press("Control+End");
  await host.type(" and last");
  await guest.shows("first and last");
  await guest.press("Control+s");
  await until(() => disk("empty.txt") === "first and last");
  await guest.press("Control+a");
  await guest.press("Delete");
  await host.shows("");
});

test("a line of 100,000 characters", { timeout }, async () => {
  await open("long.txt", "short");
  await guest.click("short");
  await guest.press("ArrowUp");
  await guest.press("End");
  await guest.type("!");
  await until(async () => (await grace.run("cat", `earshot://${session.id}/long.txt`)) === `${long}!\nshort\n`);
  await host.click("short");
  await host.press("ArrowUp");
  await host.press("End");
  await host.type("?");
  await guest.press("Control+s");
  await until(() => disk("long.txt") === `${long}!?\nshort\n`);
});

test("a file that another program changes while both have it open", { timeout }, async () => {
  await open("changed.txt", "two");
  writeFileSync(joinPath(grace.home, "project/changed.txt"), "one\ntwo from elsewhere\nthree\n");
  for (const window of [host, guest]) await window.shows("one\ntwo from elsewhere\nthree\n");
  await guestWrites("changed.txt", "three", " goes on");
  assert.equal(disk("changed.txt"), "one\ntwo from elsewhere\nthree goes on\n");
});

test("two editors of one person on one text", { timeout }, async () => {
  await open("main.txt", "main");
  const uri = `earshot://${session.id}/main.txt`;
  second = await guest.another(ada);
  await second.command("Earshot: Open a Shared File");
  await second.pick("main.txt");
  await second.sees("main");
  await second.click("main");
  await second.type(" from the second");
  for (const window of [host, guest]) await window.shows("main from the second\n");
  await guest.click("main");
  await Promise.all([guest.type(" and the first"), second.type(", both at once")]);
  await until(async () => {
    const text = await host.text();
    return (
      text.length === "main from the second and the first, both at once\n".length &&
      text === (await guest.text()) &&
      text === (await second.text())
    );
  });
  assert.equal(await ada.run("cat", uri), await host.text());
  await second.close("files-second");
  second = undefined;
});
