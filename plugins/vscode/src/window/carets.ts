/**
 * Where somebody writes exactly at this person's caret, VS Code would carry it along, so that their next words land in the
 * other's text; and what they have selected would grow by it. A caret that is put back later would come after keys that
 * were typed meanwhile. So edits are given a shape in which VS Code's own rules leave the caret where it is:
 *
 *   at the end of a selection, or a caret   a replacement of the character behind by the text and that character
 *   at the start of a selection             an insertion that pushes what is behind it
 *
 * Behind the last character of a text there is none: only there carets are put back, unless the text has changed by then.
 */
import * as vscode from "vscode";

/** Shaped is an edit as VS Code is to make it. */
export interface Shaped {
  range: vscode.Range;
  text: string;
  /** What starts where an insertion is made begins behind it. */
  pushes: boolean;
}

export class Carets {
  private readonly undoing = new WeakMap<vscode.TextDocument, { answered: boolean }>();

  /** What the person takes back or brings back is theirs: they go on behind it. `ask` tells whether there will be an edit. */
  async undo(document: vscode.TextDocument, ask: () => Promise<boolean>): Promise<boolean> {
    const undo = { answered: false };
    this.undoing.set(document, undo);
    let comes = false;
    try {
      comes = await ask();
    } finally {
      undo.answered = true;
      if (!comes) this.undoing.delete(document);
    }
    return comes;
  }

  /** Edits a document; `make` does it, in the shape that it is given, and tells whether it was done. */
  async edit<T>(
    document: vscode.TextDocument,
    edits: readonly vscode.TextEdit[],
    make: (shaped: readonly Shaped[]) => Promise<T>,
  ): Promise<T> {
    const undo = this.undoing.get(document);
    if (undo) {
      const made = await make(edits.map(plainly));
      if (undo.answered && made === true) this.undoing.delete(document);
      return made;
    }
    const editors = vscode.window.visibleTextEditors.filter((e) => e.document === document);
    const before = editors.map((editor) => ({ editor, selections: editor.selections }));
    const { version } = document;
    const end = endOf(document);
    const last = edits.find(({ range, newText }) => newText !== "" && end.isEqual(range.start));
    const made = await make(
      shape(
        document,
        edits,
        before.flatMap(({ selections }) => selections),
      ),
    );
    if (last && made === true && document.version === version + 1) putBack(document, last.newText, end, before);
    return made;
  }
}

function plainly({ range, newText }: vscode.TextEdit): Shaped {
  return { range, text: newText, pushes: false };
}

function shape(
  document: vscode.TextDocument,
  edits: readonly vscode.TextEdit[],
  selections: readonly vscode.Selection[],
): Shaped[] {
  const ends = new Set(selections.map(({ end }) => keyOf(end)));
  const starts = new Set(selections.filter(({ isEmpty }) => !isEmpty).map(({ start }) => keyOf(start)));
  const edited = new Set(edits.filter(({ range }) => !range.isEmpty).map(({ range }) => keyOf(range.start)));
  return edits.map((edit) => {
    const plain = plainly(edit);
    const at = plain.range.start;
    if (!plain.range.isEmpty || plain.text === "") return plain;
    if (!ends.has(keyOf(at))) return { ...plain, pushes: starts.has(keyOf(at)) };
    const behind = characterAt(document, at);
    if (behind === undefined || edited.has(keyOf(at))) return plain;
    return { range: behind, text: plain.text + document.getText(behind), pushes: false };
  });
}

/** The range of the character at a place, which may be a line end; undefined at the end of the text. */
function characterAt(document: vscode.TextDocument, { line, character }: vscode.Position): vscode.Range | undefined {
  const first = document.lineAt(line).text.codePointAt(character);
  if (first !== undefined)
    return new vscode.Range(line, character, line, character + String.fromCodePoint(first).length);
  return line + 1 < document.lineCount ? new vscode.Range(line, character, line + 1, 0) : undefined;
}

/** Puts those that stood at the end of a text, and do so now, before what was added there. */
function putBack(
  document: vscode.TextDocument,
  added: string,
  was: vscode.Position,
  before: readonly { editor: vscode.TextEditor; selections: readonly vscode.Selection[] }[],
): void {
  const end = endOf(document);
  const length = added.replace(/\n/g, document.eol === vscode.EndOfLine.CRLF ? "\r\n" : "\n").length;
  const place = document.positionAt(document.offsetAt(end) - length);
  for (const { editor, selections } of before) {
    const now = editor.selections;
    const carried = now.map((s, i) => s.end.isEqual(end) && selections[i]?.end.isEqual(was) === true);
    if (now.length !== selections.length || !carried.includes(true)) continue;
    editor.selections = now.map((s, i) => {
      if (!carried[i]) return s;
      if (s.isEmpty) return new vscode.Selection(place, place);
      return s.isReversed ? new vscode.Selection(place, s.active) : new vscode.Selection(s.anchor, place);
    });
  }
}

function endOf(document: vscode.TextDocument): vscode.Position {
  const line = document.lineCount - 1;
  return new vscode.Position(line, document.lineAt(line).text.length);
}

function keyOf({ line, character }: vscode.Position): string {
  return `${line}:${character}`;
}
