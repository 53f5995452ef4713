import { expect, test } from "vitest";
import { hasOneLineEnd } from "../src/core/lineends";

test.each([
  ["", true],
  ["one\ntwo\n", true],
  ["one\r\ntwo\r\nthree", true],
  ["one\r\ntwo\n", false],
  ["one\ntwo\r\n", false],
  ["one\rtwo", false],
  ["one\r\r\n", false],
])("%j has one kind of line end: %j", (text, want) => {
  expect(hasOneLineEnd(text)).toBe(want);
});
