/** Two windows of VS Code on one text: both people type eight keys a second and do what editing is made of. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";
import { admit, eachOnce, join, people, shareFolder } from "./pair.js";
import { until } from "./person.js";
import { same, snippets, Typist, trapped, undoes } from "./typist.js";
import { Window } from "./window.js";

const seconds = Number(process.env.SECONDS_EACH ?? 120);
const size = [1000, 1800];
const [grace, ada] = people();
let host;
let guest;

after(async () => {
  await host?.close("together-host");
  await guest?.close("together-guest");
  await Promise.all([grace.end(), ada.end()]);
});

test("two windows, each trap on both sides; then each one's undo [undo] [save]", {
  timeout: 400_000 + 2000 * seconds,
}, async () => {
  const file = grace.write("project/main.txt", "top\n\nmiddle\n\nend\n");
  host = await Window.open(grace, file, trapped, { snippets, size });
  guest = await Window.open(ada, ada.write("own/own.txt", "mine\n"), trapped, { snippets, size });
  const session = await shareFolder(host, grace);
  await join(guest, session.link, () => admit(host, "Ada"));
  await guest.shows("top\n\nmiddle\n\nend\n");

  const typists = [new Typist("g", host), new Typist("a", guest)];
  await host.click("top");
  await host.press("ArrowDown");
  await guest.click("middle");
  await guest.press("ArrowDown");
  await Promise.all(typists.map((typist) => typist.work(seconds)));

  const text = await same(...typists);
  for (const { marks } of typists) eachOnce(text, marks);
  await undoes(typists[0], typists[1]);
  await undoes(typists[1], typists[0]);

  await guest.press("Control+s");
  await until(() => readFileSync(file, "utf8").includes(typists[1].marks.at(-1)));
  assert.equal(readFileSync(file, "utf8"), await same(...typists));
  for (const person of [grace, ada]) {
    assert.equal(JSON.parse(await person.run("rpc", "daemon/status", "{}")).healed, 0);
  }
});
