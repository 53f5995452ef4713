/** The list of members, and what can be done with one. */
import { basename } from "node:path";
import * as vscode from "vscode";
import { keyOf } from "../core/attachments";
import { clean, cleanName } from "../core/clean";
import { memberLine } from "../core/summary";
import type { Wire } from "../core/wire";
import type { Cursor, Member, Session } from "../protocol";
import { say } from "./person";
import type { Presence } from "./presence";
import { documentOf, rangeOf } from "./text";

/** Deed is what can be done with a member. */
interface Deed extends vscode.QuickPickItem {
  run(): Thenable<unknown>;
}

/** Shows who is here and where; one who is chosen can be gone to, and by the host be given another role or sent away. */
export async function showMembers(session: Session, presence: Presence, wire: Wire): Promise<void> {
  const items = session.members.map((member) => {
    const at = presence.of(session.id, member.id);
    return { label: memberLine(session, member), description: placeOf(at), member, at };
  });
  const chosen = await vscode.window.showQuickPick(items, { title: "Who is here" });
  if (chosen === undefined) return;
  const deeds = deedsFor(session, chosen.member, chosen.at, wire);
  if (deeds.length === 0) return;
  const deed = await vscode.window.showQuickPick(deeds, { title: cleanName(chosen.member.name) });
  await deed?.run();
}

function deedsFor(session: Session, member: Member, at: Cursor | undefined, wire: Wire): Deed[] {
  if (member.id === session.me || member.state === "waiting") return [];
  const of = { session: session.id, member: member.id };
  const deeds: Deed[] = [];
  if (at?.textDocument) deeds.push({ label: "Go there", run: () => goTo(session, at) });
  if (session.role !== "host") return deeds;
  deeds.push(
    member.role === "viewer"
      ? { label: "Let them edit", run: () => wire.request("member/setRole", { ...of, role: "editor" }) }
      : { label: "Let them look only", run: () => wire.request("member/setRole", { ...of, role: "viewer" }) },
    { label: "Send them away", description: "for good", run: () => wire.request("member/remove", of) },
  );
  return deeds;
}

async function goTo(session: Session, { textDocument, selections }: Cursor): Promise<void> {
  const last = selections.at(-1);
  if (textDocument === undefined || last === undefined) {
    say("They are in no shared text now.");
    return;
  }
  const selection = rangeOf({ start: last.active, end: last.active });
  await vscode.window.showTextDocument(documentOf(session, textDocument.uri), { selection, preview: false });
}

function placeOf(at: Cursor | undefined): string {
  const last = at?.selections.at(-1);
  if (!at?.textDocument || last === undefined) return "";
  return `${clean(basename(keyOf(at.textDocument.uri)))}:${last.active.line + 1}`;
}
