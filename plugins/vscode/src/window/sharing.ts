/** The commands that begin, widen and end sessions. */
import * as vscode from "vscode";
import { keyOf } from "../core/attachments";
import { clean, cleanName } from "../core/clean";
import type { Connection } from "../core/connection";
import type { Sessions } from "../core/sessions";
import type { Session, Unsaved, WorkDoneProgress } from "../protocol";
import { Failure } from "../rpc";
import type { Documents, Wish } from "./documents";
import type { GuestFiles } from "./guest_files";
import { kindOf, say } from "./person";
import { documentOf, scheme, titleOf } from "./text";

/** What a code or a link looks like; only then is the clipboard's text proposed. */
const invitation = /^#?\s*[0-9a-z]{4}[-\s]?[0-9a-z]{6}$|^(?:https?|wss?):\/\/\S+\/j#\S+$/i;

export class Sharing {
  private readonly progress = new Map<string, (value: WorkDoneProgress) => void>(); // by token
  private joins = 0;
  private readonly left = new Set<string>(); // sessions that this person is leaving

  constructor(
    private readonly connection: Connection,
    private readonly sessions: Sessions,
    private readonly documents: Documents,
    private readonly files: GuestFiles,
  ) {}

  /** Shares the active document, a file or a scratch text. */
  async shareFile(): Promise<void> {
    const document = vscode.window.activeTextEditor?.document;
    if (document === undefined || (document.uri.scheme !== "file" && document.uri.scheme !== "untitled")) {
      throw new Error("There is no file to share: open one first, or share a scratch text.");
    }
    await this.share({ documents: [document.uri.toString()] });
  }

  /** Shares a new text that is no file. */
  async shareScratch(): Promise<void> {
    const document = await vscode.workspace.openTextDocument({ content: "" });
    await vscode.window.showTextDocument(document);
    await this.share({ documents: [document.uri.toString()] });
  }

  async shareFolder(): Promise<void> {
    const folders = (vscode.workspace.workspaceFolders ?? []).filter((f) => f.uri.scheme === "file");
    const folder = folders.length > 1 ? (await vscode.window.showWorkspaceFolderPick())?.uri : folders[0]?.uri;
    if (folders.length === 0) throw new Error("There is no folder to share: open one first.");
    if (folder) await this.share({ folder: folder.toString() });
  }

  /** Joins by a code or a link, which is asked for; the clipboard's is proposed if it looks like one. */
  async join(proposed?: string): Promise<void> {
    const copied = behind(proposed ?? (await clipboard()));
    const code = await vscode.window.showInputBox({
      title: "Join a session",
      prompt: "The code or link that the host gave you",
      value: invitation.test(copied) ? copied : "",
      ignoreFocusOut: true,
    });
    if (!code?.trim()) return;
    await this.connection.connect();
    const session = await this.joining(behind(code.trim()));
    if (session === undefined) return;
    this.sessions.answered(session);
    if (session.role !== "host") await this.open(session);
  }

  /**
   * Joins by `vscode://earshot.earshot/join#CODE`, or a link in place of the code. What it leads to is shown and
   * confirmed first, for any web page can hold such a link.
   */
  async invited(uri: vscode.Uri): Promise<void> {
    if (uri.path === "/join") await this.join(uri.fragment);
  }

  /** Progress of a join. */
  advance(token: unknown, value: WorkDoneProgress): void {
    this.progress.get(String(token))?.(value);
  }

  /** Opens a shared document; where there is but one, that one. */
  async open(session?: Session): Promise<void> {
    const of = session ?? (await this.choose());
    if (of === undefined) return;
    const entries = await this.files.list(vscode.Uri.from({ scheme, authority: of.id, path: "/" }), true);
    const files = entries.filter((e) => e.kind === "file").map((e) => ({ uri: vscode.Uri.parse(e.uri), entry: e }));
    const [only] = files;
    if (only === undefined) throw new Error("Nothing to open is shared yet.");
    const chosen =
      files.length === 1
        ? only
        : await vscode.window.showQuickPick(
            files.map((f) => ({ ...f, label: titleOf(f.uri), description: f.entry.readonly ? "read-only" : "" })),
            { title: "Shared files" },
          );
    if (chosen) await vscode.window.showTextDocument(documentOf(of, chosen.entry.uri), { preview: false });
  }

  async copyCode(): Promise<void> {
    const session = await this.choose((s) => s.code !== undefined);
    if (session?.code) await copy(session.code, `Code ${session.code} copied.`);
  }

  async copyLink(): Promise<void> {
    const session = await this.choose((s) => s.link !== undefined);
    if (session?.link) await copy(session.link, "The link was copied; it works from other machines too.");
  }

  /** Makes a new code and link; the old ones are void. */
  async invite(): Promise<void> {
    const session = await this.choose((s) => s.role === "host");
    if (session === undefined) return;
    const { code, link } = await this.connection.request("session/invite", { session: session.id });
    await copy(link ?? code, `The new code is ${code}; the old one is void. ${link ? "Link" : "Code"} copied.`);
  }

  async leave(): Promise<void> {
    const session = await this.pick(() => true);
    if (session) await this.leaving(session);
  }

  /** What to tell of a session that is over because this person left it; undefined if that is not why. */
  farewell({ id, role }: Session): string | undefined {
    if (!this.left.delete(id)) return undefined;
    return role === "host" ? "You ended the session, for everybody." : "You left the session.";
  }

  /** The session that is meant: that of the active text, else the only one, else one that is chosen. */
  async choose(fits: (session: Session) => boolean = () => true): Promise<Session | undefined> {
    const document = vscode.window.activeTextEditor?.document;
    const active = document && this.documents.sessionOf(document.uri);
    return active && fits(active) ? active : this.pick(fits);
  }

  private async pick(fits: (session: Session) => boolean): Promise<Session | undefined> {
    await this.connection.connect();
    const all = this.sessions.list().filter(fits);
    if (all.length === 0) throw new Error("There is no such session: share something, or join one.");
    if (all.length === 1) return all[0];
    const items = all.map((session) => ({ label: describe(session), session }));
    return (await vscode.window.showQuickPick(items, { title: "Which session?" }))?.session;
  }

  /** Shares in a session of its own, or in one of this person's that runs already. */
  private async share(wish: Wish): Promise<void> {
    await this.connection.connect();
    const running = this.sessions.list().filter((s) => s.role === "host");
    const where = running.length === 0 ? {} : await askWhere(running);
    if (where === undefined) return;
    if (where.session) await this.widen(where.session, wish);
    else await this.begin(wish);
  }

  private async begin(wish: Wish): Promise<void> {
    const session = await this.documents.during(
      wish,
      async () => (await this.connection.request("session/share", { ...wish, ...personName() })).session,
    );
    if (session.code) await offer(session, session.code);
  }

  private async widen({ id }: Session, wish: Wish): Promise<void> {
    await this.documents.during(
      wish,
      async () => (await this.connection.request("session/widen", { session: id, ...wish })).session,
    );
    say("shared in the session that runs.");
  }

  private async joining(code: string): Promise<Session | undefined> {
    this.joins++;
    const token = `join ${this.joins}`;
    const options = { location: vscode.ProgressLocation.Notification, title: "Earshot", cancellable: true };
    return vscode.window.withProgress(options, async (progress, cancellation) => {
      this.progress.set(token, (value) => progress.report({ message: stage(value) }));
      const call = this.connection.call("session/join", { code, workDoneToken: token, ...personName() });
      cancellation.onCancellationRequested(() => this.connection.cancel(call));
      try {
        return (await call.answer).session;
      } catch (error) {
        if (cancellation.isCancellationRequested) return undefined;
        throw error;
      } finally {
        this.progress.delete(token);
      }
    });
  }

  private async leaving(session: Session, unsaved?: Unsaved): Promise<void> {
    this.left.add(session.id);
    try {
      await this.connection.request("session/leave", { session: session.id, ...(unsaved ? { unsaved } : {}) });
    } catch (error) {
      this.left.delete(session.id);
      if (kindOf(error) !== "unsaved") throw error;
      const how = await askUnsaved(error);
      if (how) await this.leaving(session, how);
      return;
    }
    this.sessions.update({ ...session, state: "ended", reason: "you left" });
  }
}

/** A person who has shared something mostly means the same people. */
async function askWhere(running: readonly Session[]): Promise<{ session?: Session } | undefined> {
  const added = running.map((session) => ({
    label: `Add it to the session that runs`,
    description: guests(session),
    session,
  }));
  const own = { label: "Begin a session of its own", description: "with another code", session: undefined };
  const chosen = await vscode.window.showQuickPick([...added, own], { title: "Share it with whom?" });
  return chosen && (chosen.session ? { session: chosen.session } : {});
}

async function askUnsaved(error: unknown): Promise<Unsaved | undefined> {
  const uris = (error instanceof Failure && error.data?.uris) || [];
  const detail = uris.map((uri) => titleOf(vscode.Uri.parse(uri))).join("\n");
  const choice = await vscode.window.showWarningMessage<{ title: string; how: Unsaved }>(
    "These texts have changes of guests that nobody saved. What becomes of them?",
    { modal: true, detail },
    { title: "Save Them and Leave", how: "save" },
    { title: "Throw Them Away and Leave", how: "discard" },
  );
  return choice?.how;
}

/** The link, where there is one, is what a colleague at another machine needs. */
async function offer({ link }: Session, code: string): Promise<void> {
  await vscode.env.clipboard.writeText(link ?? code);
  const told = link
    ? `shared. Code ${code}; the link, for other machines too, copied.`
    : `shared. Code ${code} copied.`;
  // Not waited for: the share is done.
  vscode.window
    .showInformationMessage(`Earshot: ${told}`, ...(link ? ["Copy the Code Instead"] : []))
    .then(async (chosen) => {
      if (chosen) await copy(code, `Code ${code} copied.`);
    });
}

/** In a browser the person would be asked for leave first, and the command wait for the answer. */
/** What is behind a link that opens VS Code, which may have been pasted here as well. */
function behind(typed: string): string {
  const link = /^[a-z][a-z\d+.-]*:\/\/earshot\.earshot\/join#(.+)$/i.exec(typed)?.[1];
  return link === undefined ? typed : keyOf(link);
}

async function clipboard(): Promise<string> {
  if (vscode.env.uiKind === vscode.UIKind.Web) return "";
  return (await vscode.env.clipboard.readText()).trim();
}

async function copy(text: string, told: string): Promise<void> {
  await vscode.env.clipboard.writeText(text);
  say(told);
}

function describe(session: Session): string {
  return `${session.role === "host" ? "Yours" : `As ${session.role}`}, ${guests(session)}`;
}

function guests(session: Session): string {
  const names = session.members.filter((m) => m.id !== session.me).map((m) => cleanName(m.name));
  return names.length > 0 ? `with ${names.join(", ")}` : "nobody else is there yet";
}

function stage({ message, check }: WorkDoneProgress): string {
  return check ? `check ${clean(check)}: read it to the host, who must see the same.` : clean(message ?? "joining");
}

/** The name that the others see, if the person has set one here. */
export function personName(): { name?: string } {
  const name = vscode.workspace.getConfiguration("earshot").get<string>("name", "").trim();
  return name === "" ? {} : { name };
}
