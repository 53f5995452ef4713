/** What is published: the manifest says what the code does, and the bundle is small. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";

const folder = resolve(__dirname, "..");
const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
const code = readFileSync(join(folder, "src/extension.ts"), "utf8");

test("every command of the manifest is there, and the other way round", () => {
  const table = /const commands[^{]*\{(.*?)\n {4}\};/s.exec(code)?.[1] ?? "";
  const made = [...table.matchAll(/^ {6}(\w+): /gm)].map(([, name]) => `earshot.${name}`);
  const listed = manifest.contributes.commands.map((c: { command: string }) => c.command);
  expect(listed).toEqual(made);
  for (const { command } of manifest.contributes.keybindings) expect(listed).toContain(command);
});

test("keys are taken in shared texts alone", () => {
  for (const { when } of manifest.contributes.keybindings) {
    expect(["editorTextFocus && earshot.shared", "editorTextFocus && resourceScheme == earshot"]).toContain(when);
  }
});

test("the extension brings no library along, and the oldest API is the one it is checked against", () => {
  expect(manifest.dependencies).toBeUndefined();
  expect(manifest.engines.vscode).toBe(`^${manifest.devDependencies["@types/vscode"]}`);
  expect(manifest.enabledApiProposals).toBeUndefined();
});

test("the bundle has at most 300 KB", () => {
  const out = mkdtempSync(join(tmpdir(), "es-"));
  const command: string[] = manifest.scripts["vscode:prepublish"].split(" ");
  const [esbuild = "", ...args] = command;
  const file = join(out, "extension.js");
  execFileSync(
    join(folder, "node_modules/.bin", esbuild),
    [...args.filter((a) => !a.startsWith("--outfile")), `--outfile=${file}`, "--log-level=error"],
    { cwd: folder },
  );
  expect(statSync(file).size).toBeLessThan(300 * 1024);
  const required = [...readFileSync(file, "utf8").matchAll(/require\("([^"]+)"\)/g)].map(([, name]) => name);
  expect(required.filter((name) => name !== "vscode" && !name?.startsWith("node:"))).toEqual([]);
  rmSync(out, { recursive: true });
});
