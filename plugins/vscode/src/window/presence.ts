/** Where the others are, and telling them where this person is. */
import * as vscode from "vscode";
import type { Attachments } from "../core/attachments";
import { cleanName } from "../core/clean";
import { colorsOf, lettersOn } from "../core/colors";
import type { Sessions } from "../core/sessions";
import type { Wire } from "../core/wire";
import type { Cursor, PresenceChanged, PresenceUpdate, Selection } from "../protocol";
import { plain } from "./text";

/** At most 20 updates a second: each is drawn on every screen of the session. */
const intervalMs = 50;
/** A name covers a bit of the line beside it: who stays in a place so long has one that can be read through. */
const restMs = 3000;
const restingOpacity = 0.3;
/** Everybody of some full sessions. */
const mostPens = 64;
/** More cursors than fit a screen tell nobody anything. */
const mostSelections = 200;

/** Pen draws one member. Who can't tell colours apart has the name, and a frame around what is selected. */
interface Pen {
  cursor: vscode.TextEditorDecorationType;
  selection: vscode.TextEditorDecorationType;
}

/** Where a cursor went last; `resting` is until it has been there for a while. */
interface Move {
  place: string;
  resting?: NodeJS.Timeout;
}

/** What is drawn in one editor with one pen. */
interface Drawing {
  cursors: vscode.DecorationOptions[];
  selections: vscode.DecorationOptions[];
}

/** What an editor shows of one kind of decoration; without a key it may have been moved since. */
interface Shown {
  key: string | undefined;
  lines: { first: number; last: number };
}

const noKey = JSON.stringify([]);

export class Presence implements vscode.Disposable {
  private readonly cursors = new Map<string, readonly Cursor[]>(); // by session
  private readonly pens = new Map<string, Pen>(); // by colour
  private readonly shown = new WeakMap<vscode.TextEditor, Map<vscode.TextEditorDecorationType, Shown>>();
  private readonly moves = new Map<string, Move>(); // by cursor
  private timer: NodeJS.Timeout | undefined;
  private told = ""; // where this person was, as the daemon knows

  constructor(
    private readonly attachments: Attachments,
    private readonly sessions: Sessions,
    private readonly wire: Wire,
  ) {}

  watch(): vscode.Disposable {
    const moved = () => this.moved();
    return vscode.Disposable.from(
      vscode.window.onDidChangeTextEditorSelection(moved),
      vscode.window.onDidChangeTextEditorVisibleRanges(moved),
      vscode.window.onDidChangeActiveTextEditor(moved),
      vscode.window.onDidChangeVisibleTextEditors(() => this.draw()),
      vscode.workspace.onDidChangeTextDocument((event) => this.textChanged(event)),
    );
  }

  /** Tells the others, soon, where this person is. */
  moved(): void {
    this.timer ??= setTimeout(() => this.tell(), intervalMs);
  }

  /** Tells it now. Who is in no shared text says so once: what they do elsewhere is nobody's business. */
  tell(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const here = this.here();
    const openings = here.textDocument && this.attachments.of(here.textDocument.uri)?.openings;
    // A text that is opened anew has no cursor yet, and in a session that begins nobody is anywhere.
    const sessions = this.sessions.list().map(({ id }) => id);
    const said = here.textDocument ? JSON.stringify({ here, openings, sessions }) : "";
    if (said === this.told || !this.wire.up) return;
    this.told = said;
    this.wire.notify("presence/update", here);
  }

  /** There is a connection to a daemon that knows nothing yet. */
  renew(): void {
    this.told = "";
    this.moved();
  }

  changed({ session, cursors }: PresenceChanged): void {
    this.cursors.set(session, cursors);
    for (const cursor of cursors) this.noteMove(session, cursor);
    this.dropMoves();
    this.draw();
  }

  /** Takes note of whether a cursor has moved. */
  private noteMove(session: string, cursor: Cursor): void {
    const key = keyOfCursor(session, cursor);
    const place = JSON.stringify([cursor.textDocument?.uri, cursor.selections]);
    const last = this.moves.get(key);
    if (last?.place === place) return;
    clearTimeout(last?.resting);
    const resting = setTimeout(() => {
      this.moves.set(key, { place });
      this.draw();
    }, restMs);
    this.moves.set(key, { place, resting });
  }

  forget(session: string): void {
    this.cursors.delete(session);
    this.dropMoves();
    this.draw();
  }

  /** Nobody is known to be anywhere: the connection is gone. */
  clear(): void {
    this.cursors.clear();
    this.dropMoves();
    this.draw();
  }

  /** Forgets the moves of cursors that are gone. */
  private dropMoves(): void {
    const there = new Set([...this.cursors].flatMap(([id, cursors]) => cursors.map((c) => keyOfCursor(id, c))));
    for (const [key, { resting }] of this.moves) {
      if (there.has(key)) continue;
      clearTimeout(resting);
      this.moves.delete(key);
    }
  }

  /** Where a member is. */
  of(session: string, member: string): Cursor | undefined {
    return this.cursors.get(session)?.find((c) => c.member === member && c.textDocument !== undefined);
  }

  /**
   * Draws everybody in the editors that are seen, and clears what is over. What an editor shows already is not drawn anew:
   * while a person types this is called for each key, and the page that has to draw then lets others' edits wait.
   */
  draw(): void {
    const used = new Set<string>();
    for (const editor of vscode.window.visibleTextEditors) {
      const attached = this.attachments.of(editor.document.uri.toString());
      const drawn = attached ? this.collect(attached.uri) : new Map<string, Drawing>();
      for (const color of drawn.keys()) used.add(color);
      for (const color of new Set([...this.pens.keys(), ...drawn.keys()])) {
        const { cursor, selection } = this.pen(color);
        this.show(editor, cursor, drawn.get(color)?.cursors ?? []);
        this.show(editor, selection, drawn.get(color)?.selections ?? []);
      }
    }
    // A host chooses the colours, and may do so again and again.
    for (const color of this.pens.keys()) if (this.pens.size > mostPens && !used.has(color)) this.discard(color);
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.cursors.clear();
    this.dropMoves();
    for (const color of this.pens.keys()) this.discard(color);
  }

  private show(
    editor: vscode.TextEditor,
    type: vscode.TextEditorDecorationType,
    options: vscode.DecorationOptions[],
  ): void {
    const shown = this.shown.get(editor) ?? new Map<vscode.TextEditorDecorationType, Shown>();
    this.shown.set(editor, shown);
    const key = JSON.stringify(options);
    const before = shown.has(type) ? shown.get(type)?.key : noKey;
    if (before === key) return;
    editor.setDecorations(type, options);
    shown.set(type, { key, lines: linesOf(options) });
  }

  /** VS Code moves what is drawn along with the text, and knows less of where it belongs than the daemon. */
  private textChanged({ document, contentChanges }: vscode.TextDocumentChangeEvent): void {
    for (const editor of vscode.window.visibleTextEditors) {
      if (editor.document !== document) continue;
      for (const shown of this.shown.get(editor)?.values() ?? [])
        if (contentChanges.some((change) => moves(change, shown.lines))) shown.key = undefined;
    }
  }

  private collect(uri: string): Map<string, Drawing> {
    const drawn = new Map<string, Drawing>();
    for (const [id, cursors] of this.cursors) {
      const session = this.sessions.of(id);
      if (session === undefined) continue;
      const colors = colorsOf(session.members, session.me);
      for (const cursor of cursors) {
        if (!cursor.textDocument || this.attachments.named(cursor.textDocument.uri)?.uri !== uri) continue;
        const color = colors.get(cursor.member) ?? "#8a8a8a";
        const own = drawn.get(color) ?? { cursors: [], selections: [] };
        drawn.set(color, own);
        const name = cleanName(this.sessions.member(id, cursor.member)?.name ?? "");
        const selected = cursor.selections.map(selectionOf).filter((s) => !s.isEmpty);
        own.selections.push(...selected.map((range) => ({ range })));
        const flag = { name, color, rests: this.moves.get(keyOfCursor(id, cursor))?.resting === undefined };
        own.cursors.push(...cursor.selections.map((s, i, all) => cursorOf(s, flag, i === all.length - 1)));
      }
    }
    return drawn;
  }

  private discard(color: string): void {
    const pen = this.pens.get(color);
    this.pens.delete(color);
    for (const type of pen ? [pen.cursor, pen.selection] : []) {
      for (const editor of vscode.window.visibleTextEditors) this.shown.get(editor)?.delete(type);
      type.dispose();
    }
  }

  private pen(color: string): Pen {
    const known = this.pens.get(color);
    if (known) return known;
    const { ClosedClosed } = vscode.DecorationRangeBehavior;
    const pen = {
      cursor: vscode.window.createTextEditorDecorationType({
        rangeBehavior: ClosedClosed,
        borderColor: color,
        borderStyle: "solid",
        borderWidth: "0 0 0 2px",
        overviewRulerColor: color,
        overviewRulerLane: vscode.OverviewRulerLane.Center,
      }),
      selection: vscode.window.createTextEditorDecorationType({
        rangeBehavior: ClosedClosed,
        backgroundColor: `${color}55`,
        outline: `1px dotted ${color}`,
      }),
    };
    this.pens.set(color, pen);
    return pen;
  }

  private here(): PresenceUpdate {
    const editor = vscode.window.activeTextEditor;
    const attached = editor && this.attachments.of(editor.document.uri.toString());
    if (editor === undefined || attached === undefined) return { selections: [] };
    const visible = seen(editor.visibleRanges);
    return {
      textDocument: { uri: attached.uri },
      selections: editor.selections.slice(0, mostSelections).map(({ anchor, active }) => ({
        anchor: { line: anchor.line, character: anchor.character },
        active: { line: active.line, character: active.character },
      })),
      ...(visible ? { visibleRange: plain(visible) } : {}),
    };
  }
}

function linesOf(options: readonly vscode.DecorationOptions[]): Shown["lines"] {
  return {
    first: Math.min(...options.map(({ range }) => range.start.line)),
    last: Math.max(...options.map(({ range }) => range.end.line)),
  };
}

/** Whether a change can move what is drawn in these lines: not if it is below, nor above where it adds no lines. */
function moves({ range, text }: vscode.TextDocumentContentChangeEvent, { first, last }: Shown["lines"]): boolean {
  if (range.start.line > last) return false;
  return range.end.line >= first || /[\r\n]/.test(text) || range.end.line > range.start.line;
}

function selectionOf({ anchor, active }: Selection): vscode.Selection {
  return new vscode.Selection(anchor.line, anchor.character, active.line, active.character);
}

/** Where lines are folded, several ranges are seen; the others are told of one from the first line to the last. */
function seen(ranges: readonly vscode.Range[]): vscode.Range | undefined {
  const [first] = ranges;
  const last = ranges.at(-1);
  return first && last && new vscode.Range(first.start.line, first.start.character, last.end.line, last.end.character);
}

function keyOfCursor(session: string, { member, client }: Cursor): string {
  return `${session} ${member} ${client}`;
}

/**
 * A line at the place, and at one of a member's places the name on a flag above it; on the first line, where there is no
 * room, below. The flag covers what is there, so that of one who `rests` it can be read through.
 */
function cursorOf(
  { active }: Selection,
  { name, color, rests }: { name: string; color: string; rests: boolean },
  named: boolean,
): vscode.DecorationOptions {
  const at = new vscode.Position(active.line, active.character);
  const shift = active.line === 0 ? "100%" : "-100%";
  return {
    range: new vscode.Range(at, at),
    hoverMessage: new vscode.MarkdownString().appendText(name),
    ...(named && {
      renderOptions: {
        before: {
          contentText: name,
          color: lettersOn(color),
          backgroundColor: color,
          // VS Code has no option for a place beside the text; what follows "none;" goes to the style sheet as it is.
          textDecoration: `none; position: absolute; z-index: 1; transform: translateY(${shift}); padding: 0 0.3em; border-radius: 0.2em; font-size: 0.75em; line-height: 1.3; white-space: nowrap; pointer-events: none; opacity: ${rests ? restingOpacity : 1}`,
        },
      },
    }),
  };
}
