import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Attachments } from "../src/core/attachments";
import type { Wire } from "../src/core/wire";
import type { ApplyWorkspaceEditParams, DidChangeTextDocumentParams, DidOpenTextDocumentParams } from "../src/protocol";
import { FakeDocument } from "./fake_editor";

type Told = [method: string, params: unknown];

/** A wire that keeps what it is told, and gives the answers that it was set up with. */
class FakeWire implements Wire {
  up = true;
  told: Told[] = [];
  equal = true;

  notify: Wire["notify"] = (method, params) => {
    if (this.up) this.told.push([method, params]);
  };

  request: Wire["request"] = (method, params) => {
    this.told.push([method, params]);
    return Promise.resolve({ equal: this.equal } as never);
  };

  take(): Told[] {
    return this.told.splice(0);
  }

  last<T>(method: string): T {
    return this.told.filter(([m]) => m === method).at(-1)?.[1] as T;
  }
}

const uri = "file:///project/a%20b.txt";
let wire: FakeWire;
let unshowable: string[];
let attachments: Attachments;

beforeEach(() => {
  vi.useFakeTimers();
  wire = new FakeWire();
  unshowable = [];
  attachments = new Attachments(wire, (of) => unshowable.push(of));
});

afterEach(() => {
  vi.useRealTimers();
});

function attach(text: string, eol?: "\r\n"): FakeDocument {
  const document = new FakeDocument(uri, text, eol);
  const attachment = attachments.attach(document);
  document.onChange = (changes) => attachment.changed(changes);
  return document;
}

function insertion(version: number, character: number, newText: string, stamp = "s"): ApplyWorkspaceEditParams {
  const at = { line: 0, character };
  const edits = [{ range: { start: at, end: at }, newText }];
  return { edit: { documentChanges: [{ textDocument: { uri, version }, edits }] }, earshot: { stamp } };
}

const versionOf = ([, params]: Told) => (params as DidChangeTextDocumentParams).textDocument.version;

test("an edit is reported once, before the answer, and the answer names its version", async () => {
  const document = attach("ac");
  wire.take();
  const answer = attachments.apply(insertion(1, 1, "b"));
  document.hop(); // the page has it, and its event has arrived
  document.type(3, 0, "d"); // typed before the answer arrives
  await document.settle();
  expect(await answer).toEqual({ applied: true, version: 2 });
  expect(document.shown).toBe("abcd");
  expect(wire.told.map(versionOf)).toEqual([2, 3]);
});

test("an edit that the person was faster than is refused with the version of what they typed", async () => {
  const document = attach("ac");
  const answer = attachments.apply(insertion(1, 1, "b"));
  document.type(2, 0, "d");
  await document.settle();
  expect(await answer).toMatchObject({ applied: false, version: 2 });
  expect(document.shown).toBe("acd");
  const again = attachments.apply(insertion(2, 1, "b"));
  await document.settle();
  expect(await again).toEqual({ applied: true, version: 3 });
  expect(document.shown).toBe("abcd");
});

test("an edit for a text that has changed does not reach the editor", async () => {
  const document = attach("ac");
  document.type(0, 0, "x");
  await document.settle();
  expect(await attachments.apply(insertion(1, 1, "b"))).toMatchObject({ applied: false, version: 2 });
  expect(document.applied + document.refused).toBe(0);
});

describe("the daemon, which asks anew at once, hears of a refusal", () => {
  async function refusedWhile(document: FakeDocument, hops?: number): Promise<{ answers: unknown[] }> {
    const answers: unknown[] = [];
    void attachments.apply(insertion(1, 1, "b")).then((answer) => answers.push(answer));
    if (hops === undefined) await document.settle();
    for (let hop = 0; hop < (hops ?? 0); hop++) document.hop();
    await vi.advanceTimersByTimeAsync(0);
    return { answers };
  }

  test("when the next key is pressed", async () => {
    const document = attach("ac");
    document.type(2, 0, "d");
    await document.settle();
    vi.advanceTimersByTime(10);
    const { answers } = await refusedWhile(document);
    vi.advanceTimersByTime(15);
    await document.settle();
    expect(answers).toEqual([]);
    document.type(3, 0, "e");
    await document.settle();
    await vi.advanceTimersByTimeAsync(0);
    expect(answers).toMatchObject([{ applied: false, version: 3 }]);
  });

  test("when the person has stopped typing", async () => {
    const document = attach("ac");
    document.type(2, 0, "d");
    await document.settle();
    vi.advanceTimersByTime(10);
    const { answers } = await refusedWhile(document);
    expect(answers).toEqual([]);
    await vi.advanceTimersByTimeAsync(60);
    expect(answers).toMatchObject([{ applied: false, version: 2 }]);
  });

  test("as soon as a key was faster on another line, whenever the editor says so", async () => {
    const document = attach("ac\n\n\nd");
    document.type(6, 0, "e");
    const { answers } = await refusedWhile(document, 1);
    expect(answers).toMatchObject([{ applied: false, version: 2 }]);
    expect(document.refused).toBe(1);
    const again = attachments.apply(insertion(2, 1, "b"));
    await document.settle();
    expect(await again).toEqual({ applied: true, version: 3 });
    expect(document.shown).toBe("abc\n\n\nde");
  });

  test("and not before the editor says so of a change that may be the edit", async () => {
    const document = attach("ac\nd");
    document.type(4, 0, "e");
    const { answers } = await refusedWhile(document, 1);
    expect(answers).toEqual([]);
    await document.settle();
    await vi.advanceTimersByTimeAsync(0);
    expect(answers).toMatchObject([{ applied: false, version: 2 }]);
  });

  test("and not before of a change elsewhere that makes the same text, as VS Code reads a file anew", async () => {
    const document = attach("\n\n\n\n");
    document.readsAnew = true;
    wire.take();
    const answer = attachments.apply(insertion(1, 0, "\n"));
    await document.settle();
    const below = { line: 4, character: 0 };
    expect(wire.last<DidChangeTextDocumentParams>("textDocument/didChange").contentChanges).toEqual([
      { range: { start: below, end: below }, text: "\n" },
    ]);
    expect(await answer).toEqual({ applied: true, version: 2 });
  });

  test("at once where no key was faster", async () => {
    const document = attach("ac");
    document.onlySaysYes = true;
    vi.advanceTimersByTime(10);
    const { answers } = await refusedWhile(document);
    expect(answers).toMatchObject([{ applied: false, version: 1 }]);
  });
});

test("an editor that says yes and changes nothing has not applied the edit", async () => {
  const document = attach("ac");
  document.onlySaysYes = true;
  const answer = attachments.apply(insertion(1, 1, "b"));
  await document.settle();
  expect(await answer).toMatchObject({ applied: false, version: 1 });
});

test("an event without changes is not reported", async () => {
  const document = attach("ac");
  wire.take();
  document.touch();
  await document.settle();
  expect(wire.take()).toEqual([]);
  const answer = attachments.apply(insertion(1, 1, "b"));
  await document.settle();
  expect(await answer).toEqual({ applied: true, version: 2 });
});

test("line ends are the daemon's business: it is told of \\n alone", async () => {
  const document = attach("one\ntwo\n", "\r\n");
  expect(wire.last<DidOpenTextDocumentParams>("textDocument/didOpen").textDocument.text).toBe("one\ntwo\n");
  document.type(3, 0, "\nand");
  await document.settle();
  expect(wire.last<DidChangeTextDocumentParams>("textDocument/didChange").contentChanges).toEqual([
    { range: { start: { line: 0, character: 3 }, end: { line: 0, character: 3 } }, text: "\nand" },
  ]);
});

test("a carriage return, which the editor would make a line end, closes the attachment instead", async () => {
  attach("ac");
  expect(await attachments.apply(insertion(1, 1, "\r"))).toMatchObject({ applied: false });
  expect(wire.last("textDocument/didClose")).toEqual({ textDocument: { uri } });
  expect(unshowable).toEqual([uri]);
  expect(attachments.of(uri)).toBeUndefined();
});

test("a new connection is told the text and the last stamp", async () => {
  const document = attach("ac");
  const answer = attachments.apply(insertion(1, 1, "b", "stamp 1"));
  await document.settle();
  await answer;
  wire.up = false;
  for (const attachment of attachments.all()) attachment.interrupted();
  document.type(3, 0, "d");
  await document.settle();
  wire.up = true;
  wire.take();
  for (const attachment of attachments.all()) attachment.reopen();
  await document.settle();
  expect(wire.take()).toEqual([
    [
      "textDocument/didOpen",
      { textDocument: { uri, languageId: "plaintext", version: 4, text: "abcd" }, earshot: { stamp: "stamp 1" } },
    ],
  ]);
});

test("a new connection is told nothing before the old one's edit has landed", async () => {
  const document = attach("ac");
  const answer = attachments.apply(insertion(1, 1, "b"));
  for (const attachment of attachments.all()) attachment.reopen();
  wire.take();
  await Promise.resolve();
  expect(wire.take()).toEqual([]);
  await document.settle();
  await answer;
  expect(wire.take().map(([method]) => method)).toEqual(["textDocument/didOpen"]);
  expect(document.shown).toBe("abc");
});

test("an idle text is compared, and opened again if it differs", async () => {
  attach("a\nc", "\r\n");
  wire.take();
  wire.equal = false;
  await vi.advanceTimersByTimeAsync(599);
  expect(wire.take()).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  const sha256 = createHash("sha256").update("a\nc").digest("hex");
  const [verify, ...after] = wire.take();
  expect(verify).toEqual(["document/verify", { textDocument: { uri, version: 1 }, sha256 }]);
  expect(after.map(([method]) => method)).toEqual(["textDocument/didClose", "textDocument/didOpen"]);
});

test("documents are found by any spelling of their URI", () => {
  attach("ac");
  expect(attachments.of("file:///project/a b.txt")).toBe(attachments.of(uri));
  attachments.detach("file:///project/a b.txt");
  expect(attachments.all()).toEqual([]);
});

describe("a text without a file, which its editor empties before it closes it", () => {
  const draft = "untitled:Untitled-1";
  const changes = () => wire.take().filter(([method]) => method === "textDocument/didChange");
  let document: FakeDocument;

  beforeEach(async () => {
    document = new FakeDocument(draft, "draft");
    const attachment = attachments.attach(document);
    document.onChange = (told) => attachment.changed(told);
    wire.take();
    document.type(0, 5, "");
    await document.settle();
  });

  test("the others keep it", async () => {
    const edit = insertion(1, 0, "x");
    for (const { textDocument } of edit.edit.documentChanges) textDocument.uri = draft;
    expect(await attachments.apply(edit)).toMatchObject({ applied: false, version: 1 });
    attachments.detach(draft);
    await vi.runAllTimersAsync();
    expect(wire.take()).toEqual([["textDocument/didClose", { textDocument: { uri: draft } }]]);
  });

  test("a person who empties it empties it for all, and what is typed then comes after that", async () => {
    await vi.advanceTimersByTimeAsync(1000);
    expect(changes().map(versionOf)).toEqual([2]);
    document.type(0, 0, "a");
    document.type(0, 1, "");
    document.type(0, 0, "b");
    await document.settle();
    expect(changes().map(versionOf)).toEqual([3, 4, 5]);
  });

  test("it goes on as the file that it was saved as, and a new one of its name is another text", async () => {
    const file = new FakeDocument(uri, "draft\n"); // a formatter ended it
    attachments.move(draft, file);
    await document.settle();
    expect(wire.take().map(([method, params]) => [method, JSON.stringify(params).includes("draft\\n")])).toEqual([
      ["textDocument/didClose", false],
      ["textDocument/didOpen", true],
    ]);
    expect(attachments.of(draft)).toBeUndefined();
    expect([attachments.of(uri), attachments.named(draft)].map((a) => a?.uri)).toEqual([draft, draft]);
    attachments.detach(draft);
    expect(attachments.all()).toHaveLength(1);
    attachments.detach(uri);
    expect(attachments.all()).toHaveLength(0);
  });
});
