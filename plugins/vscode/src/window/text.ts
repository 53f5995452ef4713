import * as vscode from "vscode";
import { clean } from "../core/clean";
import type { Change, Document } from "../core/document";
import type { Range, Session, TextEdit } from "../protocol";
import { Carets, type Shaped } from "./carets";

/** The scheme of guests' documents. */
export const scheme = "earshot";

/** Text is an open document of VS Code, as the core sees it. */
export class Text implements Document {
  /** `otherwise` edits a document in a way of its own, and gives undefined where it is the usual way that it takes. */
  constructor(
    private readonly document: vscode.TextDocument,
    private readonly otherwise: (
      document: vscode.TextDocument,
      edits: readonly TextEdit[],
    ) => Promise<boolean | undefined> = () => Promise.resolve(undefined),
    private readonly carets = new Carets(),
  ) {}

  get uri(): string {
    return this.document.uri.toString();
  }

  get languageId(): string {
    return this.document.languageId;
  }

  get untitled(): boolean {
    return this.document.isUntitled;
  }

  text(): string {
    return this.document.getText();
  }

  async apply(edits: readonly TextEdit[]): Promise<boolean> {
    const version = this.document.version;
    const done = await this.otherwise(this.document, edits);
    if (done !== undefined) return done;
    if (this.document.version !== version) return false;
    const own = edits.map((e) => new vscode.TextEdit(rangeOf(e.range), e.newText));
    const editor = vscode.window.visibleTextEditors.find((e) => e.document === this.document);
    if (editor) {
      // One hop shorter than applyEdit, so that a person who types is less often faster.
      const make = (shaped: readonly Shaped[]) => throughEditor(editor, shaped);
      const applied = await this.carets.edit(this.document, own, make);
      // An editor that is closed, or read-only (it says yes), leaves the text as it is; applyEdit can change it.
      if (applied === false || this.document.version !== version) return applied ?? false;
    }
    const edit = new vscode.WorkspaceEdit();
    edit.set(this.document.uri, own);
    return vscode.workspace.applyEdit(edit);
  }
}

async function throughEditor(editor: vscode.TextEditor, edits: readonly Shaped[]): Promise<boolean | undefined> {
  try {
    return await editor.edit((builder) => {
      for (const { range, text, pushes } of edits) {
        if (pushes) builder.insert(range.start, text);
        else builder.replace(range, text);
      }
    });
  } catch {
    return undefined; // it was closed meanwhile
  }
}

/** The changes of an event; VS Code lists them last place first, so that they may be applied one after the other. */
export function changesOf(event: vscode.TextDocumentChangeEvent): Change[] {
  return event.contentChanges.map(({ range, text }) => ({ range: plain(range), text }));
}

export function rangeOf(range: Range): vscode.Range {
  const { start, end } = range;
  return new vscode.Range(start.line, start.character, end.line, end.character);
}

export function plain(range: vscode.Range): Range {
  const { start, end } = range;
  return {
    start: { line: start.line, character: start.character },
    end: { line: end.line, character: end.character },
  };
}

/** Whether VS Code has a text as one in UTF-8. Versions before 1.100 don't say what they took it for. */
export function isUtf8(document: vscode.TextDocument): boolean {
  const files = vscode.workspace.getConfiguration("files", document.uri);
  const encoding = "encoding" in document ? String(document.encoding) : files.get("encoding", "utf8");
  return /^utf8(bom)?$/.test(encoding);
}

/** What a shared text is called in what is shown of it. */
export function titleOf({ path }: vscode.Uri): string {
  return clean(path.replace(/^\//, ""));
}

/**
 * The document to open for a URI of a session: a host's is its own file, a guest's never one of this machine. `attached` is
 * the one that is open for it.
 */
export function documentOf(session: Session, uri: string, attached?: { readonly place: string }): vscode.Uri {
  const parsed = vscode.Uri.parse(uri);
  if (session.role !== "host" && parsed.scheme !== scheme) throw new Error("That text is not shared.");
  if (attached) return vscode.Uri.parse(attached.place);
  if (session.role !== "host" || session.folder === undefined || parsed.scheme !== scheme) return parsed;
  return vscode.Uri.joinPath(vscode.Uri.parse(session.folder), parsed.path);
}
