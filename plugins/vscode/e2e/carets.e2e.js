/** A colleague writes exactly where this person's caret is: VS Code's own rules must leave it there, before what they write. */
import { join } from "node:path";
import { after, test } from "node:test";
import { Person, until } from "./person.js";
import { Window } from "./window.js";

const host = new Person("Grace");
const guest = new Person("Ada");
let window;

after(async () => {
  await window?.close("carets");
  await Promise.all([host.end(), guest.end()]);
});

test("what one types goes on where one was, whatever a colleague writes there", { timeout: 180_000 }, async () => {
  host.write("project/main.txt", "one\ntwo\nend");
  const { session } = await host.follow(
    ["share", "--json", "--admit", "auto", join(host.home, "project")],
    (e) => e.event === "opened",
  );
  window = await Window.open(guest, guest.write("own/own.txt", "mine\n"));
  await window.command("Earshot: Join by Code or Link");
  await window.answer(session.link);
  await window.shows("one\ntwo\nend");
  const uri = `earshot://${session.id}/main.txt`;
  // What the host has was typed at carets that the extension knows of.
  const has = (text) => until(async () => (await host.run("cat", uri)) === text);

  await window.click("one");
  await window.command("Add Cursor Below");
  await window.type("!");
  await has("one!\ntwo!\nend");
  await host.run("edit", uri, "--at", "2:5", "\nTHEIRS");
  await window.shows("one!\ntwo!\nTHEIRS\nend");
  await host.run("edit", uri, "--at", "1:5", "X");
  await window.shows("one!X\ntwo!\nTHEIRS\nend");
  await window.type(" on");
  await window.shows("one! onX\ntwo! on\nTHEIRS\nend");
  await has("one! onX\ntwo! on\nTHEIRS\nend");

  await window.press("Escape");
  await window.press("Control+End");
  await window.type("!");
  await has("one! onX\ntwo! on\nTHEIRS\nend!");
  await host.run("edit", uri, "--at", "4:5", "\nLAST");
  await window.shows("one! onX\ntwo! on\nTHEIRS\nend!\nLAST");
  await window.status(/Ln 4, Col 5/); // at the end of the text the caret is put back, a moment later
  await window.type(" of mine");
  await window.shows("one! onX\ntwo! on\nTHEIRS\nend! of mine\nLAST");
  // What one takes back and brings back is one's own: one goes on behind it.
  await window.press("Control+z");
  await until(async () => !(await window.text()).includes("mine"));
  await window.press("Control+y");
  await window.shows("one! onX\ntwo! on\nTHEIRS\nend! of mine\nLAST");
  await window.type(".");
  await has("one! onX\ntwo! on\nTHEIRS\nend! of mine.\nLAST");
});
