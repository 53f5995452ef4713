/**
 * Text from other people made fit to be shown. The daemon cleans it; what is shown is cleaned again, for a daemon may be
 * older than this extension.
 */

/** A name is no longer than a label may be. */
const longestName = 24;

const breaks = /[\p{Cc}\u2028\u2029]+/gu;
/** What turns the writing round or has no width, variation selectors, tags; and a blank that is no space. */
const hidden = /[\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]/gu;

/** VS Code makes of "[text](command:…)" in a message a link that runs the command, and of "$(name)" in a list an icon. */
const markup = /([\]$])(?=\()/g;

/** One line without anything that can't be seen, or that is more than text. */
export function clean(text: string): string {
  return text.replace(breaks, " ").replace(hidden, "").replace(markup, "$1 ");
}

/** A member's name; "someone" where nothing of it can be seen. */
export function cleanName(name: string): string {
  const shown = [...clean(name).trim()];
  if (shown.length === 0) return "someone";
  return shown.length <= longestName ? shown.join("") : `${shown.slice(0, longestName - 1).join("")}…`;
}
