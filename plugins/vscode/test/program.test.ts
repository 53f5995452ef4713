import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findProgram } from "../src/core/program";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "es-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

function put(mode: number, ...path: string[]): string {
  const file = join(folder, ...path, "earshot");
  mkdirSync(join(folder, ...path), { recursive: true });
  writeFileSync(file, "");
  chmodSync(file, mode);
  return file;
}

test("the program that was set is taken, or told to be none", () => {
  const file = put(0o755, "set");
  expect(findProgram(file, "")).toBe(file);
  expect(() => findProgram(join(folder, "gone"), join(folder, "set"))).toThrow("which is no program");
  expect(() => findProgram(folder, "")).toThrow("which is no program");
});

test("without it the first on the PATH that can be run is taken, never one beside the opened files", () => {
  put(0o644, "a");
  mkdirSync(join(folder, "b", "earshot"), { recursive: true });
  const file = put(0o755, "c");
  const path = ["", ".", "relative", "a", "b", "c"].map((f) => (/^[abc]$/.test(f) ? join(folder, f) : f));
  expect(findProgram("", path.join(delimiter))).toBe(file);
  expect(() => findProgram("", "")).toThrow("put it on your PATH");
});
