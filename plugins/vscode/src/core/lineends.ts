/**
 * Whether an editor that knows one kind of line end for a whole document can hold the text unchanged: every "\r" is part
 * of "\r\n", and either all line ends are that or none is.
 */
export function hasOneLineEnd(text: string): boolean {
  if (!text.includes("\r")) return true;
  return !/\r(?!\n)|(?<!\r)\n/.test(text);
}
