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
        if (may && !this.onlySaysYes) this.change(edits.map((e) => ({ range: e.range, text: e.newText })).reverse());
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
    for (const { range, text } of changes) {
      const from = offsetOf(this.page, range.start);
      this.page =
        this.page.slice(0, from) + text.replace(/\r\n?/g, "\n") + this.page.slice(offsetOf(this.page, range.end));
    }
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
    const before = this.page.slice(0, at);
    const line = before.split("\n").length - 1;
    return { line, character: at - (before.lastIndexOf("\n") + 1) };
  }

  private withEnds(text: string): string {
    return this.eol === "\n" ? text : text.replace(/\r?\n/g, "\r\n");
  }
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
