/** A reporter for node --test: which rows of ../../table.json the tests proved that name them, as in "[follow]". */
import { relative } from "node:path";
import { root } from "./person.js";

export default async function* cells(source) {
  for await (const { type, data } of source) {
    if (type !== "test:pass" && type !== "test:fail") continue;
    for (const [, row] of data.name.matchAll(/\[([a-z-]+)\]/g)) {
      yield `vscode ${row} ${type === "test:pass" ? "ok" : "failed"} ${relative(root, data.file)}\n`;
    }
  }
}
