import type { Member, Session } from "../protocol";
import { cleanName } from "./clean";

/** Audience hears what becomes of the sessions. */
export interface Audience {
  /** One sentence for the person. */
  say(sentence: string): void;
  /** Some session is another one than before. */
  changed(): void;
  /** A session is over. `lost` if the daemon no longer knows it, so that nobody can tell what reached the host. */
  ended(session: Session, why: string, lost: boolean): void;
}

/** Sessions are those of the daemon, as it told of them last. */
export class Sessions {
  private readonly known = new Map<string, Session>();

  constructor(private readonly audience: Audience) {}

  /** The open ones, in a stable order. */
  list(): Session[] {
    return [...this.known.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  of(id: string): Session | undefined {
    return this.known.get(id);
  }

  member(session: string, member: string): Member | undefined {
    return this.known.get(session)?.members.find((m) => m.id === member);
  }

  /** Takes a session as it is now. */
  update(session: Session): void {
    if (session.state === "ended") {
      this.end(session, false);
      return;
    }
    const old = this.known.get(session.id);
    this.known.set(session.id, session);
    if (old) this.tell(old, session);
    this.audience.changed();
  }

  /**
   * Takes a session as an answer tells of it, which may be older than what was told since: by the time that whoever asked
   * goes on, other messages have been taken.
   */
  answered(session: Session): void {
    const known = this.known.get(session.id);
    if (known === undefined) this.update(session);
    else if (session.folder !== undefined && known.folder === undefined) {
      this.update({ ...known, folder: session.folder });
    }
  }

  /** Takes all sessions of a daemon to which there is a new connection. */
  replace(sessions: readonly Session[]): void {
    const there = new Set(sessions.map((s) => s.id));
    for (const session of this.list()) {
      if (!there.has(session.id)) this.end({ ...session, reason: "the daemon no longer knows it" }, true);
    }
    for (const session of sessions) this.update(session);
  }

  private end(session: Session, lost: boolean): void {
    if (!this.known.delete(session.id)) return;
    const reason = session.reason ? `: ${session.reason.replace(/\.$/, "")}` : "";
    this.audience.ended(session, `The session is over${reason}.`, lost);
    this.audience.changed();
  }

  private tell(old: Session, now: Session): void {
    const before = new Map(old.members.filter((m) => m.state !== "waiting").map((m) => [m.id, m]));
    for (const member of now.members) {
      if (member.state === "waiting" || member.id === now.me) continue;
      if (!before.delete(member.id)) this.audience.say(`${cleanName(member.name)} is here.`);
    }
    before.delete(now.me);
    for (const member of before.values()) this.audience.say(`${cleanName(member.name)} has left.`);
    if (old.state !== now.state) {
      const broken = now.state === "reconnecting";
      this.audience.say(
        broken
          ? "The link to the others broke; what you type is sent once it is back."
          : "The link to the others is back.",
      );
    }
  }
}
