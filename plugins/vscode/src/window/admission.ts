import * as vscode from "vscode";
import { clean, cleanName } from "../core/clean";
import type { AdmitAnswer, AdmitQuestion, Role } from "../protocol";
import type { RequestId } from "../rpc";
import { say } from "./person";

/** A guest at the door. */
interface Knock {
  question: AdmitQuestion;
  answer(answer: AdmitAnswer): void;
}

/** A way to answer, as a button. */
interface Choice {
  title: string;
  admit: boolean;
  role?: Role;
}

/** Admission asks whether guests may come in. A question that is closed waits until the command asks it again. */
export class Admission {
  private readonly waiting = new Map<RequestId, Knock>();

  constructor(private readonly changed: () => void) {}

  /** How many wait. */
  get count(): number {
    return this.waiting.size;
  }

  /** Answers session/admit once the person has decided. */
  knock(question: AdmitQuestion, id: RequestId): Promise<AdmitAnswer> {
    return new Promise((answer) => {
      this.waiting.set(id, { question, answer });
      this.changed();
      this.ask(id);
    });
  }

  /** The daemon takes a question back: someone else answered it, or the guest is gone. */
  withdraw(id: RequestId): void {
    if (this.waiting.delete(id)) this.changed();
  }

  /** The daemon that asked is gone. */
  clear(): void {
    this.waiting.clear();
    this.changed();
  }

  /** Asks again about those who wait. */
  again(): void {
    if (this.waiting.size === 0) say("Nobody waits at the door.");
    for (const id of this.waiting.keys()) this.ask(id);
  }

  private async ask(id: RequestId): Promise<void> {
    const knock = this.waiting.get(id);
    if (knock === undefined) return;
    const { member, check } = knock.question;
    const name = cleanName(member.name);
    const choice = await vscode.window.showInformationMessage<Choice>(
      `Earshot: check ${clean(check)}: is it what ${name} (name not verified${client(member.client)}) reads to you? They want to join as ${clean(member.role)}.`,
      ...choices(member.role),
    );
    if (choice === undefined) return;
    if (!this.waiting.delete(id)) {
      say(`The question about ${name} was answered elsewhere, or they are gone.`);
      return;
    }
    knock.answer({ admit: choice.admit, ...(choice.role ? { role: choice.role } : {}) });
    this.changed();
  }
}

function client(name: string | undefined): string {
  return name ? `, with ${cleanName(name)}` : "";
}

/** What comes first, and stands out, lets nobody in. */
function choices(wished: Role): Choice[] {
  const refuse: Choice = { title: "Refuse", admit: false };
  const look: Choice = { title: "Admit to look only", admit: true, role: "viewer" };
  const edit: Choice = { title: "Admit to edit", admit: true, role: "editor" };
  return wished === "viewer" ? [refuse, look] : [refuse, look, edit];
}
