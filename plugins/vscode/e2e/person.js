/** A person with a home, and thus a daemon, of their own; and the program as they run it in a terminal. */
import { execFile, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export const extension = fileURLToPath(new URL("..", import.meta.url));
export const root = resolve(extension, "../..");
export const program = join(root, "bin/earshot");

/** Long after a busy machine would have done anything. */
export const patienceMs = Number(process.env.PATIENCE_MS ?? 60_000);

/** Waits until something that no event tells of is so. */
export async function until(so) {
  for (const end = Date.now() + patienceMs; !(await so()); ) {
    if (Date.now() > end) throw new Error(`it never came to this: ${so}`);
    await new Promise((again) => setTimeout(again, 50));
  }
}

export class Person {
  constructor(name) {
    this.home = mkdtempSync(join(tmpdir(), "es-")); // sockets have short names
    for (const own of ["run", "tmp"]) mkdirSync(join(this.home, own), { mode: 0o700 });
    const { EARSHOT_SOCKET: _, EARSHOT_PROFILE: __, ...env } = process.env;
    this.env = {
      ...env,
      HOME: this.home,
      EARSHOT_NAME: name,
      TMPDIR: join(this.home, "tmp"),
      XDG_RUNTIME_DIR: join(this.home, "run"),
      XDG_CONFIG_HOME: join(this.home, "config"),
      XDG_DATA_HOME: join(this.home, "data"),
      XDG_CACHE_HOME: join(this.home, "cache"),
    };
    this.children = [];
  }

  /** Puts a file below the home and gives its path. */
  write(name, text) {
    const path = join(this.home, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return path;
  }

  /** Runs a command to its end and gives what it printed. */
  async run(...args) {
    const { stdout } = await promisify(execFile)(program, args, { env: this.env });
    return stdout;
  }

  /** Runs one that goes on; resolves with the first line of JSON that fits. */
  follow(args, fits) {
    const child = spawn(program, args, { env: this.env, stdio: ["ignore", "pipe", "inherit"] });
    this.children.push(child);
    return new Promise((done, failed) => {
      child.on("exit", (code) => failed(new Error(`earshot ${args.join(" ")} ended with ${code}`)));
      createInterface(child.stdout).on("line", (line) => {
        const event = JSON.parse(line);
        if (fits(event)) done(event);
      });
    });
  }

  /** The running processes of this person's program with such an argument; needs Linux, as the browser's VS Code does. */
  processes(argument) {
    return readdirSync("/proc").filter((pid) => {
      try {
        const args = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
        const env = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
        return args[0] === program && args[1] === argument && env.includes(`HOME=${this.home}`);
      } catch {
        return false; // no process, one that has ended, or somebody else's
      }
    });
  }

  async end() {
    for (const child of this.children) child.kill("SIGINT");
    await this.run("rpc", "daemon/stop", '{"force":true}').catch(() => {});
    rmSync(this.home, { recursive: true, force: true });
  }
}
