import type { Member, Session } from "../protocol";
import { clean, cleanName } from "./clean";

/** Summary is what the status bar shows; undefined where there is nothing to show. */
export interface Summary {
  /** With `$(icon)` as VS Code writes icons. */
  text: string;
  tooltip: string;
  urgent: boolean;
}

/** `connected` tells whether there is a daemon, `knocking` how many guests wait for an answer here. */
export function summarize(sessions: readonly Session[], connected: boolean, knocking: number): Summary | undefined {
  if (sessions.length === 0) return undefined;
  const mending = !connected || sessions.some((s) => s.state === "reconnecting");
  const here = new Set(sessions.flatMap((s) => s.members.filter(isIn).map((m) => m.id)));
  const slowest = sessions.flatMap(links).sort((a, b) => (b.rttMs ?? 0) - (a.rttMs ?? 0))[0];
  const isAlone = sessions.every((s) => s.role === "host" && !s.members.some((m) => m.id !== s.me && isIn(m)));
  const alone = knocking > 0 ? "Earshot" : "Earshot: waiting for guests";
  const who = isAlone ? alone : `Earshot ${here.size}`;
  const parts = [`${mending ? "$(sync~spin)" : "$(broadcast)"} ${who}`];
  if (sessions.every((s) => s.role === "viewer")) parts.push("$(eye) viewer");
  if (slowest) parts.push(pathOf(slowest));
  if (knocking > 0) parts.push(`$(bell) ${knocking === 1 ? "1 guest waits" : `${knocking} guests wait`}`);
  return {
    text: parts.join(" "),
    tooltip: sessions
      .map((s) =>
        describe(s)
          .concat(s.members.map((m) => memberLine(s, m)))
          .join("\n"),
      )
      .join("\n\n"),
    urgent: knocking > 0,
  };
}

function isIn({ state }: Member): boolean {
  return state !== "waiting";
}

/** One member in one line: name, role, path and delay. */
export function memberLine(session: Session, member: Member): string {
  const you = member.id === session.me ? " (you)" : "";
  const state = member.state === "here" ? "" : ` (${member.state})`;
  const path = pathOf(member);
  return `${cleanName(member.name)}${you}${state}, ${member.role}${path ? `, ${path}` : ""}`;
}

function describe(session: Session): string[] {
  const role = session.role === "host" ? "Shared by you" : `You are here as ${session.role}`;
  return session.code ? [`${role}, code ${clean(session.code)}`] : [role];
}

/** The members by whose path this daemon is linked: each is the host's path to that member, also as a guest sees it. */
function links(session: Session): Member[] {
  const isHost = session.role === "host";
  return session.members.filter((m) => m.path !== undefined && (m.id === session.me) !== isHost);
}

function pathOf(member: Member): string {
  return [member.path, member.rttMs === undefined ? undefined : `${Math.round(member.rttMs)} ms`]
    .filter((part) => part !== undefined)
    .join(" ");
}
