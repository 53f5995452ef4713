/**
 * Whether a daemon runs already: a window that has just opened joins in what a terminal, or the window before it, has
 * begun, and never starts a daemon for that. `earshot attach` would.
 */
import { readFileSync, statSync, unwatchFile, watchFile } from "node:fs";
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

/** Lookout tells whether a daemon listens at a socket, and whenever another one has come. */
export class Lookout {
  private readonly look = () => {
    listens(this.path).then((there) => (there ? this.found() : this.missing()));
  };

  constructor(
    private readonly path: string,
    private readonly found: () => void,
    private readonly missing: () => void = () => {},
  ) {
    watchFile(path, { interval: lookEveryMs, persistent: false }, this.look);
    this.look();
  }

  end(): void {
    unwatchFile(this.path, this.look);
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
