/** How two people come together, and the words that they type. */
import { Person } from "./person.js";

/** The sessions that a person's daemon knows. */
export async function sessionsOf(person) {
  return JSON.parse(await person.run("rpc", "session/list", "{}")).sessions;
}

/** Shares the folder of a window and gives the session. */
export async function shareFolder(window, person) {
  await window.command("Earshot: Share Folder");
  await (await window.notification("shared. Code")).waitFor();
  return (await sessionsOf(person))[0];
}

/** Lets the one in who knocks at a window. */
export async function admit(window, name, button = "Admit to edit") {
  await (await window.notification(`${name} (name not verified`)).getByText(button).click();
}

/** Joins from one window what another one shares, and opens the file at a path; where there is but one it opens by itself. */
export async function join(window, code, admitting, path) {
  await window.command("Earshot: Join by Code or Link");
  await window.answer(code);
  await admitting();
  if (path) await window.pick(path);
}

export function people() {
  return [new Person("Grace"), new Person("Ada")];
}

/** A word that is typed once: it is to be in the text once. */
export const marker = (who, i) => `_${who}${i};`;

/** Throws unless each word is in the text exactly once. */
export function eachOnce(text, words) {
  const wrong = words.filter((word) => text.split(word).length !== 2);
  if (wrong.length > 0) throw new Error(`lost or doubled: ${wrong.join(" ")} in\n${text}`);
}
