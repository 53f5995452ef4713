/**
 * What somebody else saved, VS Code takes for unsaved: nothing but a save makes it think otherwise. At a host it would even
 * ask, at the next save, whether to overwrite a file that is newer than it believes. So when the daemon says that the
 * file holds the text, and it does, VS Code is told to save without formatting: the bytes on the disk stay what they are.
 * It can only be told so of the active editor; a text that is not active waits until it is.
 */
import { readFile } from "node:fs/promises";
import * as vscode from "vscode";
import { type Attachments, keyOf } from "../core/attachments";
import type { DocumentChanged } from "../protocol";
import { scheme } from "./text";

export class Saves {
  private readonly clean = new Set<string>(); // keys of documents whose file holds the text, as the daemon said last

  constructor(private readonly attachments: Attachments) {}

  watch(): vscode.Disposable {
    return vscode.Disposable.from(
      vscode.window.onDidChangeActiveTextEditor(() => this.settle()),
      vscode.workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
        const uri = document.uri.toString();
        // What the person types is not saved; an edit of the daemon's may be what was saved, come late.
        if (contentChanges.length > 0 && !this.attachments.of(uri)?.applying) this.clean.delete(keyOf(uri));
      }),
    );
  }

  async changed({ uri, dirty }: DocumentChanged): Promise<void> {
    if (dirty) this.clean.delete(keyOf(uri));
    else this.clean.add(keyOf(uri));
    await this.settle();
  }

  /** Whether the host's file holds a guest's text, so that there is nothing to write. */
  isClean(uri: vscode.Uri): boolean {
    return this.clean.has(keyOf(uri.toString()));
  }

  /** Tells VS Code that the active text is saved, if it is. To be called too when an edit was applied. */
  async settle(): Promise<void> {
    const document = vscode.window.activeTextEditor?.document;
    if (document === undefined || !document.isDirty || !this.isClean(document.uri)) return;
    if (document.uri.scheme !== scheme && !(await isOnDisk(document))) return;
    // The disk was read meanwhile: what it held counts only if nothing was typed.
    if (!this.isClean(document.uri) || vscode.window.activeTextEditor?.document !== document) return;
    await vscode.commands.executeCommand("workbench.action.files.saveWithoutFormatting");
  }
}

async function isOnDisk(document: vscode.TextDocument): Promise<boolean> {
  if (document.uri.scheme !== "file") return false;
  try {
    const bytes = await readFile(document.uri.fsPath, "utf8");
    return bytes.replace(/^\ufeff/, "") === document.getText();
  } catch {
    return false; // it is gone, or can't be read: no reason to touch it
  }
}
