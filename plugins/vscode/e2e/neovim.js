/** A Neovim without a screen and with the project's plugin, told what to do over its own socket. */
import { execFile, spawn } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { program, root, until } from "./person.js";

const run = promisify(execFile);
const setup = `vim.opt.rtp:prepend('${root}/plugins/nvim') vim.g.earshot_cmd = '${program}' vim.notify = function() end vim.g.earshot_own_undo = true`;
const options = ["--headless", "-u", "NONE", "-i", "NONE", "-n"];

export class Neovim {
  static async start(person) {
    const self = new Neovim();
    self.env = { ...person.env, NVIM_LOG_FILE: join(person.home, "tmp/nvim.log") }; // else it may be written here
    self.socket = join(person.home, "nvim.sock");
    const start = ["--listen", self.socket, "--cmd", `lua ${setup}`, "-c", "runtime plugin/earshot.lua"];
    self.child = spawn(process.env.NVIM, [...options, ...start], { env: self.env, stdio: "ignore" });
    await until(() => self.lua("true").catch(() => false));
    return self;
  }

  /** The value of a Lua expression. */
  async lua(expression) {
    const remote = `luaeval('vim.json.encode(${expression.replaceAll("'", "''")})')`;
    const { stdout } = await run(process.env.NVIM, ["--server", this.socket, "--remote-expr", remote], {
      env: this.env,
    });
    return JSON.parse(stdout);
  }

  /** Presses keys at once. */
  async press(keys) {
    await run(process.env.NVIM, ["--server", this.socket, "--remote-send", keys], { env: this.env });
  }

  text() {
    return this.lua("require('earshot.buffer').text(0)");
  }

  /** Types as a person would, one key after the other; keys like <Esc> count as one. When each was is in `_G.downs`, in ms. */
  async type(text, delayMs) {
    this.typed = (this.typed ?? 0) + 1;
    const keys = text.match(/<[A-Za-z][^<> ]*>|[^<]|</gu).map((key) => (key === "<" ? "<lt>" : key));
    const feed = `(function(keys, at) _G.downs = {} local timer = vim.uv.new_timer() timer:start(0, ${delayMs}, function()
      at = at + 1
      if at > #keys then timer:close() _G.typed = ${this.typed} return end
      local seconds, microseconds = vim.uv.gettimeofday()
      _G.downs[at] = seconds * 1000 + microseconds / 1000
      vim.api.nvim_input(keys[at])
    end) return true end)({${keys.map((key) => JSON.stringify(key)).join(",")}}, 0)`;
    await this.lua(feed.replaceAll(/\n\s*/g, " "));
    await new Promise((typed) => setTimeout(typed, keys.length * delayMs)); // each question starts a program
    await until(() => this.lua(`_G.typed == ${this.typed}`));
  }

  end() {
    this.child.kill();
  }
}
