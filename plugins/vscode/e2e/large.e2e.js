/** A text of 20 MB between two windows of VS Code. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { admit, join, people, shareFolder } from "./pair.js";
import { until } from "./person.js";
import { Window } from "./window.js";

const timeout = 300_000;
const [grace, ada] = people();
const line = (n) => `line ${n} ${"x".repeat(70)}`;
const lines = Array.from({ length: 250_000 }, (_, i) => line(i + 1));
const large = `${lines.join("\n")}\n`;
let host;
let guest;
let file;

before(async () => {
  file = grace.write("project/large.txt", large);
  host = await Window.open(grace, grace.write("project/main.txt", "main\n"));
  guest = await Window.open(ada, ada.write("own/own.txt", "mine\n"));
  const session = await shareFolder(host, grace);
  await join(guest, session.link, () => admit(host, "Ada"), "main.txt");
  await guest.shows("main\n");
});

after(async () => {
  await host?.close("large-host");
  await guest?.close("large-guest");
  await Promise.all([grace.end(), ada.end()]);
});

test("a file of 20 MB: both edit it, and a guest's save saves it", { timeout }, async () => {
  assert.ok(large.length > 19_000_000);
  await guest.command("Earshot: Open a Shared File");
  await guest.pick("large.txt");
  await guest.sees(lines[0]);
  await host.page.locator(".explorer-viewlet .monaco-list-row", { hasText: "large.txt" }).dblclick();
  await host.page.getByText("Open Anyway").click(); // where it is remote VS Code asks from 10 MB on
  await host.sees(lines[0]);
  for (const [window, at, text, other] of [
    [guest, lines[1], " by Ada", host],
    [host, lines[2], " by Grace", guest],
  ]) {
    await window.click(at);
    await window.type(text);
    await other.sees(at + text);
  }
  await guest.press("Control+End");
  await guest.type("the end");
  await host.press("Control+End");
  await host.sees("the end");
  await guest.press("Control+s");
  const want = large.replace(lines[1], `${lines[1]} by Ada`).replace(lines[2], `${lines[2]} by Grace`);
  await until(() => readFileSync(file, "utf8") === `${want}the end`);
});
