/** One window of VS Code: code-server with the extension installed, in Chromium, used by mouse and keys. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { basename, dirname, join } from "node:path";
import { chromium } from "playwright-core";
import { extension, patienceMs, program, until } from "./person.js";

const codeServer = process.env.CODE_SERVER;

/** Settings that keep the page quiet; none of them is about editing but those that change what is typed. */
const settings = {
  "workbench.startupEditor": "none",
  "files.autoSave": "off",
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "security.workspace.trust.enabled": false,
  "telemetry.telemetryLevel": "off",
  "extensions.autoUpdate": false,
  "extensions.autoCheckUpdates": false,
  "update.mode": "none",
  "git.enabled": false,
  "chat.disableAIFeatures": true,
  "remote.autoForwardPorts": false,
  "editor.autoIndent": "none",
  "editor.autoClosingBrackets": "never",
  "editor.quickSuggestions": { other: "off" },
};

export class Window {
  /**
   * Opens a file, and the folder that it is in; `more` are settings beside those above. What VS Code and the browser keep
   * lies below the person's home: with `again` a window of theirs opens once more, with the tabs that it had. `snippets`
   * are the person's own, for plain text.
   */
  static async open(person, file, more = {}, { again, snippets, size = [1000, 600] } = {}) {
    const data = join(person.home, "vscode");
    mkdirSync(join(data, "User"), { recursive: true });
    install(join(data, "ext"));
    writeFileSync(join(data, "User/settings.json"), JSON.stringify({ ...settings, ...more }));
    if (snippets) {
      mkdirSync(join(data, "User/snippets"), { recursive: true });
      writeFileSync(join(data, "User/snippets/plaintext.json"), JSON.stringify(snippets));
    }
    mkdirSync(join(data, "Machine"), { recursive: true });
    writeFileSync(join(data, "Machine/settings.json"), JSON.stringify({ "earshot.path": program }));
    writeFileSync(join(data, "config.yaml"), "");
    person.port ??= await freePort(); // by its address the browser knows a window again
    const { port } = person;
    const window = new Window();
    window.server = spawn(
      codeServer,
      [
        ...["--user-data-dir", data, "--extensions-dir", join(data, "ext"), "--config", join(data, "config.yaml")],
        ...["--bind-addr", `127.0.0.1:${port}`, "--auth", "none"],
        ...["--disable-telemetry", "--disable-update-check", "--disable-workspace-trust"],
      ],
      { env: person.env, stdio: "ignore", detached: true },
    );
    await healthy(port);
    await window.browse(join(person.home, "browser"), person.env, size);
    const payload = again ? [] : [["openFile", `vscode-remote://127.0.0.1:${port}${file}`]];
    const query = new URLSearchParams({ folder: dirname(file), payload: JSON.stringify(payload) });
    await window.page.goto(`http://127.0.0.1:${port}/?${query}`);
    await window.page.waitForSelector(".monaco-editor .view-line");
    return window;
  }

  /** One more window of the same person, on the same server, with an extension host of its own. */
  async another(person) {
    const other = new Window();
    await other.browse(join(person.home, "browser-2"), person.env, [1000, 600]);
    await other.page.goto(this.page.url());
    await other.page.waitForSelector(".monaco-editor .view-line");
    return other;
  }

  /** Starts a browser of its own: in one that shows another page a page draws nothing. */
  async browse(profile, env, [width, height]) {
    this.profile = profile;
    this.browser = await chromium.launchPersistentContext(profile, {
      executablePath: process.env.CHROMIUM,
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-sync",
      ],
      env,
      viewport: { width, height },
    });
    this.page = this.browser.pages()[0] ?? (await this.browser.newPage());
    this.page.setDefaultTimeout(patienceMs);
  }

  /** Runs a command by its title. The list knows those of extensions only some time after the page is there. */
  async command(title) {
    const row = this.page.locator(".quick-input-list .monaco-list-row", { hasText: title }).first();
    for (let left = 20; ; left--) {
      await this.page.keyboard.press("F1");
      try {
        await this.page.locator(".quick-input-widget input").fill(`>${title}`, { timeout: 3000 });
        await row.click({ timeout: 3000 });
        return;
      } catch (error) {
        if (left === 0) throw error;
        await this.page.keyboard.press("Escape");
      }
    }
  }

  /** Answers the question at the top of the window. */
  async answer(text) {
    const input = this.page.locator(".quick-input-widget input");
    await input.waitFor();
    await input.fill(text);
    await this.page.keyboard.press("Enter");
  }

  /** Picks from the list at the top of the window. */
  async pick(label) {
    await this.page.locator(".quick-input-list .monaco-list-row", { hasText: label }).first().click();
  }

  /** Puts the cursor at the end of the line with a text. */
  async click(text) {
    await this.page.locator(".editor-instance .view-line", { hasText: text }).first().click();
    await this.page.keyboard.press("End");
  }

  press(key) {
    return this.page.keyboard.press(key);
  }

  /** Types key by key. */
  type(text, delay = 25) {
    return this.page.keyboard.type(text, { delay });
  }

  /** What was copied last. */
  async clipboard() {
    await this.browser.grantPermissions(["clipboard-read", "clipboard-write"]);
    return this.page.evaluate(() => navigator.clipboard.readText());
  }

  /** Waits until an item of the status bar shows this; its spaces are of the kind that breaks no line. */
  status(text) {
    const hasText = new RegExp(text.source.replaceAll(" ", "\\s"));
    return this.page.locator(".statusbar-item", { hasText }).first().waitFor();
  }

  /** Waits until a tab shows that its text is saved, or is not. */
  tab(label, { dirty }) {
    return this.page.locator(`.tab${dirty ? ".dirty" : ":not(.dirty)"}`, { hasText: label }).waitFor();
  }

  /** Waits until a tab shows the lock of a read-only text, which is a letter of the icons' font, or does not. */
  async locked(label, is) {
    await this.page.waitForFunction(
      ([text, want]) => {
        const tab = [...document.querySelectorAll(".tab")].find((t) => t.textContent.includes(text));
        const badges = [...(tab?.querySelectorAll(".monaco-icon-label") ?? [])];
        return want === badges.some((b) => /[\ue000-\uf8ff]/.test(getComputedStyle(b, "::after").content));
      },
      [label, is],
    );
  }

  /** Waits for a notification with a text. */
  async notification(text) {
    const found = this.page.locator(".notifications-toasts .notification-list-item", { hasText: text }).first();
    await found.waitFor().catch(() => this.fail(`there is no notification ${text}`));
    return found;
  }

  /** The text of the editor as it is seen; it has to fit the screen. */
  text() {
    return this.page.evaluate(() =>
      [...document.querySelectorAll(".editor-instance .view-line")]
        .sort((a, b) => a.offsetTop - b.offsetTop)
        .map((line) => line.textContent.replace(/\u00a0/g, " "))
        .join("\n"),
    );
  }

  /** Throws, and tells what else there was to see; where pictures are kept there is one. */
  async fail(why) {
    if (process.env.PICTURES) await this.page.screenshot({ path: join(process.env.PICTURES, "failed.png") });
    const texts = (selector) => this.page.locator(selector).allTextContents();
    const told = await texts(".notification-list-item, .monaco-dialog-box");
    const tabs = await texts(".tab");
    throw new Error(`${why}; the tabs are ${JSON.stringify(tabs)}, and it says ${JSON.stringify(told)}`);
  }

  /** Waits until a line reads like this. */
  async sees(line) {
    let seen;
    await until(async () => {
      seen = await this.text();
      return seen.split("\n").includes(line);
    }).catch(() => this.fail(`the editor shows ${JSON.stringify(seen)}, not ${line}`));
  }

  /** Waits until the text is this. */
  async shows(text) {
    let seen;
    for (const end = Date.now() + patienceMs; Date.now() < end; ) {
      seen = await this.text();
      if (seen === text) return;
      await this.page.waitForTimeout(50);
    }
    await this.fail(`the editor shows ${JSON.stringify(seen)}, not ${JSON.stringify(text)}`);
  }

  /** Waits until a colleague's name stands beside their cursor. */
  async label(name) {
    await this.page.waitForFunction(
      (content) =>
        [...document.querySelectorAll(".view-lines *")].some(
          (e) => getComputedStyle(e, "::before").content === content,
        ),
      JSON.stringify(name),
    );
  }

  /** Closes the window; `name` is its picture's, where pictures are kept. */
  async close(name) {
    try {
      if (process.env.PICTURES) await this.page?.screenshot({ path: join(process.env.PICTURES, `${name}.png`) });
      await this.browser?.close();
    } finally {
      await this.stop("SIGTERM");
    }
  }

  /** Ends browser and server without a warning, as a crash or the system would. */
  async kill() {
    const pid = Number(readlinkSync(join(this.profile, "SingletonLock")).split("-").at(-1));
    process.kill(-pid, "SIGKILL");
    await this.stop("SIGKILL");
  }

  async stop(signal) {
    const { server } = this;
    if (!server?.pid || server.exitCode !== null || server.signalCode !== null) return;
    const gone = once(server, "exit"); // till then it writes below the person's home
    process.kill(-server.pid, signal);
    await gone;
  }
}

/** Puts the extension where its package would be unpacked to, with the entry that its installation would make. */
function install(extensions) {
  const { name, publisher, version } = JSON.parse(readFileSync(join(extension, "package.json"), "utf8"));
  const id = `${publisher}.${name}`;
  const path = join(extensions, `${id}-${version}`);
  mkdirSync(path, { recursive: true });
  for (const part of ["package.json", "dist"]) cpSync(join(extension, part), join(path, part), { recursive: true });
  const entry = {
    identifier: { id },
    version,
    location: { $mid: 1, path, scheme: "file" },
    relativeLocation: basename(path),
  };
  writeFileSync(join(extensions, "extensions.json"), JSON.stringify([entry]));
}

function freePort() {
  return new Promise((done) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

async function healthy(port) {
  for (const end = Date.now() + 60_000; Date.now() < end; await new Promise((r) => setTimeout(r, 200))) {
    const answer = await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => undefined);
    if (answer?.ok) return;
  }
  throw new Error("code-server does not answer");
}
