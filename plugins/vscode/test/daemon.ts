/** A person with a daemon and a home of their own, and the core of the extension with a fake editor on top. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Attachments } from "../src/core/attachments";
import { Connection } from "../src/core/connection";
import { Sessions } from "../src/core/sessions";
import type { DocumentChanged, Session } from "../src/protocol";
import { FakeDocument } from "./fake_editor";

/** The program that `make build` makes. */
export const program = resolve(__dirname, "../../../bin/earshot");

export class Person {
  readonly home = mkdtempSync(join(tmpdir(), "es-")); // sockets have short names
  readonly said: string[] = [];
  readonly changes: DocumentChanged[] = [];
  readonly documents: FakeDocument[] = [];
  readonly connection: Connection;
  readonly sessions: Sessions;
  readonly attachments: Attachments;
  times = 0; // that there was a connection
  private readonly watchers = new Set<() => void>();

  constructor(readonly name: string) {
    mkdirSync(join(this.home, "run"), { mode: 0o700 });
    this.sessions = new Sessions({
      say: (sentence) => this.said.push(sentence),
      changed: () => this.look(),
      ended: (_, why) => this.said.push(why),
    });
    this.connection = new Connection({
      program: () => ({ command: program, env: this.env }),
      client: { name: "fake editor", version: "1" },
      personName: () => name,
      needed: () => true,
      up: (sessions) => {
        this.times++;
        for (const attachment of this.attachments.all()) attachment.reopen();
        this.sessions.replace(sessions);
        this.look();
      },
      lost: () => {
        for (const attachment of this.attachments.all()) attachment.interrupted();
      },
      handlers: {
        requests: {
          "workspace/applyEdit": (params) => this.attachments.apply(params),
          "session/admit": async () => ({ admit: true }),
        },
        notifications: {
          "session/changed": ({ session }) => this.sessions.update(session),
          "document/changed": (change) => {
            this.changes.push(change);
            this.look();
          },
          "window/showMessage": ({ message }) => this.said.push(message),
        },
      },
    });
    this.attachments = new Attachments(this.connection, (uri) => this.said.push(`unshowable: ${uri}`));
  }

  get env(): NodeJS.ProcessEnv {
    const { EARSHOT_SOCKET: _, EARSHOT_PROFILE: __, ...env } = process.env;
    return { ...env, HOME: this.home, XDG_RUNTIME_DIR: join(this.home, "run"), XDG_CONFIG_HOME: join(this.home, "c") };
  }

  file(name: string, text: string): string {
    const folder = join(this.home, "project");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  }

  open(uri: string, text: string, eol?: "\r\n"): FakeDocument {
    const document = new FakeDocument(uri, text, eol);
    this.documents.push(document);
    const attachment = this.attachments.attach(document);
    document.onChange = (changes) => attachment.changed(changes);
    return document;
  }

  /** Resolves once something that can be asked here is so. */
  until<T>(ask: () => T | undefined | false): Promise<T> {
    return new Promise((resolve) => {
      const look = () => {
        const found = ask();
        if (found === undefined || found === false) return;
        this.watchers.delete(look);
        resolve(found);
      };
      this.watchers.add(look);
      look();
    });
  }

  /** Shares the folder, or documents; gives the session with its link, which works beside other tests' matchmakers. */
  async share(documents?: string[]): Promise<Session> {
    await this.connection.connect();
    const what = documents ? { documents } : { folder: `file://${join(this.home, "project")}` };
    const { session } = await this.connection.request("session/share", what);
    this.sessions.update(session);
    return session;
  }

  async join(link: string): Promise<Session> {
    await this.connection.connect();
    const { session } = await this.connection.request("session/join", { code: link });
    this.sessions.update(session);
    return session;
  }

  /** Ends `earshot attach`, as a daemon that goes would. */
  loseConnection(): void {
    this.connection.drop("the test broke it");
  }

  /** Ends the daemon, and what is left of it. */
  async end(): Promise<void> {
    await this.connection.request("daemon/stop", { force: true }).catch(() => {});
    this.connection.end();
    rmSync(this.home, { recursive: true, force: true });
  }

  private look(): void {
    for (const look of [...this.watchers]) look();
  }
}

/** Lets a turn of the event loop go by, in which both editors hand a message on. */
export async function turn(...documents: FakeDocument[]): Promise<void> {
  await new Promise(setImmediate);
  for (const document of documents) document.hop();
}
