import { expect, test } from "vitest";
import { Failure, type Handlers, Rpc } from "../src/rpc";

function connect(handlers: Partial<Handlers> = {}) {
  const written: string[] = [];
  const closed: string[] = [];
  const rpc = new Rpc(
    { write: (bytes) => written.push(bytes), end: () => written.push("end") },
    { requests: {}, notifications: {}, closed: (reason) => closed.push(reason), ...handlers },
  );
  const bodies = () => written.splice(0).map((bytes) => JSON.parse(bytes.slice(bytes.indexOf("{"))));
  return { rpc, written, closed, bodies };
}

function frame(message: object): Buffer {
  const body = Buffer.from(JSON.stringify({ jsonrpc: "2.0", ...message }));
  return Buffer.concat([Buffer.from(`Content-Length: ${body.length}\r\n\r\n`), body]);
}

test("messages are read however the bytes are cut", () => {
  const said: string[] = [];
  const message = (text: string) => frame({ method: "window/showMessage", params: { type: 3, message: text } });
  const bytes = Buffer.concat([message("Grüße 🎉"), message("two")]);
  for (const size of [1, 2, 7, 40, bytes.length]) {
    const { rpc } = connect({ notifications: { "window/showMessage": (p) => said.push(p.message) } });
    for (let at = 0; at < bytes.length; at += size) rpc.receive(bytes.subarray(at, at + size));
    expect(said.splice(0)).toEqual(["Grüße 🎉", "two"]);
  }
});

test("a message's length is counted in bytes", () => {
  const { rpc, written } = connect();
  rpc.notify("initialized", {});
  rpc.call("session/join", { code: "é" }).answer.catch(() => {});
  const [, length, body] = /^Content-Length: (\d+)\r\n\r\n(.*)$/s.exec(written[1] ?? "") ?? [];
  expect(Number(length)).toBe(Buffer.byteLength(body ?? ""));
  expect(Number(length)).toBe((body ?? "").length + 1);
});

test("an answer finds its request, and an error is told with its kind", async () => {
  const { rpc } = connect();
  const [one, two] = [rpc.call("session/list", {}), rpc.call("session/invite", { session: "x" })];
  const data = { kind: "notHost" };
  rpc.receive(frame({ id: two.id, error: { code: -32050, message: "Only the host.", data } }));
  rpc.receive(frame({ id: one.id, result: { sessions: [] } }));
  expect(await one.answer).toEqual({ sessions: [] });
  await expect(two.answer).rejects.toEqual(new Failure("Only the host.", -32050, { kind: "notHost" }));
});

test("what is written before an answer goes out before it", async () => {
  const { rpc, bodies } = connect({
    requests: {
      "window/showDocument": async () => {
        rpc.notify("presence/update", { selections: [] });
        return { success: true };
      },
    },
  });
  rpc.receive(frame({ id: "q", method: "window/showDocument", params: { uri: "file:///a" } }));
  rpc.receive(frame({ id: 9, method: "no/such", params: {} }));
  await new Promise(setImmediate);
  expect(bodies()).toMatchObject([
    { method: "presence/update" },
    { id: 9, error: { code: -32601 } },
    { id: "q", result: { success: true } },
  ]);
});

test.each([
  ["a header without its line", "Content-Size: 4\r\n\r\nnull"],
  ["a header without end", "x".repeat(5000)],
  ["a message over the limit", "Content-Length: 99999999\r\n\r\n"],
  ["no JSON", "Content-Length: 1\r\n\r\n{"],
])("%s ends the connection, and requests that wait", async (_, bytes) => {
  const { rpc, closed, written } = connect();
  const call = rpc.call("session/list", {});
  rpc.receive(Buffer.from(bytes));
  await expect(call.answer).rejects.toBeInstanceOf(Failure);
  expect(closed).toHaveLength(1);
  expect(written.at(-1)).toBe("end");
  await expect(rpc.call("session/list", {}).answer).rejects.toMatchObject({ code: 0 });
});
