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
/** More cursors than fit a screen tell nobody anything. */
const mostSelections = 200;

/** Pen draws one member: a name tells people apart who can't by colour. */
interface Pen {
  cursor: vscode.TextEditorDecorationType;
  selection: vscode.TextEditorDecorationType;
}

export class Presence implements vscode.Disposable {
  private readonly cursors = new Map<string, readonly Cursor[]>(); // by session
  private readonly pens = new Map<string, Pen>(); // by colour
  private timer: NodeJS.Timeout | undefined;

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
    );
  }

  /** Tells the others, soon, where this person is. */
  moved(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      if (this.attachments.all().length > 0) this.wire.notify("presence/update", this.here());
    }, intervalMs);
  }

  changed({ session, cursors }: PresenceChanged): void {
    this.cursors.set(session, cursors);
    this.draw();
  }

  forget(session: string): void {
    this.cursors.delete(session);
    this.draw();
  }

  /** Nobody is known to be anywhere: the connection is gone. */
  clear(): void {
    this.cursors.clear();
    this.draw();
  }

  /** Where a member is. */
  of(session: string, member: string): Cursor | undefined {
    return this.cursors.get(session)?.find((c) => c.member === member && c.textDocument !== undefined);
  }

  /** Draws everybody anew in the editors that are seen; decorations are few, and this way none is left behind. */
  draw(): void {
    for (const editor of vscode.window.visibleTextEditors) {
      const attached = this.attachments.of(editor.document.uri.toString());
      const drawn = new Map<string, { cursors: vscode.DecorationOptions[]; selections: vscode.Range[] }>();
      for (const color of this.pens.keys()) drawn.set(color, { cursors: [], selections: [] });
      if (attached) this.collect(attached.uri, drawn);
      for (const [color, { cursors, selections }] of drawn) {
        const pen = this.pen(color);
        editor.setDecorations(pen.cursor, cursors);
        editor.setDecorations(pen.selection, selections);
      }
    }
  }

  dispose(): void {
    clearTimeout(this.timer);
    for (const { cursor, selection } of this.pens.values()) {
      cursor.dispose();
      selection.dispose();
    }
  }

  private collect(
    uri: string,
    drawn: Map<string, { cursors: vscode.DecorationOptions[]; selections: vscode.Range[] }>,
  ): void {
    for (const [id, cursors] of this.cursors) {
      const session = this.sessions.of(id);
      if (session === undefined) continue;
      const colors = colorsOf(session.members, session.me);
      for (const cursor of cursors) {
        if (!cursor.textDocument || this.attachments.of(cursor.textDocument.uri)?.uri !== uri) continue;
        const color = colors.get(cursor.member) ?? "#8a8a8a";
        const own = drawn.get(color) ?? { cursors: [], selections: [] };
        drawn.set(color, own);
        const name = cleanName(this.sessions.member(id, cursor.member)?.name ?? "");
        own.selections.push(...cursor.selections.map(selectionOf).filter((s) => !s.isEmpty));
        own.cursors.push(...cursor.selections.map((s) => cursorOf(s, name, color)));
      }
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
      }),
    };
    this.pens.set(color, pen);
    return pen;
  }

  private here(): PresenceUpdate {
    const editor = vscode.window.activeTextEditor;
    const attached = editor && this.attachments.of(editor.document.uri.toString());
    if (editor === undefined || attached === undefined) return { selections: [] };
    const visible = editor.visibleRanges[0];
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

function selectionOf({ anchor, active }: Selection): vscode.Selection {
  return new vscode.Selection(anchor.line, anchor.character, active.line, active.character);
}

/** A line at the place, and the name on a flag above it; on the first line, where there is no room, below. */
function cursorOf({ active }: Selection, name: string, color: string): vscode.DecorationOptions {
  const at = new vscode.Position(active.line, active.character);
  const shift = active.line === 0 ? "100%" : "-100%";
  return {
    range: new vscode.Range(at, at),
    hoverMessage: new vscode.MarkdownString().appendText(name),
    renderOptions: {
      before: {
        contentText: name,
        color: lettersOn(color),
        backgroundColor: color,
        // VS Code has no option for a place beside the text; what follows "none;" goes to the style sheet as it is.
        textDecoration: `none; position: absolute; z-index: 1; transform: translateY(${shift}); padding: 0 0.3em; border-radius: 0.2em; font-size: 0.75em; line-height: 1.3; white-space: nowrap; pointer-events: none`,
      },
    },
  };
}
