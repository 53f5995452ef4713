/** Going along with a member, until the first key, click or scroll of one's own; and calls to look where somebody is. */
import * as vscode from "vscode";
import { type Attachments, keyOf } from "../core/attachments";
import { clean, cleanName } from "../core/clean";
import type { Sessions } from "../core/sessions";
import type { Wire } from "../core/wire";
import type {
  Lead,
  MessageActionItem,
  Range,
  ShowDocumentParams,
  ShowDocumentResult,
  ShowMessageRequestParams,
} from "../protocol";
import type { RequestId } from "../rpc";
import { say } from "./person";
import { documentOf, rangeOf } from "./text";

/** A view that was told to scroll says so within this time, with smooth scrolling too: what comes later is the person's. */
const scrollMs = 600;
/** Text that comes in above moves the view within this time. */
const shiftMs = 100;

/** Whom the person follows. */
interface Whom {
  session: string;
  member: string;
  name: string;
}

/** View is where an editor was led to, and what it showed when it had come to rest. */
interface View {
  editor: vscode.TextEditor;
  /** The top line that it was led to, and until when scrolling is none of the person's. */
  to: number | undefined;
  scrollsUntil: number;
  /** The top line that it shows. */
  top: number | undefined;
}

export class Following implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem("earshot.following", vscode.StatusBarAlignment.Left, 0);
  private readonly withdrawn = new Set<RequestId>();
  private readonly asked = new Set<RequestId>();
  private whom: Whom | undefined;
  private view: View | undefined;
  private opening = 0; // documents that are being shown by this class

  constructor(
    private readonly attachments: Attachments,
    private readonly sessions: Sessions,
    private readonly wire: Wire,
  ) {
    this.item.name = "Earshot: Following";
    this.item.command = "earshot.unfollow";
  }

  watch(): vscode.Disposable {
    const { Keyboard, Mouse } = vscode.TextEditorSelectionChangeKind;
    return vscode.Disposable.from(
      vscode.window.onDidChangeTextEditorSelection(({ kind }) => {
        if (kind === Keyboard || kind === Mouse) this.stop();
      }),
      vscode.workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
        const attached = this.attachments.of(document.uri.toString());
        if (attached === undefined || contentChanges.length === 0) return;
        if (!attached.applying) this.stop();
        else if (this.view?.editor.document === document) this.expect(this.view, shiftMs);
      }),
      vscode.window.onDidChangeTextEditorVisibleRanges(({ textEditor }) => this.scrolled(textEditor)),
      vscode.window.onDidChangeActiveTextEditor((editor) => {
        if (editor && this.view && this.opening === 0 && editor.document !== this.view.editor.document) this.stop();
      }),
    );
  }

  async start(session: string, member: string): Promise<void> {
    const name = cleanName(this.sessions.member(session, member)?.name ?? "");
    const whom = { session, member, name };
    this.whom = whom; // the first lead may come before the answer
    this.view = undefined;
    try {
      await this.wire.request("presence/follow", { session, member });
    } catch (error) {
      if (this.whom === whom) this.end();
      throw error;
    }
    if (this.whom !== whom) return; // a key came first
    this.item.text = `$(eye) Following ${clean(name)}`;
    this.item.tooltip = `You go where ${name} goes until your first key, click or scroll. Click to stop.`;
    this.item.show();
    vscode.commands.executeCommand("setContext", "earshot.following", true);
  }

  /** The person does something of their own, or says so. */
  stop(): void {
    const whom = this.end();
    if (whom === undefined) return;
    // Where it fails the session or the daemon is gone, and with it the following.
    this.wire.request("presence/follow", { session: whom.session, member: null }).catch(() => {});
  }

  /** Some session is another one than before, or all are gone. */
  changed(): void {
    const { whom } = this;
    if (whom && (!this.wire.up || !this.sessions.member(whom.session, whom.member))) this.end();
  }

  /** Answers window/showDocument. */
  async lead({ uri, selection, earshot }: ShowDocumentParams): Promise<ShowDocumentResult> {
    const session = earshot && this.sessions.of(earshot.session);
    if (session === undefined || (earshot?.follow && !this.follows(earshot))) return { success: false };
    try {
      await this.go(documentOf(session, uri, this.attachments.named(uri)), selection, earshot);
      return { success: true };
    } catch {
      return { success: false }; // the text is gone, or VS Code can't show it and says so itself
    }
  }

  /** Answers window/showMessageRequest: somebody asks to look where they are. */
  async ask({ message, actions = [] }: ShowMessageRequestParams, id: RequestId): Promise<MessageActionItem | null> {
    this.asked.add(id);
    const titles = actions.map(({ title }) => clean(title));
    const chosen = await vscode.window.showInformationMessage(`Earshot: ${clean(message)}`, ...titles);
    this.asked.delete(id);
    if (this.withdrawn.delete(id)) {
      if (chosen) say("They have gone on since: that call is over.");
      return null;
    }
    return chosen === undefined ? null : (actions[titles.indexOf(chosen)] ?? null);
  }

  /** The daemon takes a question back. */
  withdraw(id: RequestId): void {
    if (this.asked.has(id)) this.withdrawn.add(id);
  }

  dispose(): void {
    this.item.dispose();
  }

  private follows({ session, member }: Lead): boolean {
    return this.whom?.session === session && this.whom.member === member;
  }

  /** It is called for each key: where nobody is followed it does nothing. */
  private end(): Whom | undefined {
    const { whom } = this;
    if (whom === undefined) return;
    this.whom = undefined;
    this.view = undefined;
    this.item.hide();
    vscode.commands.executeCommand("setContext", "earshot.following", false);
    return whom;
  }

  private async go(uri: vscode.Uri, selection: Range | undefined, lead: Lead | undefined): Promise<void> {
    const { whom } = this;
    const follow = lead?.follow === true;
    const editor = await this.show(uri, follow);
    if (follow && (this.whom === undefined || this.whom !== whom)) return; // a key came first
    if (selection === undefined) return;
    const at = rangeOf(selection);
    editor.selection = new vscode.Selection(at.start, at.end);
    if (follow && lead?.visibleRange) this.scroll(editor, at, lead.visibleRange.start.line);
    else editor.revealRange(at, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
  }

  /** Who follows may have the focus elsewhere, in a terminal or a search: it stays there. */
  private async show(uri: vscode.Uri, follow: boolean): Promise<vscode.TextEditor> {
    const key = keyOf(uri.toString());
    const seen = vscode.window.visibleTextEditors.find((e) => keyOf(e.document.uri.toString()) === key);
    if (seen && follow && seen === vscode.window.activeTextEditor) return seen;
    this.opening++;
    try {
      return await vscode.window.showTextDocument(uri, {
        preview: follow,
        preserveFocus: follow,
        ...(seen?.viewColumn && { viewColumn: seen.viewColumn }),
      });
    } finally {
      this.opening--;
    }
  }

  /** Shows the same lines; where fewer fit here than there, those around the cursor. */
  private scroll(editor: vscode.TextEditor, at: vscode.Range, top: number): void {
    const [seen] = editor.visibleRanges;
    const height = seen ? seen.end.line - seen.start.line : 0;
    const fits = at.start.line >= top && at.start.line - top < height;
    const to = fits ? top : undefined;
    const here = this.view?.editor === editor ? this.view : undefined;
    if (to !== undefined && here?.to === to) return;
    this.view = { editor, to, scrollsUntil: 0, top: seen?.start.line };
    this.expect(this.view, scrollMs);
    const { AtTop, InCenterIfOutsideViewport } = vscode.TextEditorRevealType;
    if (fits) editor.revealRange(new vscode.Range(top, 0, top, 0), AtTop);
    else editor.revealRange(at, InCenterIfOutsideViewport);
  }

  private expect(view: View, withinMs: number): void {
    view.scrollsUntil = Math.max(view.scrollsUntil, Date.now() + withinMs);
  }

  private scrolled(editor: vscode.TextEditor): void {
    const { view } = this;
    if (view === undefined || view.editor !== editor) return;
    const top = editor.visibleRanges[0]?.start.line;
    if (top !== view.top && this.opening === 0 && Date.now() >= view.scrollsUntil) this.stop();
    else view.top = top;
  }
}
