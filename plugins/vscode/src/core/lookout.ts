/**
 * Whether a daemon runs already: a window that has just opened joins in what a terminal, or the window before it, has
 * begun, and never starts a daemon for that. `earshot attach` would.
 */
import { readFileSync, statSync } from "node:fs";
import { stat } from "node:fs/promises";
import { connect } from "node:net";
import { isAbsolute, join } from "node:path";

/** A look at one file's entry costs microseconds, and works where the folder is not there yet. */
const lookEveryMs = 2000;

/** Whether a daemon listens at a socket. */
export function listens(path: string): Promise<boolean> {
  return new Promise((answer) => {
    const socket = connect(path);
    socket.on("error", () => answer(false)); // nobody does, or nobody does any more
    socket.on("connect", () => {
      socket.destroy();
      answer(true);
    });
  });
}

/**
 * Lookout tells whether a daemon listens at a socket, and whenever another one has come. It looks at the entry first and
 * then whether somebody listens: who comes in between has another entry the next time.
 */
export class Lookout {
  private entry: string | undefined;
  private listening = false;
  private ended = false;
  private readonly timer = setInterval(() => this.look(), lookEveryMs).unref();

  constructor(
    private readonly path: string,
    private readonly found: () => void,
    private readonly missing: () => void = () => {},
  ) {
    this.look();
  }

  end(): void {
    this.ended = true;
    clearInterval(this.timer);
  }

  private async look(): Promise<void> {
    const entry = await entryOf(this.path);
    const isAnother = entry !== this.entry;
    // An entry is there a moment before its daemon listens: where nobody did, that is asked again.
    if (this.ended || !(isAnother || (entry !== noEntry && !this.listening))) return;
    this.entry = entry;
    this.listening = await listens(this.path);
    if (this.ended) return;
    if (this.listening) this.found();
    else if (isAnother) this.missing();
  }
}

const noEntry = "";

/** What makes a file another one than before. */
async function entryOf(path: string): Promise<string> {
  try {
    const { ino, ctimeMs } = await stat(path);
    return `${ino} ${ctimeMs}`;
  } catch {
    return noEntry; // or none that may be looked at
  }
}

/** Place is what decides where a person's daemon listens. */
export interface Place {
  env: NodeJS.ProcessEnv;
  home: string;
  uid: number;
}

/**
 * The socket of the daemon that `earshot attach` would reach, by the contract's section 3; undefined on Windows, where it
 * is a pipe that is named after the person's security identifier.
 */
export function socketPath({ env, home, uid }: Place): string | undefined {
  if (process.platform === "win32") return undefined;
  const file = settings(join(folder(env.XDG_CONFIG_HOME) ?? join(home, ".config"), "earshot/config.toml"));
  const socket = env.EARSHOT_SOCKET || file.get("socket");
  if (socket) return isAbsolute(socket) ? socket : undefined; // it is meant from wherever a command is run
  const profile = env.EARSHOT_PROFILE || file.get("profile");
  const usual = `/run/user/${uid}`;
  // The one in the environment may not be there yet; another user's, as sudo leaves it, is passed over.
  const named = folder(env.XDG_RUNTIME_DIR);
  const runtime =
    named && [uid, undefined].includes(ownerOf(named)) ? named : ownerOf(usual) === uid ? usual : undefined;
  const dir = runtime ? join(runtime, "earshot") : join(home, ".local/state/earshot/run");
  return join(dir, profile ? `daemon-${profile}.sock` : "daemon.sock");
}

function folder(path: string | undefined): string | undefined {
  return path && isAbsolute(path) ? path : undefined;
}

function ownerOf(dir: string): number | undefined {
  try {
    return statSync(dir).uid;
  } catch {
    return undefined; // it is not there
  }
}

/** The strings in the person's settings: of the TOML that may stand there, all that says where the socket is. */
function settings(path: string): Map<string, string> {
  try {
    const lines = readFileSync(path, "utf8").matchAll(/^\s*([a-z-]+)\s*=\s*(?:"([^"\\]*)"|'([^']*)')\s*(?:#.*)?$/gm);
    return new Map([...lines].map(([, key = "", double, single]) => [key, double ?? single ?? ""]));
  } catch {
    return new Map(); // there are none
  }
}
