/** VS Code and Neovim on one text, both typing eight keys a second. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Neovim } from "./neovim.js";
import { Person, until } from "./person.js";
import { Window } from "./window.js";

const seconds = Number(process.env.SECONDS_EACH ?? 20);
const keyMs = 125;

const host = new Person("Grace");
const guest = new Person("Ada");
let window;
let neovim;

/** Words with a number each, so that none can be lost or doubled unseen. */
function words(who) {
  let text = "";
  for (let i = 0; text.length < (seconds * 1000) / keyMs; i++) text += i % 8 === 7 ? "\n" : `${who}${i} `;
  return text;
}

after(async () => {
  await window?.close("neovim");
  neovim?.end();
  await Promise.all([host.end(), guest.end()]);
});

test("both type at once, and end with the same text, every word once", {
  timeout: 180_000 + seconds * 1000,
}, async () => {
  window = await Window.open(host, host.write("project/main.txt", "top\n\nmiddle\n\nend\n"));
  await window.command("Earshot: Share Folder");
  await window.notification("shared. Code");
  const [session] = JSON.parse(await host.run("rpc", "session/list", "{}")).sessions;
  neovim = await Neovim.start(guest);
  await neovim.press(`:Earshot join ${session.link}<CR>`);
  await (await window.notification("Ada (name not verified")).getByText("Admit to edit").click();
  await until(async () => (await neovim.lua("#require('earshot.session').list()")) === 1);
  await neovim.press(`:edit earshot://${session.id}/main.txt<CR>`);
  await until(async () => (await neovim.text()) === "top\n\nmiddle\n\nend\n");

  await neovim.press("4Gi");
  await window.click("top");
  await window.press("ArrowDown");
  await Promise.all([neovim.type(words("n"), keyMs), window.type(words("v"), keyMs)]);

  await window.label("Ada");

  let text;
  await until(async () => {
    text = await neovim.text();
    return text === (await window.text()) && text.endsWith("end\n");
  });
  for (const word of (words("n") + words("v"))
    .split(/\s+/)
    .filter((w) => /^[nv]\d+$/.test(w))
    .slice(0, -1)) {
    assert.equal(text.split(/\s+/).filter((w) => w === word).length, 1, `${word} in ${JSON.stringify(text)}`);
  }
  const status = JSON.parse(await host.run("rpc", "daemon/status", "{}"));
  assert.equal(status.healed, 0);
});
