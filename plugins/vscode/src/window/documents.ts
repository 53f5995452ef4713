/**
 * Which open documents are attached: a guest's while the session lasts; a host's own while they are shared. What is
 * shared one by one the daemon knows best; this window knows what was shared from here, and the names in the listing of
 * what was shared from elsewhere. Attaching a document too many harms nobody: the daemon sends on only what is shared.
 */
import { realpathSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";
import * as vscode from "vscode";
import { type Attachments, keyOf } from "../core/attachments";
import { hasOneLineEnd } from "../core/lineends";
import type { Sessions } from "../core/sessions";
import type { Wire } from "../core/wire";
import type { Session } from "../protocol";
import { warn } from "./person";
import { changesOf, isUtf8, scheme, Text } from "./text";

/** Wish is what a share names. */
export interface Wish {
  folder?: string;
  documents?: string[];
}

/** Saving a text that was none as a file opens the file, writes it, empties the text and closes it, all within this time. */
const savingAsMs = 10_000;
/** A text that is closed without being saved is closed within this time after VS Code has put it back. */
const revertingMs = 1000;

const mixedEnds =
  "has line ends of several kinds, which VS Code would change: it is not live in this window. Give it one kind";
const otherEncoding =
  "is not open as UTF-8, and VS Code would lose what others write into it: it is not live in this window. Set files.encoding to utf8, close it";

export class Documents {
  private readonly openedAt = new WeakMap<vscode.TextDocument, number>();
  private saved: vscode.TextDocument | undefined; // last
  private reverted: { document: vscode.TextDocument; at: number } | undefined; // last
  private readonly shared = new Map<string, Set<string>>(); // keys of documents shared from here, by session
  private readonly names = new Map<string, Set<string>>(); // of files shared one by one from elsewhere, by session
  private readonly unfit = new Set<string>(); // keys of those that can't be shown unchanged
  private wishes: Wish[] = [];

  constructor(
    private readonly attachments: Attachments,
    private readonly sessions: Sessions,
    private readonly wire: Wire,
    private readonly changed: () => void,
    private readonly textOf: (document: vscode.TextDocument) => Text = (document) => new Text(document),
    private readonly isKept: (uri: vscode.Uri) => boolean = () => false,
  ) {}

  watch(): vscode.Disposable {
    return vscode.Disposable.from(
      vscode.workspace.onDidChangeTextDocument((event) => {
        this.noteRevert(event);
        this.attachments.of(event.document.uri.toString())?.changed(changesOf(event));
      }),
      vscode.workspace.onDidOpenTextDocument((document) => {
        this.openedAt.set(document, Date.now());
        this.refresh();
      }),
      vscode.workspace.onDidCloseTextDocument((document) => this.closed(document)),
      vscode.workspace.onDidSaveTextDocument((document) => {
        this.saved = document;
        if (document.uri.scheme !== scheme) this.attachments.of(document.uri.toString())?.saved();
      }),
    );
  }

  /** Attaches what is about to be shared, so that the daemon has texts nobody saved before anyone can ask for them. */
  async during(wish: Wish, share: () => Promise<Session>): Promise<Session> {
    if (wish.documents?.some((uri) => this.attachments.named(uri) && !this.attachments.of(uri))) {
      throw new Error("Another text that is shared had this one's name: save this one as a file first, then share it.");
    }
    this.wishes.push(wish);
    try {
      await this.refresh();
      const session = await share();
      const documents = this.shared.get(session.id) ?? new Set();
      for (const uri of wish.documents ?? []) documents.add(keyOf(uri));
      this.shared.set(session.id, documents);
      this.sessions.answered(session);
      return session;
    } finally {
      this.wishes = this.wishes.filter((w) => w !== wish);
      await this.refresh();
    }
  }

  /** Finds the names of what was shared from elsewhere, once. */
  async find(session: Session): Promise<void> {
    if (session.role !== "host" || session.folder || this.shared.has(session.id) || this.names.has(session.id)) return;
    await this.look(session.id);
  }

  /** Something was shared, or has another name now. */
  async listed(session: string): Promise<void> {
    if (this.names.has(session)) await this.look(session);
  }

  private async look(session: string): Promise<void> {
    this.names.set(session, this.names.get(session) ?? new Set());
    const { entries } = await this.wire.request("file/list", { session, recursive: true });
    if (!this.names.has(session)) return; // it is over
    this.names.set(session, new Set(entries.map((entry) => basename(keyOf(entry.uri)))));
    await this.refresh();
  }

  forget(session: string): void {
    this.shared.delete(session);
    this.names.delete(session);
  }

  /** The session that a document belongs to, if it is attached. */
  sessionOf(uri: vscode.Uri): Session | undefined {
    if (!this.attachments.of(uri.toString())) return undefined;
    if (uri.scheme === scheme) return this.sessions.of(uri.authority);
    const key = keyOf(uri.toString());
    return this.sessions.list().find((s) => s.role === "host" && this.holds(s, uri, key));
  }

  /** Attaches what is shared and lets go of what no longer is. */
  async refresh(): Promise<void> {
    await Promise.all(vscode.workspace.textDocuments.map((document) => this.place(document)));
    this.changed();
  }

  /** Says that a document can't be shared from this editor. */
  refuse(uri: string, why = mixedEnds): void {
    if (this.unfit.has(keyOf(uri))) return;
    this.unfit.add(keyOf(uri));
    warn(`${basename(keyOf(uri))} ${why}, and open it again.`);
  }

  private closed(document: vscode.TextDocument): void {
    if (!document.isClosed) return; // it has another language, and is "opened" again
    const uri = document.uri.toString();
    this.unfit.delete(keyOf(uri));
    const file = this.attachments.of(uri)?.isEmptied ? this.savedAs() : undefined;
    const [key, its] = [keyOf(uri), file && keyOf(file.uri.toString())];
    for (const shared of document.isUntitled ? this.shared.values() : []) {
      // Another text that is no file will have its name, and must not be taken for it.
      if (shared.delete(key) && its) shared.add(its);
    }
    if (file) this.attachments.move(uri, this.textOf(file));
    else if (this.reverted?.document === document && Date.now() - this.reverted.at < revertingMs) {
      this.attachments.detach(uri, (attachment) => attachment.closeReverted());
    } else this.attachments.detach(uri);
    this.changed();
  }

  /**
   * A text with changes that is closed without being saved VS Code first puts back to what its file holds. That would take
   * away what all have typed: not to save a text is not to delete it for the others.
   */
  private noteRevert({ document, contentChanges, reason }: vscode.TextDocumentChangeEvent): void {
    if (contentChanges.length === 0 || document.uri.scheme !== "file") return;
    const attached = this.attachments.of(document.uri.toString());
    const isRevert = attached && !attached.applying && !document.isDirty && reason === undefined;
    if (isRevert) this.reverted = { document, at: Date.now() };
    else if (this.reverted?.document === document) this.reverted = undefined;
  }

  /** The file that a text which is being closed has just been saved as. */
  private savedAs(): vscode.TextDocument | undefined {
    const { saved } = this;
    if (saved === undefined || saved.isClosed || saved.uri.scheme !== "file") return undefined;
    const isNew = Date.now() - (this.openedAt.get(saved) ?? 0) < savingAsMs;
    return isNew && !this.attachments.of(saved.uri.toString()) ? saved : undefined;
  }

  private async place(document: vscode.TextDocument): Promise<void> {
    const uri = document.uri.toString();
    if (!this.isShared(document.uri)) {
      this.attachments.detach(uri);
      return;
    }
    if (this.attachments.of(uri) || this.unfit.has(keyOf(uri))) return;
    if (document.uri.scheme === "file" && !isUtf8(document)) {
      this.refuse(uri, otherEncoding);
      return;
    }
    if (!(await isFit(document.uri))) {
      this.refuse(uri);
      return;
    }
    // The file was read meanwhile: only what is still so counts.
    if (!document.isClosed && this.isShared(document.uri)) this.attachments.attach(this.textOf(document));
  }

  private isShared(uri: vscode.Uri): boolean {
    if (uri.scheme === scheme) return this.sessions.of(uri.authority) !== undefined && !this.isKept(uri);
    if (uri.scheme !== "file" && uri.scheme !== "untitled") return false;
    const key = keyOf(uri.toString());
    const wished = this.wishes.some((w) => w.documents?.some((d) => keyOf(d) === key) || isInside(uri, w.folder));
    return wished || this.sessions.list().some((s) => s.role === "host" && this.holds(s, uri, key));
  }

  private holds(session: Session, uri: vscode.Uri, key: string): boolean {
    if (this.shared.get(session.id)?.has(key) || isInside(uri, session.folder)) return true;
    return uri.scheme === "file" && this.names.get(session.id)?.has(basename(uri.fsPath)) === true;
  }
}

/** A guest's text was looked at when it was read (guest_files.ts); one's own file is looked at on the disk. */
async function isFit(uri: vscode.Uri): Promise<boolean> {
  if (uri.scheme !== "file") return true;
  try {
    return hasOneLineEnd(await readFile(uri.fsPath, "utf8"));
  } catch {
    return true; // it is not on the disk yet
  }
}

function isInside(uri: vscode.Uri, folder: string | undefined): boolean {
  if (folder === undefined || uri.scheme !== "file") return false;
  const root = real(vscode.Uri.parse(folder).fsPath);
  return real(uri.fsPath).startsWith(root.endsWith(sep) ? root : root + sep);
}

/** A path with its links resolved as far as it exists. */
function real(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    return dirname(path) === path ? path : join(real(dirname(path)), basename(path));
  }
}
