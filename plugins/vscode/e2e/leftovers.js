/** What is on a person's disk: VS Code, the browser and the daemon all write below the person's home. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";

/** Files below a folder that hold a word, as UTF-8 or as UTF-16, in which the browser keeps much. */
export function holding(folder, word) {
  const forms = [Buffer.from(word), Buffer.from(word, "utf16le")];
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, name))
    .filter((file) => {
      if (!statSync(file, { throwIfNoEntry: false })?.isFile()) return false;
      const bytes = bytesOf(file);
      return forms.some((form) => bytes.includes(form));
    });
}

function bytesOf(file) {
  try {
    return readFileSync(file);
  } catch (error) {
    if (error.code === "ENOENT") return Buffer.of(); // it went since it was listed
    throw error;
  }
}

/** Another value whenever VS Code has written a backup of a guest's text: it may be gone before anyone can read it. */
export function backupsStamp(person) {
  const backups = join(person.home, "vscode/User/Backups");
  if (!existsSync(backups)) return "";
  return readdirSync(backups, { recursive: true })
    .filter((name) => basename(name) === "earshot")
    .map((name) => `${name} ${statSync(join(backups, name), { bigint: true }).mtimeNs}`)
    .join();
}
