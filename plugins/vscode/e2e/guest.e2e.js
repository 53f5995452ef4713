/** VS Code joins what a terminal shares: the file lives with the host, as a viewer one only looks, and nothing remains. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { Person, until } from "./person.js";
import { Window } from "./window.js";

const host = new Person("Grace");
const guest = new Person("Ada");
const canary = "canary1f3a9c";
let window;

after(async () => {
  await window?.close("guest");
  await Promise.all([host.end(), guest.end()]);
});

/** Files below a folder that hold a text. */
function holding(folder, text) {
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, name))
    .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile() && readFileSync(file).includes(text));
}

test("join by link, edit, save, be made a viewer, leave nothing behind", { timeout: 180_000 }, async () => {
  host.write("project/main.txt", "one\ntwo\n");
  host.write("project/other.txt", "other\n");
  const opened = await host.follow(
    ["share", "--json", "--admit", "auto", join(host.home, "project")],
    (e) => e.event === "opened",
  );
  const { session } = opened;
  const own = guest.write("own/own.txt", "mine\n");
  window = await Window.open(guest, own);
  await window.shows("mine\n");

  await window.command("Earshot: Join by Code or Link");
  await window.answer(session.link);
  await window.pick("main.txt");
  await window.shows("one\ntwo\n");

  const uri = `earshot://${session.id}/main.txt`;
  await window.click("two");
  await window.type(" more");
  await window.shows("one\ntwo more\n");
  await host.run("edit", uri, "--at", "1:1", `${canary} `);
  await window.shows(`${canary} one\ntwo more\n`);
  await window.press("Control+s");
  await until(() => readFileSync(join(host.home, "project/main.txt"), "utf8") === `${canary} one\ntwo more\n`);
  await window.tab("main.txt", { dirty: false });

  const { members } = JSON.parse(await host.run("rpc", "session/list", "{}")).sessions[0];
  const member = members.find((m) => m.name === "Ada").id;
  const setRole = (role) => host.run("rpc", "member/setRole", JSON.stringify({ session: session.id, member, role }));
  await setRole("viewer");
  await window.notification("The host has made you a viewer");
  await window.locked("main.txt", true);
  await window.type("x");
  await host.run("edit", uri, "--at", "2:1", "and ");
  await window.shows(`${canary} one\nand two more\n`);
  await setRole("editor");
  await window.locked("main.txt", false);
  await window.type("y");
  await window.shows(`${canary} one\nand two morey\n`);
  assert.equal(await host.run("cat", uri), `${canary} one\nand two morey\n`);

  await host.run("leave", "--unsaved", "discard");
  await window.notification("The session is over");
  await window.shows("mine\n");
  assert.deepEqual(holding(guest.home, canary), []);
});

test("a line that a colleague adds on top of equal ones, to a text that is not active, comes once", {
  timeout: 180_000,
}, async () => {
  host.write("project/equal.txt", "\n".repeat(6));
  host.write("project/active.txt", "active\n");
  const share = ["share", "--json", "--admit", "auto", join(host.home, "project")];
  const { session } = await host.follow(share, (e) => e.event === "opened");
  await window.command("Earshot: Join by Code or Link");
  await window.answer(session.link);
  await window.pick("equal.txt");
  await window.shows("\n".repeat(6));
  await window.command("Earshot: Open a Shared File");
  await window.pick("active.txt");
  await window.shows("active\n");

  const uri = `earshot://${session.id}/equal.txt`;
  await host.run("edit", uri, "--at", "1:1", "\n");
  await window.page.locator(".tab", { hasText: "equal.txt" }).click();
  await window.shows("\n".repeat(7));
  assert.equal(await host.run("cat", uri), "\n".repeat(7));
});
