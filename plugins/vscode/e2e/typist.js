/** People who type eight keys a second into an editor, and meanwhile do what editing is made of. */
import assert from "node:assert/strict";
import { eachOnce, marker } from "./pair.js";
import { until } from "./person.js";

export const keyMs = 125;

/** Settings and snippets under which the traps below are traps. */
export const trapped = {
  "editor.autoClosingBrackets": "always",
  "editor.tabCompletion": "onlySnippets", // else a word that comes late takes what was typed since
  "editor.minimap.enabled": false,
  "editor.fontSize": 10,
  "files.trimTrailingWhitespace": true,
  "files.insertFinalNewline": true,
};
export const snippets = { trap: { prefix: "trap", body: "snip<$1, $2>$0" } };

/** Each begins and ends at the end of the line at which the typist is, and leaves what was marked as it is. */
const traps = {
  async "brackets that close themselves"(typist) {
    await typist.type(`f(${typist.mark()})`);
  },
  async "a suggestion popup that is open"({ window, ...typist }) {
    await typist.type("sugg ");
    await typist.type("su");
    await window.press("Control+Space");
    await typist.type("ch");
    await window.press("Escape");
    await typist.type(` ${typist.mark()}`);
  },
  async "several cursors"({ window, ...typist }) {
    await typist.type("\nab\nab");
    await window.press("Shift+Alt+ArrowUp");
    await typist.type(" m(m) ");
    await window.press("Escape");
    await typist.toEnd();
    await typist.type(typist.mark());
  },
  async "a snippet with stops"({ window, ...typist }) {
    await typist.type("\ntrap");
    await window.press("Tab");
    await typist.type(typist.mark());
    await window.press("Tab");
    await typist.type(typist.mark());
    await window.press("Tab");
    await window.press("End");
  },
  async "a save, which trims"({ window, ...typist }) {
    await typist.type("  ");
    await window.press("Control+s");
    await typist.type(typist.mark());
  },
  async "undo and redo"({ window, ...typist }) {
    const word = typist.mark();
    await typist.type(` ${word}`);
    // A person looks at what undo has done before typing on.
    await typist.repeat(typist.undo, (text) => !text.includes(word));
    await typist.repeat(typist.redo, (text) => text.includes(word));
    await window.press("End");
    await typist.type(typist.mark());
  },
  async "characters of several units"({ window, ...typist }) {
    await window.page.keyboard.insertText("e\u0301🎉👩‍👩‍👧");
    await window.press("ArrowLeft");
    await window.press("ArrowLeft");
    await typist.type("x");
    await window.press("Delete");
    await window.press("End");
    await typist.type(typist.mark());
  },
  async "a split view"({ window, ...typist }) {
    await window.press("Control+\\");
    await window.page.locator(".editor-group-container").nth(1).locator(".view-line").first().waitFor();
    await typist.type(typist.mark());
    await window.command("View: Close Editor");
    await window.page.waitForFunction(() => document.querySelectorAll(".editor-group-container").length === 1);
    await window.page.locator(".editor-instance .view-line").first().waitFor();
    await typist.type(typist.mark());
  },
};

/** What somebody has typed, roughly: the words of their own. */
const wordsOf = (text, who) => text.match(new RegExp(`_?${who}\\d*;?`, "g"))?.join("");

/** Somebody at an editor, with words of their own, of which each is typed once. */
class Writer {
  marks = [];

  constructor(who) {
    this.who = who;
  }

  /** The next word of one's own. */
  mark = () => {
    this.marks.push(marker(this.who, this.marks.length));
    return this.marks.at(-1);
  };

  /**
   * Does something again and again, each time when its effect is there, as a person does who looks; gives how often. What
   * has no effect on words, on a space for instance, is waited for some time.
   */
  repeat = async (deed, enough) => {
    let times = 0;
    for (let text = await this.text(); !enough(text, times); text = await this.text()) {
      const own = wordsOf(text, this.who);
      await deed();
      times++;
      const patience = Date.now() + 3000;
      await until(async () => wordsOf(await this.text(), this.who) !== own || Date.now() > patience);
    }
    return times;
  };

  /** Types for some time, and does each trap in turn. */
  async work(seconds) {
    const end = Date.now() + seconds * 1000;
    const names = Object.keys(this.traps);
    for (let i = 0; Date.now() < end; i++) {
      for (let n = 0; n < 4; n++) await this.type(`${this.mark()} `);
      if (i % 2 === 1) await this.type(this.newline);
      await this.traps[names[i % names.length]](this);
    }
  }
}

/** Types into VS Code. */
export class Typist extends Writer {
  traps = traps;
  newline = "\n";

  constructor(who, window) {
    super(who);
    this.window = window;
  }

  type = (text) => this.window.type(text, keyMs);
  text = () => this.window.text();
  undo = () => this.window.press("Control+z");
  redo = () => this.window.press("Control+y");
  toEnd = () => this.window.press("End");
}

const neovimTraps = {
  async "a completion popup that is open"({ type, mark }) {
    await type(`such su<C-n>ch<C-e> ${mark()}`);
  },
  async "a macro that is recorded"({ type, mark }) {
    await type(`<Esc>qqA mx<Esc>q@qA${mark()}`);
  },
  async "a visual block"({ type, mark }) {
    await type(`<CR>ab<CR>ab<Esc>k<C-v>j$A!<Esc>jA${mark()}`);
  },
  async ":s and :g"({ type, mark }) {
    await type(`<CR>zz<Esc>:s/$/ s/<CR>:g/^zz/s/zz/yy/<CR>A${mark()}`);
  },
  async ":write"({ type, mark }) {
    await type(`<Esc>:write<CR>A${mark()}`);
  },
  async "undo and redo"({ type, mark, repeat, undo, redo, toEnd }) {
    const last = mark();
    const word = mark();
    await type(`${last} ${word}<Esc>`);
    await repeat(undo, (text) => !text.includes(word));
    await repeat(redo, (text) => text.includes(word));
    await toEnd(last);
    await type(mark());
  },
  async "characters of several units"({ type, mark }) {
    await type(`e\u0301🎉👩‍👩‍👧<Esc>hiy<Esc>xA${mark()}`);
  },
  async "a split view"({ type, mark }) {
    await type(`<Esc>:split<CR>A${mark()}<Esc>:close<CR>A${mark()}`);
  },
};

/** Types into Neovim. */
export class NeovimTypist extends Writer {
  traps = neovimTraps;
  newline = "<CR>";

  constructor(who, neovim) {
    super(who);
    this.neovim = neovim;
  }

  type = (keys) => this.neovim.type(keys, keyMs);
  text = () => this.neovim.text();
  undo = () => this.neovim.press("<Esc>u");
  redo = () => this.neovim.press("<Esc><C-r>");
  toEnd = (word) => this.neovim.press(`<Esc>:call search('${word}','w')<CR>A`);
}

/** Waits until both see the same, and gives it. */
export async function same(a, b) {
  let text;
  await until(async () => {
    text = await a.text();
    return text === (await b.text());
  });
  return text;
}

/** Takes back what one did last, a word at least, and does it again; meanwhile the words of the other one stay. */
export async function undoes(typist, other) {
  const before = await same(typist, other);
  const last = typist.marks.at(-1);
  const times = await typist.repeat(typist.undo, (text) => !text.includes(last));
  eachOnce(await same(typist, other), other.marks);
  await typist.repeat(typist.redo, (_, done) => done === times);
  assert.equal(await same(typist, other), before);
}
