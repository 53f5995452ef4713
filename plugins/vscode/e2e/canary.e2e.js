/** Of a host's text nothing is on the disk of a guest, while VS Code runs, after it was closed, after it was killed, after its next start. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { backupsStamp, holding } from "./leftovers.js";
import { Person, until } from "./person.js";
import { Window } from "./window.js";

const host = new Person("Grace");
const guest = new Person("Ada");
const canary = `canary${randomBytes(4).toString("hex")}`;
let window;

after(async () => {
  await window?.close("canary");
  await Promise.all([host.end(), guest.end()]);
});

const left = () => holding(guest.home, canary);
const nothingLeft = () => until(() => left().length === 0);

/** Types what nobody saves, and waits until VS Code has written its backup. */
async function typeUnsaved(text) {
  const before = backupsStamp(guest);
  await window.click("two");
  await window.type(text);
  await until(() => backupsStamp(guest) !== before);
  await nothingLeft();
}

test("nothing of an unsaved text is left behind, however VS Code ends", { timeout: 400_000 }, async () => {
  host.write("project/main.txt", `${canary} one\ntwo\n`);
  host.write("project/other.txt", "other\n");
  const { session } = await host.follow(
    ["share", "--json", "--admit", "auto", join(host.home, "project")],
    (e) => e.event === "opened",
  );
  const uri = `earshot://${session.id}/main.txt`;
  const onDisk = () => readFileSync(join(host.home, "project/main.txt"), "utf8");
  const own = guest.write("own/own.txt", "this is mine\n");
  assert.deepEqual(holding(guest.home, "this is mine"), [own]);

  window = await Window.open(guest, own);
  await window.command("Earshot: Join by Code or Link");
  await window.answer(session.link);
  await window.pick("main.txt");
  await window.shows(`${canary} one\ntwo\n`);
  assert.deepEqual(left(), []);

  // VS Code is told that there is nothing to save, and has no reason for a backup.
  const none = backupsStamp(guest);
  await window.click("two");
  await window.type(` ${canary}`);
  await window.tab("main.txt", { dirty: true });
  await window.tab("main.txt", { dirty: false });
  assert.equal(backupsStamp(guest), none);
  assert.deepEqual(left(), []);

  // It is not told so while it could take a text of this person's for the one that is meant: then a backup is made, and removed.
  await window.page.locator(".tab", { hasText: "own.txt" }).click();
  await window.click("this is mine");
  await window.type("!");
  await window.page.locator(".tab", { hasText: "main.txt" }).click();
  await typeUnsaved("x");
  const before = backupsStamp(guest);
  await host.run("edit", uri, "--at", "1:1", `${canary} `);
  await window.shows(`${canary} ${canary} one\ntwo ${canary}x\n`);
  await until(() => backupsStamp(guest) !== before);
  await nothingLeft();

  await window.press("Control+s");
  await until(() => onDisk() === `${canary} ${canary} one\ntwo ${canary}x\n`);
  await window.tab("main.txt", { dirty: false });
  assert.deepEqual(left(), []);

  await typeUnsaved(" again");
  await window.close("canary-closed");
  assert.deepEqual(left(), []);

  // The tab comes back with the text that the others have, not with one of VS Code's own.
  await host.run("edit", uri, "--at", "1:1", "meanwhile ");
  window = await Window.open(guest, own, {}, { again: true });
  await window.page.locator(".tab", { hasText: "main.txt" }).click();
  await window.shows(`meanwhile ${canary} ${canary} one\ntwo ${canary}x again\n`);
  await typeUnsaved(", and again");
  await window.kill();
  assert.deepEqual(left(), []);

  window = await Window.open(guest, own, {}, { again: true });
  await window.page.locator(".tab", { hasText: "main.txt" }).click();
  await window.shows(`meanwhile ${canary} ${canary} one\ntwo ${canary}x again, and again\n`);
  // Its tab is closed by hand. VS Code asks about the text that it takes for unsaved; whatever is said, the others have it.
  await typeUnsaved("!");
  await window.command("View: Close Editor");
  await window.page.locator(".monaco-dialog-box").getByRole("button", { name: "Don't Save" }).click();
  await window.page.locator(".tab", { hasText: "main.txt" }).waitFor({ state: "detached" });
  await nothingLeft();
  await window.command("Earshot: Open a Shared File");
  await window.pick("main.txt");
  await window.shows(`meanwhile ${canary} ${canary} one\ntwo ${canary}x again, and again!\n`);

  await typeUnsaved("!");
  await host.run("leave", "--unsaved", "discard");
  await window.notification("The session is over");
  await window.shows("this is mine!\n");
  assert.deepEqual(left(), []);
});
