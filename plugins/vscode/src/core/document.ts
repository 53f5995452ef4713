import type { TextEdit } from "../protocol";

/** Document is an open text of the editor, as far as the core needs it. */
export interface Document {
  readonly uri: string;
  readonly languageId: string;
  /** It has no file. The editor empties it before it closes it, whether it was saved as a file or thrown away. */
  readonly untitled: boolean;
  /** The text with whatever line ends the editor uses. */
  text(): string;
  /**
   * Applies edits, all against the text as it is now, as one change and only if nobody changes the text before they are
   * in; false, and nothing is changed, if somebody does.
   */
  apply(edits: readonly TextEdit[]): Promise<boolean>;
}

/** Change replaces a range by a text, in UTF-16 units; several of one report apply one after the other. */
export interface Change {
  readonly range: TextEdit["range"];
  readonly text: string;
}
