import { beforeEach, expect, test } from "vitest";
import * as vscode from "vscode";
import { Carets } from "../src/window/carets";
import { Text } from "../src/window/text";
import { window } from "./vscode";

/** An editor of a text, with VS Code's rules for what becomes of selections when it is edited: they are tracked ranges. */
class Editor {
  selections: vscode.Selection[] = [];
  /** What the person does after the next edit, before its answer. */
  meanwhile = () => {};
  readonly document: vscode.TextDocument;
  text: string;

  constructor(marked: string) {
    const editor = this;
    this.text = "";
    this.document = {
      uri: vscode.Uri.parse("file:///a.txt"),
      version: 1,
      eol: vscode.EndOfLine.LF,
      get lineCount() {
        return editor.text.split("\n").length;
      },
      lineAt: (line: number) => ({ text: editor.text.split("\n")[line] }),
      getText: ({ start, end }: vscode.Range) => editor.text.slice(editor.offset(start), editor.offset(end)),
      offsetAt: (at: vscode.Position) => editor.offset(at),
      positionAt: (at: number) => editor.position(at),
    } as never;
    this.shows(marked);
  }

  /** Carets are |, selections go from [ to ], or where they go backwards from ] to [. */
  private shows(marked: string): void {
    const places: [mark: string, offset: number][] = [];
    for (const c of marked)
      if ("|[]".includes(c)) places.push([c, this.text.length]);
      else this.text += c;
    for (let i = 0; i < places.length; i++) {
      const [mark, at] = places[i] as [string, number];
      const [, to] = mark === "|" ? [mark, at] : (places[++i] as [string, number]);
      const [one, other] = [this.position(at), this.position(to)];
      this.selections.push(mark === "]" ? new vscode.Selection(other, one) : new vscode.Selection(one, other));
    }
  }

  get marked(): string {
    const marks = this.selections
      .flatMap((s): [number, string][] =>
        s.isEmpty
          ? [[this.offset(s.active), "|"]]
          : [
              [this.offset(s.start), s.isReversed ? "]" : "["],
              [this.offset(s.end), s.isReversed ? "[" : "]"],
            ],
      )
      .reverse();
    return marks.reduce((text, [at, mark]) => text.slice(0, at) + mark + text.slice(at), this.text);
  }

  edit(act: (builder: vscode.TextEditorEdit) => void): Promise<boolean> {
    const edits: { from: number; to: number; text: string; pushes: boolean }[] = [];
    act({
      replace: ({ start, end }: vscode.Range, text: string) =>
        edits.push({ from: this.offset(start), to: this.offset(end), text, pushes: false }),
      insert: (at: vscode.Position, text: string) =>
        edits.push({ from: this.offset(at), to: this.offset(at), text, pushes: true }),
    } as never);
    edits.sort((a, b) => b.from - a.from || b.to - a.to);
    for (const [i, { to }] of edits.entries()) expect(to).toBeLessThanOrEqual(edits[i - 1]?.from ?? to);
    const ranges = this.selections.map((s) => ({ s, from: this.offset(s.start), to: this.offset(s.end) }));
    for (const edit of edits) {
      for (const range of ranges) {
        range.from = moved(range.from, true, edit);
        range.to = moved(range.to, false, edit);
      }
      this.text = this.text.slice(0, edit.from) + edit.text + this.text.slice(edit.to);
    }
    this.selections = ranges.map(({ s, from, to }) => {
      const [start, end] = [this.position(s.isEmpty ? to : from), this.position(to)];
      return s.isReversed ? new vscode.Selection(end, start) : new vscode.Selection(start, end);
    });
    (this.document as { version: number }).version++;
    this.meanwhile();
    return Promise.resolve(true);
  }

  offset({ line, character }: vscode.Position): number {
    const before = this.text.split("\n").slice(0, line);
    return before.reduce((sum, l) => sum + l.length + 1, character);
  }

  position(at: number): vscode.Position {
    const lines = this.text.slice(0, at).split("\n");
    return new vscode.Position(lines.length - 1, lines.at(-1)?.length ?? 0);
  }
}

/** Where an end of a tracked range is after an edit, as was measured in VS Code; one that sticks stays before what is inserted at it. */
function moved(at: number, sticks: boolean, edit: { from: number; to: number; text: string; pushes: boolean }): number {
  const { from, to, text, pushes } = edit;
  const stays = (check: number, atIt: boolean) => at < check || (at === check && !pushes && atIt);
  if (stays(from, to > from || sticks)) return at;
  const common = Math.min(to - from, text.length);
  if (common > 0 && stays(from + common, to - from > text.length || sticks)) return at;
  if (stays(to, sticks)) return from + text.length;
  return Math.max(0, at + text.length - (to - from));
}

/** What a colleague does: inserts at a place, or replaces so many characters there. */
type Deed = [line: number, character: number, text: string, removed?: number];

const edits = (deeds: Deed[]) =>
  deeds.map(([line, character, newText, removed = 0]) => ({
    range: { start: { line, character }, end: { line, character: character + removed } },
    newText,
  }));

let carets: Carets;

beforeEach(() => {
  carets = new Carets();
});

function shown(marked: string): { editor: Editor; text: Text } {
  const editor = new Editor(marked);
  Object.assign(window, { visibleTextEditors: [editor] });
  return { editor, text: new Text(editor.document, undefined, carets) };
}

test.each<[string, string, Deed[], string]>([
  ["at the end of a line", "one|\ntwo", [[0, 3, "\nX"]], "one|\nX\ntwo"],
  ["within a line", "o|ne", [[0, 1, "X"]], "o|Xne"],
  ["before a character of two units", "o|😀", [[0, 1, "X"]], "o|X😀"],
  ["at the end of the text", "one\n|", [[1, 0, "X\nY"]], "one\n|X\nY"],
  ["in an empty text", "|", [[0, 0, "X"]], "|X"],
  ["before it", "on|e", [[0, 0, "X"]], "Xon|e"],
  [
    "at each of several carets",
    "a|b|c|",
    [
      [0, 1, "X"],
      [0, 2, "Y"],
      [0, 3, "Z"],
    ],
    "a|Xb|Yc|Z",
  ],
  ["at the end of what is selected", "[one]\n", [[0, 3, "X"]], "[one]X\n"],
  ["at the end of what is selected backwards", "]one[", [[0, 3, "X"]], "]one[X"],
  ["at the end of the selected text", "[one]", [[0, 3, "X"]], "[one]X"],
  ["at the start of what is selected", "a[one]", [[0, 1, "X"]], "aX[one]"],
  ["within what is selected", "[one]", [[0, 1, "X"]], "[oXne]"],
  ["in place of what is before it", "ab|c", [[0, 0, "XYZ", 2]], "XYZ|c"],
  ["in place of what is behind it", "a|bc", [[0, 1, "XYZ", 2]], "a|XYZ"],
  [
    "at it, and in place of what is behind it",
    "a|bc",
    [
      [0, 1, "X"],
      [0, 1, "Y", 2],
    ],
    "aX|Y",
  ],
  [
    "at it and one character on",
    "a|bc|d",
    [
      [0, 1, "X"],
      [0, 2, "Y"],
    ],
    "a|XbYc|d",
  ],
])("a caret is not carried along by what is written %s", async (_, before, deeds, after) => {
  const { editor, text } = shown(before);
  expect(await text.apply(edits(deeds))).toBe(true);
  expect(editor.marked).toBe(after);
});

test("a caret that VS Code has moved, or that is typed at, is left where it is", async () => {
  const { editor, text } = shown("one\n|");
  editor.meanwhile = () => {
    editor.text += "!";
    (editor.document as { version: number }).version++;
  };
  expect(await text.apply(edits([[1, 0, "X"]]))).toBe(true);
  expect(editor.marked).toBe("one\nX|!");
  const moved = shown("one\n|");
  moved.editor.meanwhile = () => {
    moved.editor.selections = [new vscode.Selection(0, 1, 0, 1)];
  };
  await moved.text.apply(edits([[1, 0, "X"]]));
  expect(moved.editor.marked).toBe("o|ne\nX");
});

test("what the person themselves takes back is before the caret, and only that", async () => {
  const { editor, text } = shown("one|\n");
  const early: boolean[] = [];
  await carets.undo(editor.document, async () => {
    early.push(await text.apply(edits([[0, 3, "1"]])));
    return true;
  });
  await text.apply(edits([[0, 4, " two"]]));
  expect([early, editor.marked]).toEqual([[true], "one1 two|\n"]);
  await text.apply(edits([[0, 8, "X"]]));
  expect(editor.marked).toBe("one1 two|X\n");
  await carets.undo(editor.document, () => Promise.resolve(false)).catch(() => {});
  await text.apply(edits([[0, 8, "Y"]]));
  expect(editor.marked).toBe("one1 two|YX\n");
});
