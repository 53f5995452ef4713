/** What a guest's text lacks, beside its name on the tab: whether it is saved at the host, and why it can't be written. */
import * as vscode from "vscode";
import { keyOf } from "../core/attachments";
import type { Sessions } from "../core/sessions";
import type { DocumentChanged } from "../protocol";
import { scheme } from "./text";

export class Marks implements vscode.FileDecorationProvider {
  private readonly emitter = new vscode.EventEmitter<vscode.Uri[]>();
  private readonly told = new Map<string, DocumentChanged>(); // by key, as the daemon said last
  readonly onDidChangeFileDecorations = this.emitter.event;

  constructor(private readonly sessions: Sessions) {}

  changed(change: DocumentChanged): void {
    const uri = vscode.Uri.parse(change.uri);
    if (uri.scheme !== scheme) return;
    this.told.set(keyOf(change.uri), change);
    this.emitter.fire([uri]);
  }

  /** Some session is another one than before, or over. */
  rolesChanged(): void {
    const uris = vscode.workspace.textDocuments.map(({ uri }) => uri).filter((uri) => uri.scheme === scheme);
    if (uris.length > 0) this.emitter.fire(uris);
  }

  forget(session: string): void {
    for (const key of this.told.keys()) if (key.startsWith(`${scheme}://${session}/`)) this.told.delete(key);
  }

  /** Whether something is not in the host's file yet, as the daemon said last. */
  isDirty(uri: vscode.Uri): boolean {
    return this.told.get(keyOf(uri.toString()))?.dirty === true;
  }

  provideFileDecoration(uri: vscode.Uri): vscode.FileDecoration | undefined {
    const told = this.told.get(keyOf(uri.toString()));
    if (uri.scheme !== scheme || told === undefined) return undefined;
    if (this.sessions.of(uri.authority)?.role === "viewer") {
      return { tooltip: "Read-only: you are a viewer here. Ask the host to let you edit." };
    }
    if (told.readonly) return { tooltip: "Read-only: the host's file can't be written." };
    return told.dirty ? { badge: "●", tooltip: "Changed, and not saved at the host yet." } : undefined;
  }
}
