/**
 * The files of others, `earshot://SESSION/path`. They live with the host: nothing of them is written to this disk. While
 * a document is open its text is the editor's own, which the daemon keeps up to date; so a file that is read again
 * never changes an open text.
 */
import { basename, posix } from "node:path";
import * as vscode from "vscode";
import { type Attachments, keyOf } from "../core/attachments";
import { clean } from "../core/clean";
import { hasOneLineEnd } from "../core/lineends";
import type { Sessions } from "../core/sessions";
import type { Wire } from "../core/wire";
import type { DocumentChanged, Entry, FileChange, FileChanged, Role } from "../protocol";
import { kindOf, say } from "./person";
import type { Quiet } from "./quiet";
import { scheme, titleOf } from "./text";

/** Constant where nothing is open: what the host's disk holds is the daemon's affair, and VS Code must see no conflict. */
const mtime = 1;
/** A folder with more pages than this in its listing is none that a person looks through. */
const mostPages = 50;

export class GuestFiles implements vscode.FileSystemProvider {
  private readonly emitter = new vscode.EventEmitter<vscode.FileChangeEvent[]>();
  private readonly readonly = new Map<string, boolean>(); // by key, as document/changed said last
  private readonly own = new Set<string>(); // keys of what this window is renaming or deleting
  private readonly names = new Map<string, string>(); // of files that got another one while they were open, by key
  private readonly roles = new Map<string, Role>(); // by session, as VS Code asked for it last
  readonly onDidChangeFile = this.emitter.event;

  /**
   * `connect` is waited for before the daemon is asked: a window that is opened anew asks for its files first. `isKept`
   * tells that an open text is one of a session that was over.
   */
  constructor(
    private readonly sessions: Sessions,
    private readonly attachments: Attachments,
    private readonly wire: Wire,
    private readonly connect: () => Promise<void>,
    private readonly isKept: (uri: vscode.Uri) => boolean,
    private readonly quiet: Pick<Quiet, "takes" | "isAboutToTell" | "reloading" | "mtime">,
  ) {}

  /** Takes over whether a document may be written. */
  changed(change: DocumentChanged): void {
    const key = keyOf(change.uri);
    if (this.readonly.get(key) === change.readonly || !change.uri.startsWith(`${scheme}:`)) return;
    this.readonly.set(key, change.readonly);
    this.touch(vscode.Uri.parse(change.uri));
  }

  /** Takes over what happened in a shared folder. What changed on the host's disk comes as edits. */
  listed({ changes }: FileChanged): void {
    const { Created, Deleted } = vscode.FileChangeType;
    const events = changes.flatMap(({ uri, kind, from }) => {
      if (kind === "created") return [{ type: Created, uri }];
      if (kind === "deleted") return [{ type: Deleted, uri }];
      return kind === "renamed" && from
        ? [
            { type: Deleted, uri: from },
            { type: Created, uri },
          ]
        : [];
    });
    this.emitter.fire(events.map(({ type, uri }) => ({ type, uri: vscode.Uri.parse(uri) })));
    for (const change of changes) this.tell(change);
  }

  /** Tells the person of a text that is open here and whose file has gone, unless that is their own doing. */
  private tell({ uri, kind, from }: FileChange): void {
    const gone = kind === "deleted" ? uri : kind === "renamed" ? from : undefined;
    if (gone === undefined || this.own.delete(keyOf(gone))) return;
    for (const open of this.openBelow(gone)) {
      const title = titleOf(open);
      if (kind === "renamed") {
        const now = this.nameOf(open).replace(keyOf(gone), () => keyOf(uri));
        this.names.set(keyOf(open.toString()), now);
        const name = titleOf(open.with({ path: now.slice(`${scheme}://${open.authority}`.length) }));
        say(`${title} is called ${name} at the host now; what you see is the same text.`);
      } else if (this.sessions.of(open.authority)?.role === "viewer") {
        say(`${title} was deleted at the host; what you see is kept.`);
      } else say(`${title} was deleted at the host; what you see is kept, and saving it makes the file anew.`);
    }
  }

  /** The open texts whose files had this name, or were in a folder that had it. */
  private openBelow(name: string): vscode.Uri[] {
    const open = vscode.workspace.textDocuments
      .map((document) => document.uri)
      .filter((uri) => this.attachments.of(uri.toString()));
    const keys = new Set(open.map((uri) => keyOf(uri.toString())));
    for (const key of this.names.keys()) if (!keys.has(key)) this.names.delete(key);
    return open.filter((uri) => `${this.nameOf(uri)}/`.startsWith(`${keyOf(name)}/`));
  }

  /** The key of the name that an open text's file has now. */
  private nameOf(uri: vscode.Uri): string {
    const key = keyOf(uri.toString());
    return this.names.get(key) ?? key;
  }

  /** Has VS Code ask again about the open documents of sessions in which this person has another role than before. */
  rolesChanged(): void {
    for (const { id, role } of this.sessions.list()) {
      if (this.roles.get(id) === role) continue;
      this.roles.set(id, role);
      for (const { uri } of vscode.workspace.textDocuments) {
        if (uri.scheme === scheme && uri.authority === id) this.touch(uri);
      }
    }
  }

  watch(): vscode.Disposable {
    return new vscode.Disposable(() => {});
  }

  async stat(uri: vscode.Uri): Promise<vscode.FileStat> {
    const open = openDocument(uri);
    if (open) {
      const size = Buffer.byteLength(this.quiet.reloading(uri) ?? open.getText());
      return { type: vscode.FileType.File, ctime: 0, mtime: this.quiet.mtime(uri), size, ...this.permission(uri) };
    }
    await this.reach(uri);
    if (uri.path === "/" || uri.path === "") return { type: vscode.FileType.Directory, ctime: 0, mtime, size: 0 };
    const folder = uri.with({ path: posix.dirname(uri.path) });
    const key = keyOf(uri.toString());
    const entry = (await this.list(folder)).find((e) => keyOf(e.uri) === key);
    if (entry === undefined) throw vscode.FileSystemError.FileNotFound(uri);
    return { type: typeOf(entry), ctime: 0, mtime, size: entry.size, ...this.permission(uri, entry.readonly) };
  }

  async readDirectory(uri: vscode.Uri): Promise<[string, vscode.FileType][]> {
    await this.reach(uri);
    return (await this.list(uri)).map((e) => [basename(vscode.Uri.parse(e.uri).path), typeOf(e)]);
  }

  async readFile(uri: vscode.Uri): Promise<Uint8Array> {
    const open = openDocument(uri);
    if (open) return Buffer.from(this.quiet.reloading(uri) ?? open.getText());
    await this.reach(uri);
    const { text } = await this.ask(uri, "workspace/textDocumentContent", { uri: uri.toString() });
    if (hasOneLineEnd(text)) return Buffer.from(text);
    throw vscode.FileSystemError.Unavailable(
      "This file has line ends of several kinds, which VS Code would change. Ask the host to give it one kind.",
    );
  }

  async writeFile(uri: vscode.Uri): Promise<void> {
    if (this.quiet.takes(uri)) return;
    if (!this.attachments.of(uri.toString())) {
      throw vscode.FileSystemError.NoPermissions("Only a shared document that is open can be saved.");
    }
    await this.ask(uri, "document/save", { textDocument: { uri: uri.toString() } });
  }

  async rename(from: vscode.Uri, to: vscode.Uri): Promise<void> {
    const params = { session: from.authority, from: from.toString(), to: to.toString() };
    await this.owning(from, () => this.ask(from, "file/rename", params));
  }

  async delete(uri: vscode.Uri): Promise<void> {
    const params = { session: uri.authority, uri: uri.toString() };
    await this.owning(uri, () => this.ask(uri, "file/delete", params));
  }

  async createDirectory(uri: vscode.Uri): Promise<void> {
    await this.ask(uri, "file/create", { session: uri.authority, uri: uri.toString(), kind: "folder" });
  }

  /** All files below a folder, or in it, page by page. */
  async list(folder: vscode.Uri, recursive = false): Promise<Entry[]> {
    const root = folder.path === "/" || folder.path === "";
    const entries: Entry[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < mostPages; page++) {
      const part = await this.ask(folder, "file/list", {
        session: folder.authority,
        recursive,
        ...(root ? {} : { uri: folder.toString() }),
        ...(cursor ? { cursor } : {}),
      });
      entries.push(...part.entries);
      cursor = part.cursor;
      if (!cursor) break;
    }
    return entries;
  }

  /** Has VS Code look at a file again. */
  touch(uri: vscode.Uri): void {
    this.emitter.fire([{ type: vscode.FileChangeType.Changed, uri }]);
  }

  /** VS Code does what is to be done with the tab itself. The daemon tells of it before it answers, or after. */
  private async owning(uri: vscode.Uri, act: () => Promise<unknown>): Promise<void> {
    const key = keyOf(uri.toString());
    this.own.add(key);
    try {
      await act();
    } catch (error) {
      this.own.delete(key);
      throw error;
    }
  }

  private async reach(uri: vscode.Uri): Promise<void> {
    try {
      await this.connect();
    } catch (error) {
      throw fileError(uri, error);
    }
    if (!this.sessions.of(uri.authority)) {
      throw vscode.FileSystemError.Unavailable("This text belongs to a session that is over.");
    }
  }

  private permission(uri: vscode.Uri, readonly = false): { permissions?: vscode.FilePermission } {
    const session = this.sessions.of(uri.authority);
    const told = this.readonly.get(keyOf(uri.toString()));
    if (this.quiet.isAboutToTell(uri)) return {};
    const locked = session === undefined || this.isKept(uri) || session.role === "viewer" || (told ?? readonly);
    return locked ? { permissions: vscode.FilePermission.Readonly } : {};
  }

  private async ask<M extends Parameters<Wire["request"]>[0]>(
    uri: vscode.Uri,
    method: M,
    params: Parameters<typeof this.wire.request<M>>[1],
  ) {
    try {
      return await this.wire.request(method, params);
    } catch (error) {
      throw fileError(uri, error);
    }
  }
}

function fileError(uri: vscode.Uri, error: unknown): vscode.FileSystemError {
  const sentence = clean(error instanceof Error ? error.message : String(error));
  switch (kindOf(error)) {
    case "noSuchDocument":
      return vscode.FileSystemError.FileNotFound(uri);
    case "exists":
      return vscode.FileSystemError.FileExists(sentence);
    case "readOnly":
    case "excluded":
    case "outsideFolder":
      return vscode.FileSystemError.NoPermissions(sentence);
    default:
      return vscode.FileSystemError.Unavailable(sentence);
  }
}

function typeOf(entry: Entry): vscode.FileType {
  return entry.kind === "folder" ? vscode.FileType.Directory : vscode.FileType.File;
}

function openDocument(uri: vscode.Uri): vscode.TextDocument | undefined {
  const key = uri.toString();
  return vscode.workspace.textDocuments.find((d) => d.uri.toString() === key);
}
