import { beforeEach, expect, test } from "vitest";
import * as vscode from "vscode";
import type { AdmitAnswer, Role } from "../src/protocol";
import { Admission } from "../src/window/admission";

interface Shown {
  text: string;
  titles: string[];
  /** Presses the button with this title; closes the message without one. */
  press(title?: string): void;
}

let shown: Shown[];
let admission: Admission;

beforeEach(() => {
  shown = [];
  admission = new Admission(() => {});
  const show = (text: string, ...items: { title: string }[]) =>
    new Promise((resolve) => {
      shown.push({ text, titles: items.map((i) => i.title), press: (t) => resolve(items.find((i) => i.title === t)) });
    });
  (vscode.window as { showInformationMessage: unknown }).showInformationMessage = show;
});

/** A guest knocks; gives what the daemon has been answered so far. */
function knock(id: number, role: Role = "editor", name = "Ada"): AdmitAnswer[] {
  const answers: AdmitAnswer[] = [];
  const member = { id: "m", name, color: "#000000", role, state: "waiting", client: "[x](command:y)" } as const;
  admission.knock({ session: "s", member, check: "123456" }, id).then((answer) => answers.push(answer));
  return answers;
}

const settled = () => new Promise(setImmediate);

test("the question shows name, role and digits, and nothing of it is a link", () => {
  knock(1, "editor", "Ada\u202e");
  expect(shown[0]?.text).toBe(
    "Earshot: check 123456: is it what Ada (name not verified, with [x] (command:y)) reads to you? They want to join as editor.",
  );
});

test.each([
  ["Admit to edit", { admit: true, role: "editor" }],
  ["Admit to look only", { admit: true, role: "viewer" }],
  ["Refuse", { admit: false }],
])("%s", async (title, want) => {
  const answers = knock(1);
  shown[0]?.press(title);
  await settled();
  expect(answers).toEqual([want]);
  expect(admission.count).toBe(0);
});

test("who wants to look only can't be let in to edit", () => {
  knock(1, "viewer");
  expect(shown[0]?.titles).toEqual(["Refuse", "Admit to look only"]);
});

test("a message that is closed answers nothing, and the question is asked again", async () => {
  const answers = knock(1);
  shown[0]?.press();
  await settled();
  expect([answers, admission.count]).toEqual([[], 1]);
  admission.again();
  shown[1]?.press("Refuse");
  await settled();
  expect(answers).toEqual([{ admit: false }]);
});

test("what was answered elsewhere is not answered here", async () => {
  const answers = knock(1);
  admission.withdraw(1);
  shown[0]?.press("Admit to edit");
  await settled();
  expect(answers).toEqual([]);
  expect(shown[1]?.text).toContain("answered elsewhere");
});
