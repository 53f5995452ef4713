/** Two windows of VS Code and a Neovim in one session: who is where, going there, going along, and what each may do. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { Neovim } from "./neovim.js";
import { admit, join, people, shareFolder } from "./pair.js";
import { Person, until } from "./person.js";
import { Window } from "./window.js";

const timeout = 180_000;
const [grace, ada] = people();
const bea = new Person("Bea");
const lines = Array.from({ length: 200 }, (_, i) => `line ${i + 1}\n`).join("");
let file;
let host;
let guest;
let neovim;
let session;

before(async () => {
  file = grace.write("project/main.txt", lines);
  grace.write("project/other.txt", "other\n");
  host = await Window.open(grace, file);
  guest = await Window.open(ada, ada.write("own/own.txt", "mine\n"));
  session = await shareFolder(host, grace);
  await join(guest, session.link, () => admit(host, "Ada"), "main.txt");
  await guest.sees("line 1");
});

after(async () => {
  await host?.close("members-host");
  await guest?.close("members-guest");
  neovim?.end();
  await Promise.all([grace.end(), ada.end(), bea.end()]);
});

/** Of each member that a window shows: the flag's colour, and the places of carets and of what is selected. */
function drawn(window) {
  return window.page.evaluate(() => {
    const flags = {};
    for (const element of document.querySelectorAll(".view-lines span")) {
      const { content, backgroundColor } = getComputedStyle(element, "::before");
      if (/^"\w/.test(content)) flags[JSON.parse(content)] = backgroundColor;
    }
    const boxes = [...document.querySelectorAll(".view-overlays .cdr")].map((element) => {
      const { borderLeftWidth, outlineStyle, borderLeftColor, outlineColor } = getComputedStyle(element);
      const { left, top, width } = element.getBoundingClientRect();
      return {
        caret: borderLeftWidth === "2px",
        dotted: outlineStyle === "dotted",
        borderLeftColor,
        outlineColor,
        left,
        top,
        width,
      };
    });
    const round = (box) => [Math.round(box.left), Math.round(box.top)];
    return {
      flags,
      carets: boxes.filter((b) => b.caret).map(round),
      selected: boxes.filter((b) => b.dotted).map(round),
    };
  });
}

test("the status bar shows how many are here, the path and the delay [status]", { timeout }, async () => {
  for (const window of [host, guest]) await window.status(/Earshot 2 direct \d+ ms/);
});

test("selections, several and backwards, with the name [cursors]", { timeout }, async () => {
  await guest.click("line 3");
  await guest.command("Add Cursor Below");
  await guest.press("Shift+Home");
  await host.label("Ada");
  let seen;
  await until(async () => {
    seen = await drawn(host);
    return seen.selected.length === 2 && seen.carets.length === 2;
  });
  // Both go backwards: the carets are where the selections begin.
  assert.deepEqual(seen.carets, seen.selected);
  assert.deepEqual(Object.keys(seen.flags), ["Ada"]);
  await guest.press("Escape");
  await guest.press("End");
  await until(async () => (await drawn(host)).selected.length === 0);
});

test("each has a colour of their own, and a name for those who see none [colours]", { timeout }, async () => {
  neovim = await Neovim.start(bea);
  await neovim.press(`:Earshot join ${session.link}<CR>`);
  await admit(host, "Bea");
  await until(async () => (await neovim.lua("#require('earshot.session').list()")) === 1);
  await neovim.press(`:edit earshot://${session.id}/main.txt<CR>`);
  await until(async () => (await neovim.text()) === lines);
  await neovim.press("6Gvl");
  await host.label("Bea");
  await host.label("Ada");
  let seen; // what is drawn is drawn anew whenever somebody moves
  await until(async () => {
    seen = await drawn(host);
    return Object.keys(seen.flags).length === 2 && seen.selected.length === 1;
  });
  assert.equal(new Set(Object.values(seen.flags)).size, 2, JSON.stringify(seen.flags));
  await neovim.press("<Esc>");
});

test("the list tells who is here as what, and where [members]", { timeout }, async () => {
  const rows = guest.page.locator(".quick-input-list .monaco-list-row");
  const wanted = [/Grace, host.*main\.txt:1/, /Ada \(you\), editor/, /Bea, editor.*main\.txt:6/];
  // The list shows how things were when it was opened.
  await until(async () => {
    await guest.command("Earshot: Who Is Here?");
    await rows.filter({ hasText: "Grace" }).waitFor();
    const seen = await rows.allTextContents();
    await guest.press("Escape");
    return wanted.every((row) => seen.some((text) => row.test(text)));
  });
});

test("going to a member [jump]", { timeout }, async () => {
  await neovim.press("150G");
  await until(async () => {
    await host.command("Earshot: Go to a Member");
    await host.pick("Bea");
    return (await host.text()).includes("line 150\n");
  });
  await host.status(/Ln 150, /);
});

test("going along with a member, with the view, until one's own first key [follow]", { timeout }, async () => {
  await guest.command("Earshot: Follow a Member");
  await guest.pick("Grace");
  await guest.status(/Following Grace/);
  await guest.sees("line 150");
  await host.press("Control+End");
  await guest.sees("line 200");
  await host.page.locator(".explorer-viewlet .monaco-list-row", { hasText: "other.txt" }).dblclick();
  await guest.sees("other");
  await host.page.locator(".tab", { hasText: "main.txt" }).click();
  await guest.sees("line 200");
  await guest.page.locator(".editor-instance .view-line", { hasText: "line 199" }).first().click();
  await guest.page.locator(".statusbar-item", { hasText: "Following" }).waitFor({ state: "hidden" });
  await host.press("Control+Home");
  await host.sees("line 1");
  await guest.status(/Ln 199, /);
});

test("calling the others to look [summon]", { timeout }, async () => {
  await host.click("line 2");
  await host.command("Earshot: Look Here");
  const call = await guest.notification('Grace asks you to look at "main.txt", line 2.');
  await call.getByText("Look", { exact: true }).click();
  await guest.status(/Ln 2, /);
  await guest.sees("line 2");
});

test("undo and redo take only what is one's own, and only where a text is shared [undo]", { timeout }, async () => {
  await guest.click("line 2");
  await guest.type(" guest");
  await host.sees("line 2 guest");
  await host.click("line 4");
  await host.type(" host");
  await guest.sees("line 4 host");
  await guest.press("Control+z");
  await host.sees("line 2");
  await guest.sees("line 4 host");
  await guest.press("Control+y");
  await host.sees("line 2 guest");
  await host.press("Control+z");
  await guest.sees("line 4");
  await guest.sees("line 2 guest");

  await guest.page.locator(".tab", { hasText: "own.txt" }).click();
  await guest.shows("mine\n");
  await guest.click("mine");
  await guest.type("x");
  await guest.shows("minex\n");
  await guest.press("Control+z");
  await guest.shows("mine\n");
  await guest.page.locator(".tab", { hasText: "main.txt" }).click();
});

test("a guest's save saves at the host [save]", { timeout }, async () => {
  await guest.sees("line 2 guest");
  await guest.press("Control+s");
  await until(() => readFileSync(file, "utf8") === lines.replace("line 2\n", "line 2 guest\n"));
  await guest.tab("main.txt", { dirty: false });
  await host.tab("main.txt", { dirty: false });
});

test("the role is shown, and changed while one edits [role]", { timeout }, async () => {
  await host.command("Earshot: Who Is Here?");
  await host.pick("Ada");
  await host.pick("Let them look only");
  await guest.notification("The host has made you a viewer");
  await guest.locked("main.txt", true);
  await guest.page.locator("#earshot\\.earshot\\.earshot\\.status .codicon-eye").waitFor();
  await guest.click("line 3");
  await guest.type("x");
  await host.click("line 5");
  await host.type(" seen");
  await guest.sees("line 5 seen");
  assert.match(await guest.text(), /line 3\nline 4\n/);

  await host.command("Earshot: Who Is Here?");
  await host.pick("Ada");
  await host.pick("Let them edit");
  await guest.locked("main.txt", false);
  await guest.click("line 3");
  await guest.type("y");
  await host.sees("line 3y");
});
