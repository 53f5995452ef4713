import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Lookout, socketPath } from "../src/core/lookout";
import { Person } from "./daemon";

/** How many connections are refused that would not be. */
const net = vi.hoisted(() => ({ refusals: 0 }));
vi.mock("node:net", async (original) => {
  const real = await original<typeof import("node:net")>();
  return { ...real, connect: (path: string) => real.connect(net.refusals-- > 0 ? `${path}.none` : path) };
});

let home: string;
const uid = process.getuid?.() ?? 0;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "es-"));
});

afterEach(() => {
  rmSync(home, { recursive: true });
});

function listen(path: string): Promise<Server> {
  return new Promise((done) => {
    const server = createServer((socket) => socket.on("error", () => {})).listen(path, () => done(server));
  });
}

test("the socket is where the daemon's own settings put it", () => {
  const own = `/run/user/${uid}`;
  const runtime = join(home, "run");
  const at = (env: NodeJS.ProcessEnv) => socketPath({ env, home, uid });
  expect([`${own}/earshot/daemon.sock`, `${home}/.local/state/earshot/run/daemon.sock`]).toContain(at({}));
  expect(at({ XDG_RUNTIME_DIR: runtime })).toBe(`${runtime}/earshot/daemon.sock`);
  mkdirSync(runtime);
  expect(at({ XDG_RUNTIME_DIR: runtime })).toBe(`${runtime}/earshot/daemon.sock`);
  expect(at({ XDG_RUNTIME_DIR: runtime, EARSHOT_PROFILE: "work" })).toBe(`${runtime}/earshot/daemon-work.sock`);
  expect(at({ XDG_RUNTIME_DIR: runtime, EARSHOT_SOCKET: "/a.sock" })).toBe("/a.sock");
  expect(socketPath({ env: { XDG_RUNTIME_DIR: runtime }, home, uid: uid + 1 })).not.toContain(runtime);

  mkdirSync(join(home, ".config/earshot"), { recursive: true });
  const file = join(home, ".config/earshot/config.toml");
  writeFileSync(file, "name = \"Ada\" # me\nprofile = 'home'\n");
  expect(at({ XDG_RUNTIME_DIR: runtime })).toBe(`${runtime}/earshot/daemon-home.sock`);
  writeFileSync(file, 'socket = "/b.sock"\nprofile = "home"\n');
  expect(at({ XDG_RUNTIME_DIR: runtime })).toBe("/b.sock");
  expect(at({ XDG_RUNTIME_DIR: runtime, EARSHOT_SOCKET: "/a.sock" })).toBe("/a.sock");
});

test("a daemon that runs is found at once, one that comes later as soon as it listens", async () => {
  const path = join(home, "daemon.sock");
  let found = () => {};
  const next = () =>
    new Promise<void>((resolve) => {
      found = resolve;
    });
  const early = next();
  const first = await listen(path);
  const lookout = new Lookout(path, () => found());
  await early;
  const late = next();
  await new Promise((done) => first.close(done));
  const second = await listen(path);
  await late;
  lookout.end();
  await new Promise((done) => second.close(done));
});

/** Resolves once a daemon was found, and looks out no further. */
function found(path: string, missing?: () => void): Promise<void> {
  return new Promise((done) => {
    const lookout = new Lookout(
      path,
      () => {
        lookout.end();
        done();
      },
      missing,
    );
  });
}

test("one that comes while it is asked whether anybody listens is found too", async () => {
  const path = join(home, "daemon.sock");
  let server: Server | undefined;
  await found(path, async () => {
    server ??= await listen(path);
  });
  await new Promise((done) => server?.close(done));
});

test("one that listens a moment after its entry is there is found too", async () => {
  const path = join(home, "daemon.sock");
  const server = await listen(path);
  net.refusals = 1;
  let missed = 0;
  await found(path, () => {
    missed++;
  });
  expect(missed).toBe(1);
  await new Promise((done) => server.close(done));
});

test("the real daemon is found there", async () => {
  const person = new Person("Ada");
  await person.connection.connect();
  await found(socketPath({ env: person.env, home: person.home, uid }) ?? "");
  await person.end();
});
