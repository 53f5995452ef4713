import type { ApplyWorkspaceEditParams, ApplyWorkspaceEditResult } from "../protocol";
import { Attachment } from "./attachment";
import type { Document } from "./document";
import type { Wire } from "./wire";

/** Attachments are those of this editor, found by URI. URIs are compared after percent-decoding, as the daemon does. */
export class Attachments {
  private readonly byKey = new Map<string, Attachment>();
  private readonly moved = new Map<string, string>(); // from the key of a document to that by which the daemon knows it

  /** `unshowable` as for an Attachment. */
  constructor(
    private readonly wire: Wire,
    private readonly unshowable: (uri: string) => void,
  ) {}

  /** Attaches a document; one that is attached already stays so. */
  attach(document: Document): Attachment {
    const key = keyOf(document.uri);
    const known = this.of(document.uri) ?? this.byKey.get(key);
    if (known) return known;
    const attachment = new Attachment(document, this.wire, () => {
      this.byKey.delete(key);
      this.unshowable(document.uri);
    });
    this.byKey.set(key, attachment);
    return attachment;
  }

  /** Goes on with a document that has taken the place of another one. */
  move(uri: string, document: Document): void {
    const attachment = this.of(uri);
    if (attachment === undefined) return;
    this.moved.set(keyOf(document.uri), keyOf(attachment.uri));
    attachment.move(document);
  }

  /** Lets go of a document; `close` ends its attachment. */
  detach(uri: string, close = (attachment: Attachment) => attachment.close()): void {
    const attachment = this.of(uri);
    if (attachment === undefined) return;
    close(attachment);
    this.byKey.delete(keyOf(attachment.uri));
    this.moved.delete(keyOf(uri));
  }

  /** That of a document of the editor. */
  of(uri: string): Attachment | undefined {
    const key = keyOf(uri);
    const found = this.byKey.get(this.moved.get(key) ?? key);
    return found && keyOf(found.place) === key ? found : undefined;
  }

  /** That of a document as the daemon names it. */
  named(uri: string): Attachment | undefined {
    return this.byKey.get(keyOf(uri));
  }

  all(): Attachment[] {
    return [...this.byKey.values()];
  }

  /** Answers workspace/applyEdit. */
  async apply(params: ApplyWorkspaceEditParams): Promise<ApplyWorkspaceEditResult> {
    const uri = params.edit.documentChanges[0]?.textDocument.uri;
    const attachment = uri === undefined ? undefined : this.named(uri);
    if (attachment) return attachment.apply(params);
    return { applied: false, version: 0, failureReason: "the document is not open here" };
  }
}

/** A URI as it is compared. What is no percent-encoding is taken as it stands. */
export function keyOf(uri: string): string {
  try {
    return decodeURIComponent(uri);
  } catch {
    return uri;
  }
}
