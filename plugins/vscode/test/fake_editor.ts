/**
 * An editor as VS Code is one: the text lives in a page, the extension sees it through events that come later, and an
 * edit that the extension asks for is dropped, with the answer false, if the page's text has changed by then.
 */
import type { Change, Document } from "../src/core/document";
import type { Position, TextEdit } from "../src/protocol";

/** A hop is a message between page and extension that is under way. */
type Hop = () => void;

export class FakeDocument implements Document {
  readonly languageId = "plaintext";
  get untitled(): boolean {
    return this.uri.startsWith("untitled:");
  }
  /** Called in the extension for each change, as the editor's event would be. */
  onChange: (changes: Change[]) => void = () => {};
  /** Says yes to every edit and makes none, as an editor that takes the document for read-only does. */
  onlySaysYes = false;
  /** Makes edits as VS Code does where it reads a file anew: a change of whole lines, as far down as they may be said to differ. */
  readsAnew = false;
  refused = 0;
  applied = 0;

  private page: string;
  private pageVersion = 1;
  private seen: string; // by the extension
  private seenVersion = 1;
  private readonly toPage: Hop[] = [];
  private readonly toExtension: Hop[] = [];

  constructor(
    readonly uri: string,
    text: string,
    private readonly eol: "\n" | "\r\n" = "\n",
  ) {
    this.page = text;
    this.seen = text;
  }

  /** What the person sees. */
  get shown(): string {
    return this.page;
  }

  text(): string {
    return this.withEnds(this.seen);
  }

  apply(edits: readonly TextEdit[]): Promise<boolean> {
    const version = this.seenVersion;
    return new Promise((resolve) => {
      this.toPage.push(() => {
        const may = version === this.pageVersion;
        if (may && !this.onlySaysYes) this.change(this.readsAnew ? anew(this.page, edits) : backwards(edits));
        if (may) this.applied++;
        else this.refused++;
        // The answer leaves some time after the edit: what is typed in between comes before it.
        this.toPage.push(() => this.toExtension.push(() => resolve(may)));
      });
    });
  }

  /** The person replaces some characters. */
  type(at: number, removed: number, text: string): void {
    this.change([{ range: { start: this.position(at), end: this.position(at + removed) }, text }]);
  }

  /** The file is saved or is not: an event without changes. */
  touch(): void {
    this.toExtension.push(() => this.onChange([]));
  }

  /** Lets everything that is under way arrive. */
  async settle(): Promise<void> {
    while (this.hop()) await Promise.resolve();
  }

  /** One message arrives in each direction. */
  hop(): boolean {
    const up = this.toPage.shift();
    up?.();
    const down = this.toExtension.shift();
    down?.();
    return up !== undefined || down !== undefined;
  }

  private change(changes: Change[]): void {
    this.page = changedText(this.page, changes);
    const now = this.page;
    this.pageVersion++;
    const version = this.pageVersion;
    const told = changes.map(({ range, text }) => ({ range, text: this.withEnds(text) }));
    this.toExtension.push(() => {
      this.seen = now;
      this.seenVersion = version;
      this.onChange(told);
    });
  }

  private position(at: number): Position {
    return placeBehind(this.page.slice(0, at));
  }

  private withEnds(text: string): string {
    return this.eol === "\n" ? text : text.replace(/\r?\n/g, "\r\n");
  }
}

function backwards(edits: readonly TextEdit[]): Change[] {
  return edits.map(({ range, newText }) => ({ range, text: newText })).reverse();
}

/** The lines that differ once the edits are made, as one change. */
function anew(before: string, edits: readonly TextEdit[]): Change[] {
  const was = before.split(/(?<=\n)/);
  const is = changedText(before, backwards(edits)).split(/(?<=\n)/);
  const least = Math.min(was.length, is.length);
  let above = 0;
  while (above < least && was[above] === is[above]) above++;
  let below = 0;
  while (above + below < least && was.at(-1 - below) === is.at(-1 - below)) below++;
  const [from, to] = [was.slice(0, above).join(""), was.slice(0, was.length - below).join("")];
  const range = { start: placeBehind(from), end: placeBehind(to) };
  return [{ range, text: is.slice(above, is.length - below).join("") }];
}

function placeBehind(text: string): Position {
  const line = text.split("\n").length - 1;
  return { line, character: text.length - (text.lastIndexOf("\n") + 1) };
}

function changedText(page: string, changes: readonly Change[]): string {
  let text = page;
  for (const { range, text: added } of changes) {
    text =
      text.slice(0, offsetOf(text, range.start)) +
      added.replace(/\r\n?/g, "\n") +
      text.slice(offsetOf(text, range.end));
  }
  return text;
}

function offsetOf(text: string, { line, character }: Position): number {
  let start = 0;
  for (let i = 0; i < line; i++) {
    const end = text.indexOf("\n", start);
    if (end < 0) return text.length;
    start = end + 1;
  }
  const end = text.indexOf("\n", start);
  return Math.min(start + character, end < 0 ? text.length : end);
}
