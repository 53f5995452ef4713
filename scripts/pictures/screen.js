// Neovim in xterm, on an X screen of its own that nothing else is on.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { Neovim } from "../../plugins/vscode/e2e/neovim.js";
import { program, root, until } from "../../plugins/vscode/e2e/person.js";

const setup = (socket) => `
vim.opt.rtp:prepend('${root}/plugins/nvim')
vim.g.earshot_cmd = '${program}'
vim.o.termguicolors, vim.o.number, vim.o.numberwidth, vim.o.laststatus, vim.o.ruler = true, true, 4, 2, false
vim.o.guicursor, vim.o.showcmd, vim.o.shortmess = 'n-v-c:block,i:ver25', false, vim.o.shortmess .. 'IcsFS'
vim.o.hlsearch, vim.o.incsearch = false, false
vim.o.statusline = ' %t %m%=%{v:lua.require("earshot").statusline()}  %l:%c '
vim.cmd('syntax on | filetype on | filetype indent off')
vim.fn.serverstart('${socket}')
`;

export class Screen extends Neovim {
  static async open(person, size, background) {
    const self = new Screen();
    self.env = person.env;
    self.background = background;
    self.socket = join(person.home, "nvim.sock");
    // It says its own number, so that none that is in use is taken.
    self.server = spawn(
      "Xvfb",
      ["-displayfd", "3", "-screen", "0", `${size.width}x${size.height}x24`, "-nolisten", "tcp"],
      {
        stdio: ["ignore", "ignore", "ignore", "pipe"],
      },
    );
    const [number] = await once(self.server.stdio[3], "data");
    self.display = `:${String(number).trim()}`;
    const init = person.write("init.lua", setup(self.socket));
    const look = [
      "-fa",
      "JetBrains Mono",
      "-fs",
      "10.5",
      "-bg",
      background,
      "-fg",
      "#e0e2ea",
      "-b",
      "6",
      "+sb",
      "-bw",
      "0",
      "-geometry",
      "58x16+0+0",
    ];
    const nvim = ["env", "TERM=xterm-256color", process.env.NVIM, "-u", init, "-i", "NONE", "-n"];
    self.terminal = spawn("xterm", [...look, "-e", ...nvim], {
      env: { ...self.env, DISPLAY: self.display },
      stdio: "ignore",
    });
    await until(() => self.lua("true").catch(() => false));
    return self;
  }

  /** All of the screen; what the terminal does not cover, which is black, has its colour. */
  picture(path) {
    execFileSync(process.env.CONVERT, ["x:root", "-fill", this.background, "-opaque", "black", path], {
      env: { ...process.env, DISPLAY: this.display },
      stdio: ["ignore", "ignore", "inherit"],
    });
  }

  async close() {
    for (const child of [this.terminal, this.server]) {
      if (child?.exitCode !== null || child.signalCode !== null) continue;
      const gone = once(child, "exit");
      child.kill();
      await gone;
    }
  }
}
