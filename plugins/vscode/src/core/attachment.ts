/**
 * One document of the editor attached to one of the daemon's. It reports each change and applies what the daemon asks
 * for; it keeps no text and merges nothing (docs/decisions/08).
 *
 *   daemon ──applyEdit(version v)──▶ attachment: is v the last that was reported?
 *                                    editor: is the text still what the extension believes?  no ─▶ false
 *   daemon ◀──didChange(v+1)──────── the edit itself comes back as the first change
 *   daemon ◀──{applied, v+1}──────── even if the person has typed v+2 by then
 *
 * An edit gets in if no key overtakes it on its way through the editor's processes, and has the best chances right after
 * one. The daemon asks anew as soon as it hears of a refusal: so it hears of it when a key was just pressed; and where a
 * key was faster for certain, without waiting for the editor to say so.
 *
 * Versions are counted here, one for each didChange, not taken from the editor: that one also counts changes of the line
 * ends, which are none of the text, and begins again when a document is opened anew.
 */
import { createHash } from "node:crypto";
import type { ApplyWorkspaceEditParams, ApplyWorkspaceEditResult, TextEdit } from "../protocol";
import type { Change, Document } from "./document";
import type { Wire } from "./wire";

/** Idle time before the daemon is asked whether it holds the same text, from the contract (at least 500 ms). */
const idleMs = 600;
/** Hashing costs some 5 ms for each MiB and holds the extension host up: larger texts wait for a longer pause. */
const bigText = 2 * 1024 * 1024;
const bigIdleMs = 5000;
/** A key that was pressed longer ago than this is none that has just been pressed. */
const freshMs = 3;
/** Who presses no key for this long need not be waited for. */
const keyMs = 60;
/** An editor closes a text within this time after it has emptied it. */
const closingMs = 1000;

/** An edit that the editor has been asked for. */
interface Flight {
  edits: readonly TextEdit[];
  /** The version of the first change that came since, which is the edit if the editor says that it applied it. */
  echo?: number;
  /** Called when a key was faster: the editor will refuse the edit, however long its answer takes. */
  overtaken(): void;
}

/** Attachment lasts from the document's opening, or its being shared, to its closing or the end of the session. */
export class Attachment {
  /** By which the daemon knows the document. */
  readonly uri: string;
  /** How often the daemon was told that the document is open. */
  openings = 0;
  /** Whether the daemon has said that it is shared: one that only has a shared one's name is attached too. */
  shared = false;
  private version = 0;
  private stamp: string | undefined;
  private flight: Flight | undefined;
  private landed: Promise<unknown> = Promise.resolve();
  private opened = false;
  private closed = false;
  private size = 0; // of the text when it was last read
  private reportedAt = 0;
  private freshly: (() => void) | undefined; // called when the next change was reported
  private idle: NodeJS.Timeout | undefined;
  private emptied: { report(): void; timer: NodeJS.Timeout } | undefined; // and perhaps about to be closed

  /**
   * `unshowable` is called when the daemon's text holds a carriage return, which the editor would make a line end; the
   * attachment is closed by then.
   */
  constructor(
    private document: Document,
    private readonly wire: Wire,
    private readonly unshowable: () => void,
  ) {
    this.uri = document.uri;
    this.open();
  }

  /** The document's URI in the editor: another one than `uri` once it was saved as a file. */
  get place(): string {
    return this.document.uri;
  }

  /** Whether the document was emptied, and that is not told yet, for it may be about to be closed. */
  get isEmptied(): boolean {
    return this.emptied !== undefined;
  }

  /** Whether the editor has been asked for an edit and has not answered. */
  get applying(): boolean {
    return this.flight !== undefined;
  }

  /** Takes what the editor says of its document. Without changes it only says that the file is saved, or is not. */
  changed(changes: readonly Change[]): void {
    if (changes.length === 0 || this.closed) return;
    this.emptied?.report();
    if (this.document.untitled && !this.flight && this.opened && this.document.text() === "") {
      const report = () => {
        this.keep();
        this.report(changes);
      };
      this.emptied = { report, timer: setTimeout(report, closingMs) };
    } else this.report(changes);
  }

  private report(changes: readonly Change[]): void {
    this.version++;
    const { flight } = this;
    const overtaken = flight !== undefined && flight.echo === undefined && isElsewhere(changes, flight.edits);
    if (flight && !overtaken) flight.echo ??= this.version;
    if (!this.opened) return; // it is in the text that is reported when there is a connection again
    this.wire.notify("textDocument/didChange", {
      textDocument: { uri: this.uri, version: this.version },
      contentChanges: changes.map(({ range, text }) => ({ range, text: withLineFeeds(text) })),
    });
    this.rest();
    this.reportedAt = performance.now();
    this.freshly?.();
    if (overtaken) flight.overtaken();
  }

  /** Answers one workspace/applyEdit. */
  async apply(params: ApplyWorkspaceEditParams): Promise<ApplyWorkspaceEditResult> {
    const asked = params.edit.documentChanges[0];
    if (asked === undefined || !this.opened || this.flight || this.emptied)
      return this.refusal("the document is being opened");
    if (asked.textDocument.version !== this.version) {
      await this.keyPressed();
      return this.refusal("the text has changed");
    }
    if (asked.edits.some((edit) => edit.newText.includes("\r"))) {
      this.close();
      this.unshowable();
      return this.refusal("a carriage return can't be shown");
    }
    const flight: Flight = { edits: asked.edits, overtaken: () => {} };
    const overtaken = new Promise<false>((resolve) => {
      flight.overtaken = () => resolve(false);
    });
    this.flight = flight;
    let applied = false;
    try {
      const applying = this.document.apply(asked.edits);
      this.landed = Promise.allSettled([this.landed, applying]);
      applied = await Promise.race([applying, overtaken]);
    } catch (error) {
      return this.refusal(String(error));
    } finally {
      this.flight = undefined;
    }
    if (!applied && flight.echo !== undefined) await this.keyPressed();
    // An editor that says yes and has changed nothing did not do it: it may take the document for read-only.
    if (!applied || flight.echo === undefined) return this.refusal("the editor was busy");
    this.stamp = params.earshot?.stamp ?? this.stamp;
    return { applied: true, version: flight.echo };
  }

  /** Waits until a key has just been pressed, or the person does not type. */
  private async keyPressed(): Promise<void> {
    if (performance.now() - this.reportedAt < freshMs) return;
    await new Promise<void>((resume) => {
      const timer = setTimeout(resume, keyMs);
      this.freshly = () => {
        clearTimeout(timer);
        resume();
      };
    });
    this.freshly = undefined;
  }

  /** Goes on with another document of the editor, which holds the text from now on. */
  move(document: Document): void {
    this.document = document;
    this.tellClosed();
    this.reopen();
  }

  /** Attaches on a new connection. The daemon finds what was changed meanwhile from the stamp. */
  reopen(): void {
    this.interrupted();
    // An edit of the old connection may still get into the document: the text that is reported has to hold it.
    this.landed.then(() => this.open());
  }

  /** The connection is gone. */
  interrupted(): void {
    this.opened = false;
    this.keep();
    clearTimeout(this.idle);
  }

  /** The editor wrote the file. */
  saved(): void {
    if (this.opened) this.wire.notify("textDocument/didSave", { textDocument: { uri: this.uri } });
  }

  /**
   * Ends the attachment of a document that its editor has put back to what its file holds, only to close it: the others'
   * text is taken back from that.
   */
  closeReverted(): void {
    // Where it fails nothing is there to take back, or the connection is gone.
    if (this.opened) this.wire.request("textDocument/undo", { textDocument: { uri: this.uri } }).catch(() => {});
    this.close();
  }

  /** Ends the attachment. The text stays as it is. */
  close(): void {
    this.tellClosed();
    this.closed = true;
  }

  /** What was emptied stays as it is for the others. */
  private keep(): void {
    clearTimeout(this.emptied?.timer);
    this.emptied = undefined;
  }

  private tellClosed(): void {
    if (this.opened) this.wire.notify("textDocument/didClose", { textDocument: { uri: this.uri } });
    this.interrupted();
  }

  private open(): void {
    if (this.closed || this.opened || !this.wire.up) return;
    this.opened = true;
    this.openings++;
    this.version++;
    this.wire.notify("textDocument/didOpen", {
      textDocument: {
        uri: this.uri,
        languageId: this.document.languageId,
        version: this.version,
        text: this.text(),
      },
      ...(this.stamp === undefined ? {} : { earshot: { stamp: this.stamp } }),
    });
    this.rest();
  }

  private text(): string {
    const text = withLineFeeds(this.document.text());
    this.size = text.length;
    return text;
  }

  private refusal(failureReason: string): ApplyWorkspaceEditResult {
    return { applied: false, version: this.version, failureReason };
  }

  private rest(): void {
    clearTimeout(this.idle);
    this.idle = setTimeout(() => this.verify(), this.size > bigText ? bigIdleMs : idleMs);
  }

  /** Asks, once the document was left alone, whether the daemon holds the same text; it tells the person if not. */
  private verify(): void {
    if (this.flight || this.emptied) {
      this.rest();
      return;
    }
    const version = this.version;
    const sha256 = createHash("sha256").update(this.text()).digest("hex");
    this.wire.request("document/verify", { textDocument: { uri: this.uri, version }, sha256 }).then(
      ({ equal }) => {
        if (equal || this.version !== version || !this.opened) return;
        this.tellClosed();
        this.reopen();
      },
      () => {}, // there is another one after the next change, or on the next connection
    );
  }
}

/**
 * Whether a change can't be the edits that the editor was asked for, in whatever shape. One on other lines can be that too:
 * VS Code reads a file anew as a change of the lines that differ, and a line added on top of equal ones is one added below
 * them as well. But then it adds as many lines; and an edit that adds none leaves its own lines different.
 */
function isElsewhere(changes: readonly Change[], edits: readonly TextEdit[]): boolean {
  const [change] = changes;
  if (change === undefined || changes.length > 1) return false;
  const { start, end } = change.range;
  const asked = edits.reduce((sum, { range, newText }) => sum + linesAdded(range, newText), 0);
  if (linesAdded(change.range, change.text) === asked && (asked !== 0 || edits.length > 1)) return false;
  return edits.every(({ range }) => end.line + 1 < range.start.line || range.end.line + 1 < start.line);
}

function linesAdded({ start, end }: TextEdit["range"], text: string): number {
  return withLineFeeds(text).split("\n").length - 1 - (end.line - start.line);
}

function withLineFeeds(text: string): string {
  return text.includes("\r") ? text.replace(/\r\n?/g, "\n") : text;
}
