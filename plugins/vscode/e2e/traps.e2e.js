/** What VS Code does by itself to a text: line ends, brackets, several cursors, clean-up on save. A colleague sees the same. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { Person, until } from "./person.js";
import { Window } from "./window.js";

const host = new Person("Grace");
const guest = new Person("Ada");
let file;
let uri;
let window;

before(async () => {
  file = host.write("project/main.txt", "one\r\ntwo\r\nthree");
  window = await Window.open(host, file, {
    "editor.autoClosingBrackets": "always",
    "files.trimTrailingWhitespace": true,
    "files.insertFinalNewline": true,
  });
  await window.command("Earshot: Share Folder");
  await window.notification("shared. Code");
  const [session] = JSON.parse(await host.run("rpc", "session/list", "{}")).sessions;
  const joined = guest.follow(["join", "--json", session.link], (e) => e.event === "opened" || e.event === "joined");
  await (await window.notification("Ada (name not verified")).getByText("Admit to edit").click();
  await joined;
  uri = `earshot://${session.id}/main.txt`;
});

after(async () => {
  await window?.close("traps");
  await Promise.all([host.end(), guest.end()]);
});

/** Waits until window and colleague show this text, whose line ends are the colleague's own affair. */
async function bothShow(text) {
  await window.shows(text);
  await until(async () => (await guest.run("cat", uri)).replace(/\r\n/g, "\n") === text);
}

test("several cursors, brackets that close themselves, and characters of two units", async () => {
  await window.click("one");
  await window.command("Add Cursor Below");
  await window.type(" (x");
  await bothShow("one (x)\ntwo (x)\nthree");
  await window.type(")!");
  await window.page.keyboard.insertText(" é🎉");
  await bothShow("one (x)! é🎉\ntwo (x)! é🎉\nthree");
  await guest.run("edit", uri, "--at", "1:12", "after the emoji");
  await bothShow("one (x)! é🎉after the emoji\ntwo (x)! é🎉\nthree");
});

test("saving trims and ends the text; the file keeps its line ends", async () => {
  await window.click("three");
  await window.type("   ");
  await window.press("Control+s");
  await bothShow("one (x)! é🎉after the emoji\ntwo (x)! é🎉\nthree\n");
  await until(() => readFileSync(file, "utf8") === "one (x)! é🎉after the emoji\r\ntwo (x)! é🎉\r\nthree\r\n");
});

test("other line ends are no change of the text, and edits go on", async () => {
  await window.command("Change End of Line Sequence");
  await window.pick("LF");
  await guest.run("edit", uri, "--at", "2:1", "new\nlines\n");
  await bothShow("one (x)! é🎉after the emoji\nnew\nlines\ntwo (x)! é🎉\nthree\n");
  await window.click("lines");
  await window.type("\nand more");
  await bothShow("one (x)! é🎉after the emoji\nnew\nlines\nand more\ntwo (x)! é🎉\nthree\n");
  assert.equal(JSON.parse(await host.run("rpc", "daemon/status", "{}")).healed, 0);
});
