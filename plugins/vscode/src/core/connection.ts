/**
 * The connection to the daemon. `earshot attach` starts a daemon if none runs; when the connection ends, another one is
 * made as long as something needs it.
 *
 *   connect → earshot attach → initialize → session/list → up
 *   lost    → typing goes on, unreported → connect again → didOpen with stamps: what was typed is told then
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import type { DaemonNotifications, DaemonRequests, InitializeParams, Session } from "../protocol";
import { type Call, Failure, type Handlers, Rpc } from "../rpc";
import type { Wire } from "./wire";

/** Starting a daemon takes well under a second; a machine that is busy may need more. */
const patienceMs = 10_000;
const firstRetryMs = 200;
const lastRetryMs = 10_000;

/** Program is how `earshot` is run. */
export interface Program {
  command: string;
  env?: NodeJS.ProcessEnv;
}

/** Owner is told of the connection. */
export interface Owner {
  /** The program now; it throws with one sentence where there is none. */
  program(): Program;
  /** What this editor calls itself, and the name that the others see, if the person has set one. */
  client: { name: string; version: string };
  personName(): string | undefined;
  handlers: Omit<Handlers, "closed">;
  /** There is a connection, and these are the daemon's sessions. */
  up(sessions: readonly Session[]): void;
  /** There was a connection, and it is gone; another is tried for if one is needed. */
  lost(): void;
  /** Whether anything waits for the daemon. */
  needed(): boolean;
}

/** Connection is the one to the daemon, over all its comings and goings. */
export class Connection implements Wire {
  up = false;
  private rpc: Rpc | undefined;
  private connecting: Promise<void> | undefined;
  private retry: NodeJS.Timeout | undefined;
  private retryMs = firstRetryMs;
  private ended = false;
  /** By it the daemon knows this editor again: random, once for each process. */
  private readonly replica = randomBytes(16).toString("hex");

  constructor(private readonly owner: Owner) {}

  /** Connects if there is no connection; rejected with a sentence for the person. */
  connect(): Promise<void> {
    if (this.up) return Promise.resolve();
    this.connecting ??= this.dial()
      .catch((error: unknown) => {
        this.tryAgain();
        throw error;
      })
      .finally(() => {
        this.connecting = undefined;
      });
    return this.connecting;
  }

  notify<M extends keyof DaemonNotifications>(method: M, params: DaemonNotifications[M]): void {
    if (this.up) this.rpc?.notify(method, params);
  }

  request<M extends keyof DaemonRequests>(
    method: M,
    params: DaemonRequests[M]["params"],
  ): Promise<DaemonRequests[M]["result"]> {
    return this.call(method, params).answer;
  }

  /** A request that may be given up by cancel. */
  call<M extends keyof DaemonRequests>(
    method: M,
    params: DaemonRequests[M]["params"],
  ): Call<DaemonRequests[M]["result"]> {
    if (this.up && this.rpc) return this.rpc.call(method, params);
    return { id: 0, answer: Promise.reject(new Failure("There is no connection to the Earshot daemon.", 0)) };
  }

  cancel(call: Call<unknown>): void {
    this.rpc?.cancel(call.id);
  }

  /** Ends the connection that there is; another is made if one is needed. */
  drop(reason: string): void {
    this.rpc?.close(reason);
  }

  /** Says goodbye for good. */
  end(): void {
    this.ended = true;
    clearTimeout(this.retry);
    this.rpc?.close("the editor ends");
    this.up = false;
  }

  private async dial(): Promise<void> {
    clearTimeout(this.retry);
    const { command, env } = this.owner.program();
    const child = spawn(command, ["attach"], {
      stdio: ["pipe", "pipe", "pipe"],
      windowsHide: true,
      ...(env && { env }),
    });
    const rpc = new Rpc(
      { write: (bytes) => child.stdin.write(bytes), end: () => child.stdin.end() },
      { ...this.owner.handlers, closed: () => this.closed(rpc) },
    );
    this.rpc = rpc;
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-500);
    });
    child.stdout.on("data", (bytes: Uint8Array) => rpc.receive(bytes));
    child.stdin.on("error", () => {}); // the other end is gone: "close" says so
    child.on("error", (error) => rpc.close(error.message));
    child.on("close", () => rpc.close(said.trim() || "it has ended"));
    const slow = setTimeout(() => rpc.close(`it said nothing for ${patienceMs / 1000} s`), patienceMs);
    try {
      const sessions = await this.greet(rpc);
      this.up = true;
      this.retryMs = firstRetryMs;
      this.owner.up(sessions);
    } catch (error) {
      rpc.close("the handshake failed");
      throw new Error(
        `The Earshot daemon could not be reached. ${error instanceof Error ? error.message : String(error)}`,
      );
    } finally {
      clearTimeout(slow);
    }
  }

  private async greet(rpc: Rpc): Promise<readonly Session[]> {
    await rpc.call("initialize", this.introduction()).answer;
    rpc.notify("initialized", {});
    // Else the daemon tells of one's own sessions alone, not of one that a terminal begins later, or ends.
    rpc.call("events/subscribe", {}).answer.catch(() => {});
    return (await rpc.call("session/list", {}).answer).sessions;
  }

  private introduction(): InitializeParams {
    const name = this.owner.personName();
    return {
      processId: process.pid,
      clientInfo: this.owner.client,
      capabilities: {
        general: { positionEncodings: ["utf-16"] },
        workspace: { applyEdit: true },
        window: { workDoneProgress: true, showDocument: { support: true } },
        experimental: { earshot: { exactVersions: true, admit: true, saves: true } },
      },
      initializationOptions: { replica: this.replica, ...(name ? { name } : {}) },
    };
  }

  private closed(rpc: Rpc): void {
    if (this.rpc !== rpc) return;
    this.rpc = undefined;
    if (!this.up) return; // dial says why
    this.up = false;
    this.owner.lost();
    this.tryAgain();
  }

  private tryAgain(): void {
    if (this.ended || !this.owner.needed()) return;
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this.connect().catch(() => {}), this.retryMs); // a failure has set the next try
    this.retryMs = Math.min(this.retryMs * 2, lastRetryMs);
  }
}
