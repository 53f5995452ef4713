/** VS Code and Neovim on one text: both people type eight keys a second and do what editing is made of. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";
import { Neovim } from "./neovim.js";
import { admit, eachOnce, people, shareFolder } from "./pair.js";
import { until } from "./person.js";
import { NeovimTypist, same, snippets, Typist, trapped, undoes } from "./typist.js";
import { Window } from "./window.js";

const seconds = Number(process.env.SECONDS_EACH ?? 120);

const [grace, ada] = people();
let window;
let neovim;

after(async () => {
  await window?.close("neovim");
  neovim?.end();
  await Promise.all([grace.end(), ada.end()]);
});

test("VS Code and Neovim, each trap on both sides; then each one's undo", {
  timeout: 400_000 + 2000 * seconds,
}, async () => {
  const file = grace.write("project/main.txt", "top\n\nmiddle\n\nend\n");
  window = await Window.open(grace, file, trapped, { snippets, size: [1000, 1800] });
  const session = await shareFolder(window, grace);
  neovim = await Neovim.start(ada);
  await neovim.press(`:Earshot join ${session.link}<CR>`);
  await admit(window, "Ada");
  await until(async () => (await neovim.lua("#require('earshot.session').list()")) === 1);
  await neovim.press(`:edit earshot://${session.id}/main.txt<CR>`);
  await until(async () => (await neovim.text()) === "top\n\nmiddle\n\nend\n");

  const typists = [new Typist("v", window), new NeovimTypist("n", neovim)];
  await window.click("top");
  await window.press("ArrowDown");
  await neovim.press("4Gi");
  await Promise.all(typists.map((typist) => typist.work(seconds)));
  await window.label("Ada");

  const text = await same(...typists);
  for (const { marks } of typists) eachOnce(text, marks);
  await undoes(typists[0], typists[1]);
  await undoes(typists[1], typists[0]);

  await neovim.press("<Esc>:write<CR>");
  await until(async () => readFileSync(file, "utf8") === (await neovim.text()));
  for (const person of [grace, ada]) {
    assert.equal(JSON.parse(await person.run("rpc", "daemon/status", "{}")).healed, 0);
  }
});
