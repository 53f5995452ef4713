import { expect, test } from "vitest";
import { clean, cleanName } from "../src/core/clean";

test.each([
  ["Ada", "Ada"],
  ["Ada\u202egnp.exe", "Adagnp.exe"],
  ["a\u200b\u{e0041}\ufe0fb\u3164", "ab"],
  ["one\r\ntwo\u2028three\u001b[31m", "one two three [31m"],
  ["[x](command:a.b)", "[x] (command:a.b)"],
  ["[x]\u200b(command:a.b)", "[x] (command:a.b)"],
  ["$(verified) Bob", "$ (verified) Bob"],
  ["Žofie 🎉", "Žofie 🎉"],
])("%j is shown as %j", (text, want) => {
  expect(clean(text)).toBe(want);
});

test("a name is short, and never nothing", () => {
  expect(cleanName(" \u2060\u2800 ")).toBe("someone");
  expect(cleanName("🎉".repeat(30))).toBe(`${"🎉".repeat(23)}…`);
});
