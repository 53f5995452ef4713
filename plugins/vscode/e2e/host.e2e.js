/** VS Code shares a folder; a colleague joins from a terminal; both edit, both see it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";
import { Person, until } from "./person.js";
import { Window } from "./window.js";

const host = new Person("Grace");
const guest = new Person("Ada");
let window;

after(async () => {
  await window?.close("host");
  await Promise.all([host.end(), guest.end()]);
});

test("a folder is shared; admit, edit on both sides, undo one's own, save [share-folder]", {
  timeout: 180_000,
}, async () => {
  const file = host.write("project/main.txt", "one\ntwo\n");
  window = await Window.open(host, file);
  await window.shows("one\ntwo\n");

  await window.command("Earshot: Share Folder");
  await window.notification("shared. Code");
  const { sessions } = JSON.parse(await host.run("rpc", "session/list", "{}"));
  const joined = guest.follow(
    ["join", "--json", sessions[0].link],
    (e) => e.event === "opened" || e.event === "joined",
  );
  const question = await window.notification("Ada (name not verified");
  assert.match(
    await question.textContent(),
    /check \d{6}: is it what Ada .* reads to you\? They want to join as editor\./,
  );
  await question.getByText("Admit to edit").click();
  await joined;

  const uri = `earshot://${sessions[0].id}/main.txt`;
  await guest.run("edit", uri, "--at", "1:1", "Ada: ");
  await window.shows("Ada: one\ntwo\n");

  await window.click("two");
  await window.type(" and more");
  await window.shows("Ada: one\ntwo and more\n");
  await guest.run("edit", uri, "--at", "1:1", "Again ");
  await window.shows("Again Ada: one\ntwo and more\n");
  assert.equal(await guest.run("cat", uri), "Again Ada: one\ntwo and more\n");

  await window.press("Control+z");
  await window.shows("Again Ada: one\ntwo\n");
  await window.press("Control+y");
  await window.shows("Again Ada: one\ntwo and more\n");
  await window.press("Control+s");
  await until(() => readFileSync(file, "utf8") === "Again Ada: one\ntwo and more\n");
  await window.tab("main.txt", { dirty: false });

  // A guest's save writes the file behind VS Code's back; it must not find a conflict there, at once or later.
  await guest.run("edit", uri, "--at", "2:1", "then ");
  await window.shows("Again Ada: one\nthen two and more\n");
  await window.tab("main.txt", { dirty: true });
  await guest.run("rpc", "document/save", JSON.stringify({ textDocument: { uri } }));
  await window.tab("main.txt", { dirty: false });
  await window.type("!");
  await window.shows("Again Ada: one\nthen two and more!\n");
  await window.press("Control+s");
  await until(() => readFileSync(file, "utf8") === "Again Ada: one\nthen two and more!\n");
});
