/**
 * "Try It Alone": `earshot try --json` brings a scripted colleague who shares a small text, and this window joins it.
 *
 *   {event: "opened", session, uri} → join, show the text
 *   {event: "step", message} …      → say it
 *   {event: "ended", message}       → say it; the colleague has left already
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import * as vscode from "vscode";
import { clean } from "../core/clean";
import type { Connection } from "../core/connection";
import type { Sessions } from "../core/sessions";
import type { Session } from "../protocol";
import { say } from "./person";
import { personName } from "./sharing";
import { documentOf } from "./text";

type Line =
  | { event: "opened"; session: Session; uri: string }
  | { event: "step"; message: string }
  | { event: "ended"; message: string };

/** One trial: the colleague's process and what becomes of it. */
interface Trial {
  child: ChildProcess;
  show: (message: string) => void;
  done: (failure?: Error) => void;
  session?: string; // once joined
}

export class Try implements vscode.Disposable {
  private trial: Trial | undefined;

  constructor(
    private readonly program: () => string,
    private readonly connection: Connection,
    private readonly sessions: Sessions,
  ) {}

  /** Begins a trial; resolved at its end. */
  async begin(): Promise<void> {
    const program = this.program();
    await this.connection.connect();
    if (this.trial) throw new Error("A trial runs already: its message can cancel it.");
    const options = { location: vscode.ProgressLocation.Notification, title: "Earshot", cancellable: true };
    await vscode.window.withProgress(options, (progress, cancellation) => {
      cancellation.onCancellationRequested(() => this.stop());
      progress.report({ message: "a scripted colleague comes." });
      return this.play(program, (message) => progress.report({ message: clean(message) }));
    });
  }

  /** The person has left a session. */
  left(session: string): void {
    if (this.trial?.session === session) this.stop();
  }

  dispose(): void {
    this.stop();
  }

  private play(program: string, show: (message: string) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const child = spawn(program, ["try", "--json"], { stdio: ["ignore", "pipe", "pipe"], windowsHide: true });
      const done = (failure?: Error) => {
        if (this.trial === trial) this.trial = undefined; // the next may begin while this one's process ends
        if (failure) reject(failure);
        else resolve();
      };
      const trial: Trial = { child, show, done };
      this.trial = trial;
      let said = "";
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        said = (said + text).slice(-500);
      });
      createInterface(child.stdout).on("line", (line) => {
        if (this.trial === trial) this.take(trial, line);
      });
      child.on("error", done);
      child.on("close", () => done(new Error(lastSentence(said))));
    });
  }

  /** Ends the colleague. What they have still to say is for nobody then. */
  private stop(): void {
    this.trial?.child.kill();
    this.trial?.done();
  }

  private take(trial: Trial, line: string): void {
    const told = parse(line);
    if (told?.event === "opened") {
      this.enter(trial, told.session, told.uri).catch((error: Error) => {
        trial.child.kill();
        trial.done(error);
      });
    } else if (told?.event === "step") {
      trial.show(told.message);
    } else if (told?.event === "ended") {
      trial.done();
      say(told.message);
    }
  }

  private async enter(trial: Trial, { link = "" }: Session, uri: string): Promise<void> {
    const { session } = await this.connection.request("session/join", { code: link, ...personName() });
    trial.session = session.id;
    this.sessions.answered(session);
    if (this.trial === trial) await vscode.window.showTextDocument(documentOf(session, uri), { preview: false });
  }
}

/** What is no such line is not for us. */
function parse(line: string): Line | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function lastSentence(said: string): string {
  const last = said
    .trim()
    .split("\n")
    .at(-1)
    ?.replace(/^earshot: /, "");
  return last || "The trial ended unexpectedly: begin another.";
}
