/**
 * A guest's text lives with the host, and VS Code has nothing to save of it. But whatever it takes for unsaved it copies to
 * the disk after a second (hot exit), and no extension can keep it from that. So VS Code is told that guests' texts are
 * saved (docs/decisions/14):
 *
 *   the active text    after a pause of half a second it is "saved", without formatters; the write is none (guest_files.ts)
 *   any other text     it has no changes of this person's, so the others' come to it as a file that has changed
 *
 * Whether the host's file holds the text the mark on its tab tells (marks.ts), and saving by hand writes it, as ever. Who
 * has VS Code save by itself gets what they asked for instead.
 */
import * as vscode from "vscode";
import { type Attachments, keyOf } from "../core/attachments";
import type { Wire } from "../core/wire";
import type { TextEdit } from "../protocol";
import { isUtf8, rangeOf, scheme } from "./text";

/** Longer than between two keys, and shorter than the second after which VS Code writes its copy. */
const pauseMs = 500;
/** VS Code reads a file that has changed within some 20 ms. Where it does not, the text is edited in the usual way. */
const reloadMs = 2000;
/** The whole text is handed over to VS Code: with one of this size no more often than once in a while. */
const bigText = 512 * 1024;
const bigPauseMs = 1000;

/** A text that VS Code is to find in a file. */
interface Reload {
  text: string;
  done(landed: boolean): void;
}

/** VS Code is being told that a text is saved. */
interface Telling {
  over: Promise<void>;
  written: boolean;
}

export class Quiet {
  private readonly telling = new Map<string, Telling>(); // by key
  private readonly reloads = new Map<string, Reload>(); // by key
  private readonly misread = new Set<string>(); // keys of texts that came out otherwise
  private readonly times = new Map<string, number>(); // by key: how often the file has "changed"
  private timer: NodeJS.Timeout | undefined;
  private saving = 0; // by the person

  /**
   * `changed` has VS Code look at a file again. `isOver` tells that a text is kept of a session that is over: it is locked,
   * which VS Code does not see of one that is unsaved.
   */
  constructor(
    private readonly attachments: Attachments,
    private readonly wire: Wire,
    private readonly changed: (uri: vscode.Uri) => void,
    private readonly isOver: (uri: vscode.Uri) => boolean = () => false,
  ) {}

  watch(): vscode.Disposable {
    return vscode.Disposable.from(
      vscode.window.onDidChangeActiveTextEditor(() => this.soon()),
      vscode.workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
        if (document.uri.scheme !== scheme || contentChanges.length === 0) return;
        const reload = this.reloads.get(keyOf(document.uri.toString()));
        reload?.done(document.getText() === reload.text);
        this.soon();
      }),
      vscode.workspace.onDidCloseTextDocument(({ uri, isClosed }) => {
        if (!isClosed) return;
        this.times.delete(keyOf(uri.toString()));
        this.misread.delete(keyOf(uri.toString()));
      }),
      new vscode.Disposable(() => clearTimeout(this.timer)),
    );
  }

  /** Takes a write that is none, and only there for VS Code. A second one is the person's, from a menu. */
  takes(uri: vscode.Uri): boolean {
    const telling = this.telling.get(keyOf(uri.toString()));
    if (telling === undefined || telling.written) return false;
    telling.written = true;
    return true;
  }

  /** Whether VS Code is about to make such a write: it does not where a file is read-only, and would never see that it is. */
  isAboutToTell(uri: vscode.Uri): boolean {
    return this.telling.get(keyOf(uri.toString()))?.written === false;
  }

  /** What a file holds now, beside the text that its editor shows. */
  reloading(uri: vscode.Uri): string | undefined {
    return this.reloads.get(keyOf(uri.toString()))?.text;
  }

  /** Grows with each change that comes as one of the file; VS Code must see no conflict in anything else. */
  mtime(uri: vscode.Uri): number {
    const key = keyOf(uri.toString());
    return 1 + (this.times.get(key) ?? 0) + (this.reloads.has(key) ? 1 : 0);
  }

  /** Saves as the person would. VS Code would take it for the same as what it is just being told. */
  async save(): Promise<void> {
    this.saving++; // what VS Code writes now must not be taken for a write that is none: it is told nothing more
    try {
      const document = vscode.window.activeTextEditor?.document;
      if (document) await this.untilTold(document.uri);
      await vscode.commands.executeCommand("workbench.action.files.save");
    } finally {
      this.saving--;
    }
  }

  /** Edits a text that is not the active one, as a change of its file; undefined if that is not the way. */
  async edit(document: vscode.TextDocument, edits: readonly TextEdit[]): Promise<boolean | undefined> {
    const { uri, version } = document;
    const before = document.getText();
    if (!this.mayReload(document)) return undefined;
    if (before.length > bigText) {
      await new Promise((resume) => setTimeout(resume, bigPauseMs));
      if (document.version !== version) return false;
      if (!this.mayReload(document)) return undefined;
    }
    const text = edited(document, before, edits);
    if (!isReadAsIs(document, text)) return undefined;
    const key = keyOf(uri.toString());
    const landed = await new Promise<boolean | undefined>((done) => {
      const late = setTimeout(() => done(undefined), reloadMs);
      this.reloads.set(key, {
        text,
        done: (landed) => {
          clearTimeout(late);
          done(landed);
        },
      });
      this.changed(uri);
    });
    this.reloads.delete(key);
    // Should VS Code have made something else of it, it would again; and what it makes goes to all as typed.
    if (landed === false) this.misread.add(key);
    if (landed) this.times.set(key, (this.times.get(key) ?? 0) + 1);
    return document.version === version || landed ? landed : false;
  }

  private mayReload(document: vscode.TextDocument): boolean {
    return (
      document.uri.scheme === scheme &&
      document !== vscode.window.activeTextEditor?.document &&
      !document.isClosed && // it may be without a tab, which VS Code would open again were the text unsaved
      !document.isDirty &&
      !this.misread.has(keyOf(document.uri.toString())) &&
      !isUnsaved(document.uri)
    );
  }

  /** Tells VS Code, after a pause, that the active text is saved. */
  soon(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.tell(), pauseMs);
  }

  /**
   * Tells VS Code that the active text is saved. The command takes what is active when VS Code gets it: should the person
   * go to another text in that moment, there must be none that it could save unasked.
   */
  private async tell(): Promise<void> {
    const document = vscode.window.activeTextEditor?.document;
    if (document) await this.untilTold(document.uri); // what it is told of may be an older text than this
    if (this.saving > 0 || document !== vscode.window.activeTextEditor?.document) {
      this.soon();
      return;
    }
    if (document === undefined || document.uri.scheme !== scheme || !isUnsaved(document.uri)) return;
    const has = this.wire.up && this.attachments.of(document.uri.toString()) !== undefined; // the daemon has it
    if (!has && !this.isOver(document.uri)) return;
    if (!savesByItself(document.uri) && !isOtherUnsaved()) await this.say(document.uri);
  }

  /**
   * Tells VS Code that a text of a session that is over is saved, so that it can be closed: VS Code would revert it too,
   * but in the same moment that might be another text, and what is saved unasked is not lost.
   */
  async letGo(uri: vscode.Uri, viewColumn: vscode.ViewColumn): Promise<void> {
    await vscode.window.showTextDocument(uri, { viewColumn, preview: false });
    await this.untilTold(uri);
    await this.say(uri);
  }

  /** Waits while VS Code is being told that a text is saved. */
  private async untilTold(uri: vscode.Uri): Promise<void> {
    const key = keyOf(uri.toString());
    for (let telling = this.telling.get(key); telling; telling = this.telling.get(key)) await telling.over;
  }

  private say(uri: vscode.Uri): Promise<void> {
    const key = keyOf(uri.toString());
    const telling: Telling = { over: Promise.resolve(), written: false };
    this.telling.set(key, telling);
    telling.over = this.sayIt(key);
    return telling.over;
  }

  private async sayIt(key: string): Promise<void> {
    try {
      await vscode.commands.executeCommand("workbench.action.files.saveWithoutFormatting");
    } catch {
      // VS Code has said why; the text stays unsaved to it
    } finally {
      this.telling.delete(key);
    }
  }
}

/** A tab knows best: after a save during which the person typed on, the document itself says that it is saved. */
export function isUnsaved(uri: vscode.Uri): boolean {
  return tabsOf(uri).some((tab) => tab.isDirty);
}

/** The tabs that show a text. */
export function tabsOf(uri: vscode.Uri): vscode.Tab[] {
  const key = uri.toString();
  return allTabs().filter(({ input }) => input instanceof vscode.TabInputText && input.uri.toString() === key);
}

function allTabs(): vscode.Tab[] {
  return vscode.window.tabGroups.all.flatMap((group) => group.tabs);
}

function isOtherUnsaved(): boolean {
  return allTabs().some(
    (tab) => tab.isDirty && !(tab.input instanceof vscode.TabInputText && tab.input.uri.scheme === scheme),
  );
}

function savesByItself(uri: vscode.Uri): boolean {
  return vscode.workspace.getConfiguration("files", uri).get<string>("autoSave", "off") !== "off";
}

/**
 * Whether VS Code reads a text from UTF-8 as it is. By the person's settings it may take the bytes for another encoding, and
 * what it makes of them would be told as what the person has typed.
 */
function isReadAsIs(document: vscode.TextDocument, text: string): boolean {
  const guesses = vscode.workspace.getConfiguration("files", document.uri).get("autoGuessEncoding", false);
  return isUtf8(document) && !guesses && !text.startsWith("\ufeff") && !text.includes("\0"); // as if it were a mark, or no text
}

/** A text with edits made, which are all against it as it was. */
function edited(document: vscode.TextDocument, text: string, edits: readonly TextEdit[]): string {
  const eol = document.eol === vscode.EndOfLine.CRLF ? "\r\n" : "\n";
  const pieces = edits
    .map(({ range, newText }) => ({ range: rangeOf(range), newText }))
    .map(({ range, newText }) => ({
      from: document.offsetAt(range.start),
      to: document.offsetAt(range.end),
      newText: newText.replace(/\r?\n/g, eol),
    }))
    .sort((a, b) => a.from - b.from);
  let done = 0;
  let out = "";
  for (const { from, to, newText } of pieces) {
    out += text.slice(done, from) + newText;
    done = to;
  }
  return out + text.slice(done);
}
