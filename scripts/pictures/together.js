// usage: node together.js FOLDER     Writes FOLDER/together.gif: Ana in VS Code and Ben in Neovim edit one file. What is seen is
// a picture of both screens after each key; nothing is drawn in but the lines above and below that say what it is.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Person, until } from "../../plugins/vscode/e2e/person.js";
import { Window } from "../../plugins/vscode/e2e/window.js";
import { Screen } from "./screen.js";

const [, , folder] = process.argv;
const size = { width: 540, height: 340 };
const background = "#14161b"; // Neovim's own, so that the terminal's edge is not seen
const convert = (...args) => execFileSync(process.env.CONVERT, args, { stdio: ["ignore", "pipe", "inherit"] });

const text = `"""What we sing at birthdays."""


def song(name):
    out = ["Happy birthday to you"] * 2
    out.append(f"Happy birthday, dear {name}")
    return out


print("\\n".join(song("Ada")))
`;

/** VS Code without what is not about the text, all of it by settings that a person has too. */
const quiet = {
  "workbench.colorTheme": "Default Dark Modern",
  "workbench.activityBar.location": "hidden",
  "workbench.layoutControl.enabled": false,
  "workbench.tips.enabled": false,
  "window.commandCenter": false,
  "window.customTitleBarVisibility": "never",
  "breadcrumbs.enabled": false,
  "editor.minimap.enabled": false,
  "editor.fontFamily": "JetBrains Mono",
  "editor.fontSize": 14,
  "editor.lineHeight": 21,
  "editor.lineNumbersMinChars": 3,
  "editor.glyphMargin": false,
  "editor.folding": false,
  "editor.cursorBlinking": "solid",
  "editor.occurrencesHighlight": "off",
  "editor.selectionHighlight": false,
  "editor.renderLineHighlight": "none",
  "editor.hover.enabled": false,
  "editor.suggestOnTriggerCharacters": false,
  "editor.wordBasedSuggestions": "off",
  "editor.parameterHints.enabled": false,
  "editor.autoClosingQuotes": "never",
  "editor.matchBrackets": "never",
  "editor.lightbulb.enabled": "off",
  "editor.scrollbar.vertical": "hidden",
  "editor.overviewRulerBorder": false,
  "editor.stickyScroll.enabled": false,
};

/** What a person would take out of the status bar by its menu, for the place. */
const tidy = `#status\\.editor\\.indentation, #status\\.editor\\.encoding, #status\\.editor\\.eol, #status\\.editor\\.mode,
  #status\\.host, #status\\.problems, [id="~remote.forwardedPorts"], [id="status.forwardedPorts"],
  #status\\.notifications, .statusbar-item:has([aria-label*="Layout:"]) { display: none !important }`;

const strip = "#2b2d33";

/** A line of words as wide as `width`. */
const words = (width, size, colour, said) => [
  ...["(", "-size", `${width}x${size * 2}`, "-background", strip, "-fill", colour, "-font", "DejaVu-Sans-Bold"],
  ...["-pointsize", String(size), "-gravity", "center", `label:${said || " "}`, ")"],
];

class Film {
  constructor(window, screen) {
    this.shots = mkdtempSync(join(tmpdir(), "es-film-"));
    Object.assign(this, { window, screen, frames: [], said: "" });
  }

  /** What stands below from now on. */
  says(said) {
    this.said = said;
  }

  /** Takes a picture of both screens once both have the same text, to be seen for so many milliseconds. */
  async take(ms = 90) {
    const last = Date.now() + 20_000;
    await until(async () => {
      if (Date.now() > last) throw new Error(`the texts differ while "${this.said}"`);
      return (await this.screen.text()) === (await this.window.text());
    });
    await this.window.page.waitForTimeout(350); // till both have drawn it, and the cursors, which come a little later
    const name = String(this.frames.length).padStart(4, "0");
    const left = join(this.shots, `${name}-vscode.png`);
    const right = join(this.shots, `${name}-neovim.png`);
    await this.window.page.screenshot({ path: left });
    this.screen.picture(right);
    this.frames.push({ left, right, ms, said: this.said });
  }

  /** Puts the frames together; equal ones become one that is seen for longer. */
  write(path) {
    const frames = [];
    for (const { left, right, ms, said } of this.frames) {
      const out = join(this.shots, `frame-${String(frames.length).padStart(4, "0")}.png`);
      const between = ["-gravity", "west", "-background", strip, "-splice", "4x0+0+0", "+append", ")"];
      convert(
        ...["(", ...words(size.width, 15, "#e6e6e6", "Ana, in VS Code")],
        ...[...words(size.width, 15, "#e6e6e6", "Ben, in Neovim"), ...between],
        ...["(", left, right, ...between],
        ...words(size.width * 2 + 8, 15, "#ffd479", said),
        ...["-append", "+repage", out],
      );
      const sum = convert(out, "-format", "%#", "info:").toString();
      if (frames.at(-1)?.sum === sum) frames.at(-1).ms += ms;
      else frames.push({ out, ms, sum });
    }
    // One palette for all, without dithering: what does not move costs nothing.
    const palette = join(this.shots, "palette.png");
    const few = frames.filter((_, i) => i % Math.ceil(frames.length / 12) === 0 || i === frames.length - 1);
    convert(...few.map((f) => f.out), "-append", "+dither", "-colors", "128", "-unique-colors", palette);
    const gifs = frames.map(({ out, ms }) => {
      const gif = out.replace(".png", ".gif");
      convert(out, "+dither", "-remap", palette, gif);
      return ["-d", String(Math.round(ms / 10)), gif];
    });
    execFileSync("gifsicle", ["-O3", "--no-warnings", "--loopcount=forever", ...gifs.flat(), "-o", path]);
    const seconds = Math.round(frames.reduce((sum, f) => sum + f.ms, 0) / 1000);
    console.log(`${path}: ${frames.length} frames, ${seconds} s, ${Math.round(statSync(path).size / 1000)} kB`);
  }

  end() {
    if (!process.env.KEEP_FRAMES) rmSync(this.shots, { recursive: true, force: true });
    else console.log(this.shots);
  }
}

const ana = new Person("Ana");
const ben = new Person("Ben");
let window;
let screen;
let film;

async function play() {
  const file = ana.write("birthday/song.py", text);
  window = await Window.open(ana, file, quiet);
  await window.page.setViewportSize(size);
  await window.page.addStyleTag({ content: tidy });
  await window.command("Earshot: Share Folder");
  await window.notification("shared. Code");
  const [session] = JSON.parse(await ana.run("rpc", "session/list", "{}")).sessions;
  screen = await Screen.open(ben, size, background);
  await screen.press(`:Earshot join ${session.link}<CR>`);
  await (await window.notification("Ben (name not verified")).getByText("Admit to edit").click();
  await until(async () => (await screen.lua("#require('earshot.session').list()")) === 1);
  await screen.press(":Earshot open song.py<CR>");
  await until(async () => (await screen.text()) === text);
  await window.command("Notifications: Clear All Notifications");
  await window.command("View: Close Primary Side Bar");
  await until(() => screen.lua("#vim.api.nvim_list_wins() == 1")); // what the plugin says goes by itself
  await screen.press("<C-l>:echo<CR>");

  film = new Film(window, screen);
  film.says("one text, each in their own editor");
  await window.click("dear {name}");
  await screen.press('10Gf"ll');
  await window.label("Ben");
  await film.take(1800);

  film.says("Ana types");
  await window.press("Enter");
  await film.take();
  for (const key of '    out.append("Happy birthday to you")') {
    await window.type(key, 0);
    await film.take();
  }
  await film.take(800);

  film.says("Ben selects");
  for (const keys of ["/birthdays<CR>", "v", "e"]) {
    await screen.press(keys);
    await film.take(300);
  }
  await film.take(900);
  film.says("Ben types");
  for (const key of ["c", ..."any party", "<Esc>"]) {
    await screen.press(key);
    await film.take();
  }
  await film.take(800);

  film.says("both at once");
  await window.click("def song");
  await window.press("ArrowUp");
  await screen.press('G$F"ci"');
  await film.take(400);
  const comment = [..."# Sing along!"];
  const name = [..."Grace"];
  for (let i = 0; i < comment.length; i++) {
    await window.type(comment[i], 0);
    if (i % 2 === 0 && name.length > 0) await screen.press(name.shift());
    await film.take();
  }
  await screen.press("<Esc>");
  await film.take(1200);

  film.says("Ana takes her last edit back; Ben's stays");
  while ((await window.text()).includes("#")) {
    await window.press("Control+z");
    await window.page.waitForTimeout(200);
    await film.take();
  }
  await film.take(2500);
  film.write(join(folder, "together.gif"));
}

let ended;

/** Leaves nothing behind, once. */
function end() {
  ended ??= (async () => {
    film?.end();
    await screen?.close();
    await window?.close();
    await Promise.all([ana.end(), ben.end()]);
  })();
  return ended;
}

process.once("SIGINT", () => end().then(() => process.exit(1)));
process.once("SIGTERM", () => end().then(() => process.exit(1)));
try {
  await play();
} finally {
  await end();
}
