/**
 * When a guest saves, the host's VS Code saves its own document: a file written under a text with changes would be a
 * conflict to it. What it can't save the daemon writes. VS Code then takes the text for unsaved, and nothing but a save
 * makes it think otherwise; so when the daemon says that the file holds the text, and it does, VS Code is told to save
 * without formatting: the bytes on the disk stay what they are. It can only be told so of the active editor; a text that
 * is not active waits until it is.
 */
import { readFile } from "node:fs/promises";
import * as vscode from "vscode";
import { type Attachments, keyOf } from "../core/attachments";
import type { DocumentChanged, SaveBufferParams, SaveBufferResult } from "../protocol";
import { isUnsaved } from "./quiet";
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

  /** Answers textDocument/saveBuffer: saves as the person would. False leaves the writing to the daemon. */
  async saveBuffer({ textDocument: { uri } }: SaveBufferParams): Promise<SaveBufferResult> {
    const document = this.documentOf(uri);
    if (document === undefined || document.isUntitled) return { saved: false };
    let told = false;
    const listening = vscode.workspace.onDidSaveTextDocument((saved) => {
      told ||= saved === document; // the daemon has been told of it then (documents.ts)
    });
    try {
      // A text without changes is not written, and a file that is written under it is no conflict. isDirty says nothing
      // of that: after a save during which the person typed on it is false.
      return { saved: (await document.save()) && told };
    } catch {
      return { saved: false }; // VS Code shows why
    } finally {
      listening.dispose();
    }
  }

  /** Whether the host's file holds the text. */
  isClean(uri: vscode.Uri): boolean {
    return this.clean.has(keyOf(uri.toString()));
  }

  /** Tells VS Code that the active text is saved, if it is. To be called too when an edit was applied. */
  async settle(): Promise<void> {
    const document = vscode.window.activeTextEditor?.document;
    if (document === undefined || document.uri.scheme === scheme) return; // guests': quiet.ts
    if (!isUnsaved(document.uri) || !this.isClean(document.uri) || !(await isOnDisk(document))) return;
    // The disk was read meanwhile: what it held counts only if nothing was typed.
    if (!this.isClean(document.uri) || vscode.window.activeTextEditor?.document !== document) return;
    await vscode.commands.executeCommand("workbench.action.files.saveWithoutFormatting");
  }

  /** A host's document, by the name that the daemon has for it. */
  private documentOf(uri: string): vscode.TextDocument | undefined {
    const place = this.attachments.named(uri)?.place;
    return vscode.workspace.textDocuments.find((d) => d.uri.scheme !== scheme && d.uri.toString() === place);
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
