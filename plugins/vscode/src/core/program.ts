import { accessSync, constants, statSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";

const names = process.platform === "win32" ? ["earshot.exe", "earshot"] : ["earshot"];

/** The program: what the person has set, else the first on the PATH. Throws one sentence where there is none. */
export function findProgram(set: string, path: string): string {
  if (set !== "") {
    if (isAbsolute(set) && isProgram(set)) return set;
    throw new Error(`earshot.path names ${set}, which is no program: correct it, or leave it empty.`);
  }
  for (const folder of path.split(delimiter)) {
    const found = names.map((name) => join(folder, name)).find((file) => isAbsolute(file) && isProgram(file));
    if (found !== undefined) return found;
  }
  throw new Error("The earshot program was not found: put it on your PATH, or set earshot.path to it.");
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
