/**
 * Earshot for VS Code: one text in several editors. This extension reports and applies; the daemon does all the rest.
 * Here the parts are put together; src/core knows nothing of VS Code, src/window everything.
 */
import { homedir } from "node:os";
import * as vscode from "vscode";
import { Attachments } from "./core/attachments";
import { Connection } from "./core/connection";
import { Lookout, listens, socketPath } from "./core/lookout";
import { findProgram } from "./core/program";
import { Sessions } from "./core/sessions";
import type {
  ApplyWorkspaceEditParams,
  ApplyWorkspaceEditResult,
  DocumentChanged,
  Session,
  ShowMessageParams,
} from "./protocol";
import type { RequestId } from "./rpc";
import { Admission } from "./window/admission";
import { Backups } from "./window/backups";
import { Carets } from "./window/carets";
import { Documents } from "./window/documents";
import { Following } from "./window/following";
import { GuestFiles } from "./window/guest_files";
import { Kept } from "./window/kept";
import { Marks } from "./window/marks";
import { Members } from "./window/members";
import { fail, say, warn } from "./window/person";
import { Presence } from "./window/presence";
import { Quiet } from "./window/quiet";
import { Saves } from "./window/saves";
import { personName, Sharing } from "./window/sharing";
import { Status } from "./window/status";
import { closeTabs, sessionsOfTabs } from "./window/tabs";
import { scheme, Text } from "./window/text";
import { Try } from "./window/try";

export function activate(context: vscode.ExtensionContext): void {
  const earshot = new Earshot(context.extension.packageJSON.version);
  context.subscriptions.push(earshot, new Backups(context.globalStorageUri));
  setImmediate(() => earshot.lookOut()); // VS Code waits for nothing here
}

/** Earshot is the extension while it is active. */
class Earshot implements vscode.Disposable {
  private readonly connection: Connection;
  private readonly sessions: Sessions;
  private readonly attachments: Attachments;
  private readonly documents: Documents;
  private readonly files: GuestFiles;
  private readonly presence: Presence;
  private readonly following: Following;
  private readonly members: Members;
  private readonly admission: Admission;
  private readonly sharing: Sharing;
  private readonly saves: Saves;
  private readonly quiet: Quiet;
  private readonly marks: Marks;
  private readonly kept: Kept;
  private readonly carets = new Carets();
  private readonly trial: Try;
  private readonly status = new Status();
  private readonly subscriptions: vscode.Disposable[] = [this.status];
  private readonly socket = socketPath({ env: process.env, home: homedir(), uid: process.getuid?.() ?? -1 });
  private lookout: Lookout | undefined;
  private closing: Promise<unknown> = Promise.resolve();

  constructor(version: string) {
    this.connection = this.makeConnection(version);
    const { connection } = this;
    const isKept = (uri: vscode.Uri) => this.kept.has(uri);
    this.sessions = new Sessions({
      say,
      changed: () => this.changed(),
      ended: (session, why, lost) => this.ended(session, why, lost).catch(fail),
    });
    this.marks = new Marks(this.sessions);
    this.kept = new Kept(this.sessions, connection, (uri) => {
      this.documents.refresh().catch(fail);
      this.files.touch(uri);
    });
    this.attachments = new Attachments(connection, (uri) => this.documents.refuse(uri));
    this.saves = new Saves(this.attachments);
    this.quiet = new Quiet(this.attachments, connection, (uri) => this.files.touch(uri), isKept);
    this.documents = new Documents(
      this.attachments,
      this.sessions,
      connection,
      () => this.follow(),
      (document) => new Text(document, (of, edits) => this.quiet.edit(of, edits), this.carets),
      isKept,
    );
    this.files = new GuestFiles(this.sessions, this.attachments, connection, () => this.reach(), isKept, this.quiet);
    this.presence = new Presence(this.attachments, this.sessions, connection);
    this.following = new Following(this.attachments, this.sessions, connection);
    this.members = new Members(this.presence, this.following, this.attachments, connection);
    this.admission = new Admission(() => this.showStatus());
    this.sharing = new Sharing(connection, this.sessions, this.documents, this.files);
    this.trial = new Try(program, connection, this.sessions);
    this.subscriptions.push(
      this.documents.watch(),
      this.saves.watch(),
      this.quiet.watch(),
      this.presence.watch(),
      this.presence,
      this.following.watch(),
      this.following,
      this.trial,
      vscode.window.onDidChangeActiveTextEditor(() => this.follow()),
      vscode.window.tabGroups.onDidChangeTabs(({ opened, closed }) => {
        if (closed.length > 0) this.kept.tabClosed();
        if (opened.length > 0 && sessionsOfTabs().size > 0) this.restored().catch(fail);
      }),
      vscode.window.registerFileDecorationProvider(this.marks),
      vscode.window.registerUriHandler({ handleUri: (uri) => this.sharing.invited(uri).catch(fail) }),
      vscode.workspace.registerFileSystemProvider(scheme, this.files, { isCaseSensitive: true }),
      ...this.commands(),
    );
  }

  /** Joins in what a daemon that runs, or comes, has already. */
  lookOut(): void {
    if (this.socket === undefined) return;
    this.lookout = new Lookout(
      this.socket,
      () => this.connection.connect().catch(() => {}), // nobody has asked for anything yet; the first command says why
      () => {
        if (!this.needed()) this.sweep().catch(fail);
      },
    );
  }

  dispose(): void {
    this.lookout?.end();
    this.connection.end();
    for (const subscription of this.subscriptions) subscription.dispose();
  }

  private makeConnection(version: string): Connection {
    return new Connection({
      program: () => ({ command: program() }),
      client: { name: vscode.env.appName, version: `${vscode.version}, extension ${version}` },
      personName: () => personName().name,
      needed: () => this.needed(),
      up: (sessions) => this.up(sessions),
      lost: () => this.lost(),
      handlers: {
        requests: {
          "workspace/applyEdit": (params) => this.apply(params),
          "window/showDocument": (params) => this.following.lead(params),
          "window/showMessageRequest": (params, id) => this.following.ask(params, id),
          "textDocument/saveBuffer": (params) => this.saves.saveBuffer(params),
          "session/admit": (question, id) => this.admission.knock(question, id),
        },
        notifications: {
          "session/changed": ({ session }) => this.sessions.update(session),
          "document/changed": (change) => this.documentChanged(change),
          "presence/changed": (params) => this.presence.changed(params),
          "file/changed": (params) => {
            this.files.listed(params);
            this.documents.listed(params.session).catch(fail);
          },
          "window/showMessage": showMessage,
          "$/progress": ({ token, value }) => this.sharing.advance(token, value),
          "$/cancelRequest": ({ id }) => this.withdraw(id as RequestId),
        },
      },
    });
  }

  private commands(): vscode.Disposable[] {
    const { sharing } = this;
    const commands: Record<string, () => unknown> = {
      shareFile: () => sharing.shareFile(),
      shareFolder: () => sharing.shareFolder(),
      shareScratch: () => sharing.shareScratch(),
      join: () => sharing.join(),
      leave: () => sharing.leave(),
      open: () => sharing.open(),
      copyCode: () => sharing.copyCode(),
      copyLink: () => sharing.copyLink(),
      invite: () => sharing.invite(),
      admit: () => this.admission.again(),
      members: () => this.with((session) => this.members.show(session)),
      goTo: () => this.with((session) => this.members.goTo(session)),
      follow: () => this.with((session) => this.members.follow(session)),
      unfollow: () => this.following.stop(),
      summon: () => this.with((session) => this.summon(session)),
      save: () => this.quiet.save(),
      undo: () => this.undo("textDocument/undo", "There is nothing of your own to undo."),
      redo: () => this.undo("textDocument/redo", "There is nothing of your own to redo."),
      try: () => this.trial.begin(),
    };
    return Object.entries(commands).map(([name, run]) =>
      vscode.commands.registerCommand(`earshot.${name}`, async () => {
        try {
          await run();
        } catch (error) {
          fail(error);
        }
      }),
    );
  }

  private async apply(params: ApplyWorkspaceEditParams): Promise<ApplyWorkspaceEditResult> {
    const result = await this.attachments.apply(params);
    if (result.applied) this.saves.settle().catch(fail);
    return result;
  }

  /** Does something with the session that is meant. */
  private async with(act: (session: Session) => Promise<void>): Promise<void> {
    const session = await this.sharing.choose();
    if (session) await act(session);
  }

  /** Calls the others to where this person is. */
  private async summon({ id }: Session): Promise<void> {
    this.presence.tell();
    await this.connection.request("presence/summon", { session: id });
    vscode.window.setStatusBarMessage("Earshot: the others are asked to look here.", 4000);
  }

  private withdraw(id: RequestId): void {
    this.admission.withdraw(id);
    this.following.withdraw(id);
  }

  private async undo(method: "textDocument/undo" | "textDocument/redo", nothing: string): Promise<void> {
    const document = vscode.window.activeTextEditor?.document;
    const attached = document && this.attachments.of(document.uri.toString());
    if (document === undefined || attached === undefined) throw new Error("This text is not shared.");
    const { uri } = attached;
    const applied = await this.carets.undo(
      document,
      async () => (await this.connection.request(method, { textDocument: { uri } })).applied,
    );
    if (!applied) vscode.window.setStatusBarMessage(nothing, 3000);
  }

  private needed(): boolean {
    return this.sessions.list().length > 0 || this.attachments.all().length > 0;
  }

  private up(sessions: readonly Session[]): void {
    for (const attachment of this.attachments.all()) attachment.reopen();
    this.sessions.replace(sessions);
    this.sweep().catch(fail);
    this.presence.renew();
  }

  /** Connects for a file that VS Code asks for; no daemon is started for one that it has kept from a session long over. */
  private async reach(): Promise<void> {
    if (await this.isOver()) throw new Error("This text belongs to a session that is over.");
    await this.connection.connect();
  }

  /** Whether there can be no session, for there is no daemon. */
  private async isOver(): Promise<boolean> {
    if (this.connection.up || this.needed() || this.socket === undefined) return false;
    return !(await listens(this.socket));
  }

  /** VS Code opens what it has kept some time after the extension has begun. */
  private async restored(): Promise<void> {
    if (this.connection.up || (await this.isOver())) await this.sweep();
  }

  /** Closes what VS Code has kept of sessions that are over: with a tab goes the backup of its text. */
  private async sweep(): Promise<void> {
    for (const id of sessionsOfTabs()) {
      if (!this.sessions.of(id)) await this.close(id, () => true);
    }
  }

  /** One after the other: two reasons to close the same tabs may come at once. */
  private close(session: string, mayBeUnsaved: (tab: vscode.Tab) => boolean): Promise<number> {
    const stays = (uri: vscode.Uri) => this.kept.has(uri);
    const settle = (uri: vscode.Uri, group: vscode.ViewColumn) => this.quiet.letGo(uri, group);
    const closed = this.closing.then(() => closeTabs(session, { stays, mayBeUnsaved, settle }));
    this.closing = closed.catch(() => {}); // who asked for it says so
    return closed;
  }

  private lost(): void {
    const needed = this.needed();
    for (const attachment of this.attachments.all()) attachment.interrupted();
    this.admission.clear();
    this.presence.clear();
    this.following.changed();
    this.showStatus();
    if (needed) warn("The connection to the daemon was lost; what you type is sent once it is back.");
  }

  /** Some session is another one than before. */
  private changed(): void {
    this.documents.refresh().catch(fail);
    for (const session of this.sessions.list()) this.documents.find(session).catch(fail);
    this.kept.changed().catch(fail);
    this.files.rolesChanged();
    this.marks.rolesChanged();
    this.presence.draw();
    this.following.changed();
    this.showStatus();
  }

  private async ended(session: Session, why: string, lost: boolean): Promise<void> {
    this.documents.forget(session.id);
    this.presence.forget(session.id);
    const farewell = this.sharing.farewell(session);
    if (farewell) this.trial.left(session.id);
    const told = farewell ?? why;
    const tell = farewell
      ? (sentence: string) => vscode.window.setStatusBarMessage(`Earshot: ${sentence}`, 4000)
      : warn;
    if (session.role === "host") {
      tell(told);
      return;
    }
    // Where the daemon is lost nobody can tell what of it reached the host.
    const unsaved = vscode.workspace.textDocuments.filter((d) => d.uri.authority === session.id && this.isUnsaved(d));
    for (const { uri } of lost ? unsaved : []) this.kept.add(uri);
    this.marks.forget(session.id);
    const kept = await this.close(session.id, (tab) => tab.isDirty);
    for (const { uri } of vscode.workspace.textDocuments) if (this.kept.has(uri)) this.files.touch(uri);
    this.quiet.soon();
    if (kept === 0) tell(told);
    else
      warn(
        `${told} ${kept === 1 ? "One text stays" : `${kept} texts stay`} here, read-only, until closed: copy what you need.`,
      );
  }

  private isUnsaved({ uri, isDirty }: vscode.TextDocument): boolean {
    return isDirty || this.marks.isDirty(uri) || (uri.scheme === scheme && !this.saves.isClean(uri));
  }

  private documentChanged(change: DocumentChanged): void {
    const uri = vscode.Uri.parse(change.uri).toString();
    const attached = this.attachments.named(uri);
    if (attached && !attached.shared) {
      attached.shared = true;
      this.follow();
    }
    if (change.reason) this.kept.add(vscode.Uri.parse(change.uri));
    this.files.changed(change);
    this.marks.changed(change);
    this.saves.changed(change).catch(fail);
  }

  /** Other keys for undo and redo hold only where the text is shared. */
  private follow(): void {
    const document = vscode.window.activeTextEditor?.document;
    const shared = document !== undefined && this.attachments.of(document.uri.toString())?.shared === true;
    vscode.commands.executeCommand("setContext", "earshot.shared", shared);
    this.presence.moved();
  }

  private showStatus(): void {
    this.status.show(this.sessions.list(), this.connection.up, this.admission.count);
  }
}

function showMessage({ type, message }: ShowMessageParams): void {
  if (type === 1) fail(message);
  else if (type === 2) warn(message);
  else if (type === 3) say(message);
}

function program(): string {
  return findProgram(setting("path"), process.env.PATH ?? "");
}

function setting(key: string): string {
  return vscode.workspace.getConfiguration("earshot").get<string>(key, "").trim();
}
