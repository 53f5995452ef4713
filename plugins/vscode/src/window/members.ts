/** The list of members, and what can be done with one. */
import { basename } from "node:path";
import * as vscode from "vscode";
import { type Attachments, keyOf } from "../core/attachments";
import { clean, cleanName } from "../core/clean";
import { memberLine } from "../core/summary";
import type { Wire } from "../core/wire";
import type { Cursor, Member, Session } from "../protocol";
import type { Following } from "./following";
import { say } from "./person";
import type { Presence } from "./presence";
import { documentOf, rangeOf } from "./text";

/** Deed is what can be done with a member. */
interface Deed extends vscode.QuickPickItem {
  run(): unknown;
}

export class Members {
  constructor(
    private readonly presence: Presence,
    private readonly following: Following,
    private readonly attachments: Attachments,
    private readonly wire: Wire,
  ) {}

  /** Shows who is here and where; one who is chosen can be gone to or followed, and by the host be given another role or sent away. */
  async show(session: Session): Promise<void> {
    const isMe = (m: Member) => Number(m.id === session.me); // last: there is nothing to do with oneself
    const members = [...session.members].sort((a, b) => isMe(a) - isMe(b));
    const member = await this.choose(session, "Who is here", members);
    const deeds = member ? this.deedsFor(session, member) : [];
    if (member === undefined || deeds.length === 0) return;
    const deed = await vscode.window.showQuickPick(deeds, { title: cleanName(member.name) });
    await deed?.run();
  }

  /** Goes where a member is. */
  async goTo(session: Session): Promise<void> {
    const member = await this.chooseOther(session, "Go to whom?");
    if (member) await this.go(session, member);
  }

  /** Goes along with a member. */
  async follow(session: Session): Promise<void> {
    const member = await this.chooseOther(session, "Follow whom?");
    if (member) await this.goAlong(session, member);
  }

  /** One of the others; the only one is not asked about. */
  private async chooseOther(session: Session, title: string): Promise<Member | undefined> {
    const others = session.members.filter((m) => m.id !== session.me && m.state !== "waiting");
    if (others.length === 0) throw new Error("Nobody else is here.");
    return others.length === 1 ? others[0] : this.choose(session, title, others);
  }

  private async choose(session: Session, title: string, members: readonly Member[]): Promise<Member | undefined> {
    const items = members.map((member) => {
      return { label: memberLine(session, member), description: this.placeOf(session, member), member };
    });
    return (await vscode.window.showQuickPick(items, { title, matchOnDescription: true }))?.member;
  }

  private deedsFor(session: Session, member: Member): Deed[] {
    const hosts = session.role === "host";
    if (member.id === session.me) return [];
    if (member.state === "waiting") {
      return hosts
        ? [{ label: "Let them in, or not", run: () => vscode.commands.executeCommand("earshot.admit") }]
        : [];
    }
    const of = { session: session.id, member: member.id };
    const deeds: Deed[] = [{ label: "Follow", run: () => this.goAlong(session, member) }];
    if (this.presence.of(session.id, member.id))
      deeds.unshift({ label: "Go there", run: () => this.go(session, member) });
    if (!hosts) return deeds;
    return [
      ...deeds,
      member.role === "viewer"
        ? { label: "Let them edit", run: () => this.wire.request("member/setRole", { ...of, role: "editor" }) }
        : { label: "Let them look only", run: () => this.wire.request("member/setRole", { ...of, role: "viewer" }) },
      {
        label: "Send them away",
        description: "who has the code can ask again",
        run: () => this.wire.request("member/remove", of),
      },
    ];
  }

  private async goAlong(session: Session, { id, name }: Member): Promise<void> {
    await this.following.start(session.id, id);
    if (this.presence.of(session.id, id)) return;
    say(`${cleanName(name)} is in no shared text yet; you are led as soon as they are.`);
  }

  /** Where the member is by the time that one is chosen: while the list was open they may have gone on. */
  private async go(session: Session, member: Member): Promise<void> {
    const at = this.presence.of(session.id, member.id);
    const last = at?.selections.at(-1);
    if (at?.textDocument === undefined || last === undefined) {
      say(`${cleanName(member.name)} is in no shared text now.`);
      return;
    }
    const selection = rangeOf({ start: last.active, end: last.active });
    const { uri } = at.textDocument;
    const document = documentOf(session, uri, this.attachments.named(uri));
    await vscode.window.showTextDocument(document, { selection, preview: false });
  }

  private placeOf(session: Session, member: Member): string {
    const at: Cursor | undefined = this.presence.of(session.id, member.id);
    const last = at?.selections.at(-1);
    if (!at?.textDocument || last === undefined) return "";
    return `${clean(basename(keyOf(this.attachments.named(at.textDocument.uri)?.place ?? at.textDocument.uri)))}:${last.active.line + 1}`;
  }
}
