/** Texts with edits that never reached the host, or may not have: they outlive their session, read-only, until closed. */
import { basename } from "node:path";
import * as vscode from "vscode";
import { keyOf } from "../core/attachments";
import { clean } from "../core/clean";
import type { Sessions } from "../core/sessions";
import type { Wire } from "../core/wire";
import { tabsOf } from "./quiet";

const take = "Show the Others' Text";

export class Kept {
  private readonly uris = new Set<string>();
  private readonly looked = new Set<string>(); // those that were compared since their session is there again

  /** `released` is called when one is like any other text again. */
  constructor(
    private readonly sessions: Sessions,
    private readonly wire: Wire,
    private readonly released: (uri: vscode.Uri) => void,
  ) {}

  has(uri: vscode.Uri): boolean {
    return this.uris.has(uri.toString());
  }

  add(uri: vscode.Uri): void {
    this.uris.add(uri.toString());
  }

  /** A tab was closed. VS Code may have its text open for a while yet, without a tab. */
  tabClosed(): void {
    for (const uri of [...this.uris].map((u) => vscode.Uri.parse(u))) if (tabsOf(uri).length === 0) this.release(uri);
  }

  /** Some session is another one than before; one may be in it again. */
  async changed(): Promise<void> {
    const uris = [...this.uris].map((uri) => vscode.Uri.parse(uri));
    await Promise.all(
      uris.map(async (uri) => {
        const key = uri.toString();
        if (!this.sessions.of(uri.authority)) this.looked.delete(key);
        else if (!this.looked.has(key)) {
          this.looked.add(key);
          if (await this.isDone(uri)) this.release(uri);
        }
      }),
    );
  }

  /** Whether nothing of it is missing at the host, or the person needs it no longer. */
  private async isDone(uri: vscode.Uri): Promise<boolean> {
    const document = vscode.workspace.textDocuments.find((d) => d.uri.toString() === uri.toString());
    if (document === undefined) return true;
    const { text } = await this.wire.request("workspace/textDocumentContent", { uri: uri.toString() });
    if (withLineFeeds(text) === withLineFeeds(document.getText())) return true;
    const name = clean(basename(keyOf(uri.toString())));
    const question = `Earshot: ${name} still holds what did not reach the host, and is read-only. Copy what you need of it.`;
    return (await vscode.window.showWarningMessage(question, take)) === take;
  }

  private release(uri: vscode.Uri): void {
    this.looked.delete(uri.toString());
    if (this.uris.delete(uri.toString())) this.released(uri);
  }
}

function withLineFeeds(text: string): string {
  return text.replace(/\r\n?/g, "\n");
}
