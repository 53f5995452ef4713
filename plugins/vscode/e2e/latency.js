/**
 * How long a key takes from one editor to a window of VS Code: from the key event in another window, or the key in Neovim, to
 * the character in the page here, both by the clock of the one machine. `LATENCY=file.json run.sh` writes percentiles, in ms.
 * Two windows share the machine's cores, which no two people do; a Neovim without a screen takes next to nothing of them.
 */
import { writeFileSync } from "node:fs";
import { Neovim } from "./neovim.js";
import { admit, join, people, sessionsOf, shareFolder } from "./pair.js";
import { until } from "./person.js";
import { Window } from "./window.js";

/** What is typed, and how fast the one who receives it types meanwhile, on another line. */
const measurements = [
  { name: "idle", keys: 40, everyMs: 1000 },
  { name: "8 keys a second", keys: 200, everyMs: 125 },
  { name: "8 keys a second, to one who types 40", keys: 200, everyMs: 125, receiverMs: 25 },
];
const alphabet = "abcdefghijklmnopqrstuvwxyz";

/** Notes when the keys of letters go down. */
function watchKeys() {
  const first = window.downs === undefined;
  window.downs = [];
  if (!first) return;
  const note = ({ key }) => key.length === 1 && window.downs.push(performance.timeOrigin + performance.now());
  window.addEventListener("keydown", note, true);
}

/** Notes when the line that begins with a text has got its next character. */
function watchLine(start) {
  window.arrivals = [];
  const look = () => {
    const line = [...document.querySelectorAll(".editor-instance .view-line")].find((l) =>
      l.textContent.startsWith(start),
    );
    const length = (line?.textContent.length ?? 0) - start.length;
    while (window.arrivals.length < length) window.arrivals.push(performance.timeOrigin + performance.now());
  };
  window.lineWatch?.disconnect();
  window.lineWatch = new MutationObserver(look);
  window.lineWatch.observe(document.querySelector(".editor-instance .view-lines"), {
    childList: true,
    subtree: true,
    characterData: true,
  });
}

/** A window whose keys are measured. */
class WindowSender {
  constructor(window) {
    this.window = window;
  }

  async begin(start) {
    await this.window.press("Control+Home");
    await this.window.type(`${start}\n`);
    await this.window.press("ArrowUp");
    await this.window.press("End");
    await this.window.page.evaluate(watchKeys);
  }

  type(text, everyMs) {
    return this.window.type(text, everyMs);
  }

  downs() {
    return this.window.page.evaluate(() => window.downs);
  }

  text() {
    return this.window.text();
  }
}

/** A Neovim whose keys are measured: there the key is the one that its input gets. */
class NeovimSender {
  constructor(neovim) {
    this.neovim = neovim;
  }

  async begin(start) {
    await this.neovim.press(`<Esc>ggO${start}`);
  }

  type(text, everyMs) {
    return this.neovim.type(text, everyMs);
  }

  downs() {
    return this.neovim.lua("_G.downs");
  }

  text() {
    return this.neovim.text();
  }
}

async function measure(sender, receiver, { name, keys, everyMs, receiverMs }) {
  const start = `${name.replaceAll(/[^a-z0-9]/g, "")}:`;
  await sender.begin(start);
  await receiver.sees(start);
  await receiver.press("Control+End");
  await receiver.page.evaluate(watchLine, start);
  let typing = receiverMs !== undefined;
  const noise = (async () => {
    for (let n = 0; typing; n++) await receiver.type(n % 4 === 3 ? "\n" : "zzzzzzzzzzzz ", receiverMs);
  })();
  const text = Array.from({ length: keys }, (_, i) => alphabet[i % alphabet.length]).join("");
  try {
    await sender.type(text, everyMs);
    await until(async () => (await receiver.page.evaluate(() => window.arrivals.length)) >= keys);
  } finally {
    typing = false;
    await noise;
  }
  await until(async () => (await sender.text()) === (await receiver.text()));
  const downs = await sender.downs();
  const arrivals = await receiver.page.evaluate(() => window.arrivals);
  const delays = downs.map((down, i) => arrivals[i] - down).sort((a, b) => a - b);
  const at = (part) => Math.round(delays[Math.min(delays.length - 1, Math.floor(delays.length * part))]);
  return { name, keys: delays.length, p50: at(0.5), p95: at(0.95), max: at(1) };
}

const size = [1000, 800];

/** Two windows. */
async function windows() {
  const [grace, ada] = people();
  let host;
  let guest;
  try {
    host = await Window.open(grace, grace.write("project/main.txt", "end\n"), {}, { size });
    guest = await Window.open(ada, ada.write("own/own.txt", "mine\n"), {}, { size });
    const session = await shareFolder(host, grace);
    await join(guest, session.link, () => admit(host, "Ada"));
    await guest.shows("end\n");
    for (const window of [host, guest]) await window.click("end");
    const results = [];
    for (const one of measurements) results.push(await measure(new WindowSender(host), guest, one));
    return results;
  } finally {
    await host?.close("latency-host");
    await guest?.close("latency-guest");
    await Promise.all([grace.end(), ada.end()]);
  }
}

/** A Neovim that hosts, and a window. */
async function neovimAndWindow() {
  const [grace, ada] = people();
  let host;
  let guest;
  try {
    host = await Neovim.start(grace);
    await host.press(`:edit ${grace.write("project/main.txt", "end\n")}<CR>:Earshot share %<CR>`);
    await until(async () => (await sessionsOf(grace)).length === 1);
    guest = await Window.open(ada, ada.write("own/own.txt", "mine\n"), {}, { size });
    const [session] = await sessionsOf(grace);
    await join(guest, session.link, async () => {
      await until(async () => (await sessionsOf(grace))[0].members.some((m) => m.state === "waiting"));
      await host.press(":Earshot admit Ada<CR>");
    });
    await guest.shows("end\n");
    await guest.click("end");
    const results = [];
    for (const one of measurements) {
      const result = await measure(new NeovimSender(host), guest, one);
      results.push({ ...result, name: `Neovim, ${one.name}` });
    }
    return results;
  } finally {
    host?.end();
    await guest?.close("latency-neovim-guest");
    await Promise.all([grace.end(), ada.end()]);
  }
}

const results = [...(await windows()), ...(await neovimAndWindow())];
writeFileSync(process.env.LATENCY, `${JSON.stringify(results, null, 2)}\n`);
