/**
 * JSON-RPC 2.0 in LSP's framing, both ways, over any two byte streams. It knows nothing of sessions or texts.
 *
 * Messages are handed on in the order in which they come, and written in the order of the calls: that a change is
 * reported before the answer that names it rests on this.
 */
import {
  type DaemonNotifications,
  type DaemonRequests,
  type EditorNotifications,
  type EditorRequests,
  type ErrorData,
  maxMessage,
} from "./protocol";

/** Headers are two short lines; 4 KiB is fifty times that. */
const maxHeader = 4096;

const methodNotFound = -32601;
const internalError = -32603;

/** RequestId as JSON-RPC has it; ours are numbers. */
export type RequestId = number | string;

/** Failure is an error answer, or a connection that ended before the answer: then code is 0. */
export class Failure extends Error {
  constructor(
    message: string,
    readonly code: number,
    readonly data?: ErrorData,
  ) {
    super(message);
    this.name = "Failure";
  }
}

/** Pipe is where bytes go; what comes is given to receive. */
export interface Pipe {
  write(bytes: string): void;
  end(): void;
}

/** Handlers get what the other side asks and tells. */
export interface Handlers {
  requests: {
    [M in keyof EditorRequests]?: (
      params: EditorRequests[M]["params"],
      id: RequestId,
    ) => Promise<EditorRequests[M]["result"]>;
  };
  notifications: { [M in keyof EditorNotifications]?: (params: EditorNotifications[M]) => void };
  /** Once, whichever side ended it. */
  closed(reason: string): void;
}

interface Waiting {
  resolve(result: unknown): void;
  reject(failure: Failure): void;
}

interface Message {
  id?: RequestId | null;
  method?: string;
  params?: unknown;
  result?: unknown;
  error?: { code: number; message: string; data?: ErrorData };
}

/** Call is a request under way. */
export interface Call<R> {
  readonly id: RequestId;
  readonly answer: Promise<R>;
}

/** Rpc is one connection. */
export class Rpc {
  private readonly waiting = new Map<RequestId, Waiting>();
  private readonly frames = new Frames();
  private lastId = 0;
  private open = true;

  constructor(
    private readonly pipe: Pipe,
    private readonly handlers: Handlers,
  ) {}

  /** Sends a request. The answer is rejected with a Failure and with nothing else. */
  call<M extends keyof DaemonRequests>(
    method: M,
    params: DaemonRequests[M]["params"],
  ): Call<DaemonRequests[M]["result"]> {
    this.lastId++;
    const id = this.lastId;
    const answer = new Promise<DaemonRequests[M]["result"]>((resolve, reject) => {
      if (!this.open) {
        reject(new Failure("The connection to the Earshot daemon is closed.", 0));
        return;
      }
      this.waiting.set(id, { resolve: (result) => resolve(result as DaemonRequests[M]["result"]), reject });
    });
    this.send({ id, method, params });
    return { id, answer };
  }

  /** Sends a notification; on a closed connection it goes nowhere. */
  notify<M extends keyof DaemonNotifications>(method: M, params: DaemonNotifications[M]): void {
    this.send({ method, params });
  }

  /** Gives up a request; it is still answered, mostly by an error. */
  cancel(id: RequestId): void {
    this.notify("$/cancelRequest", { id });
  }

  /** Takes bytes from the other side. */
  receive(bytes: Uint8Array): void {
    if (!this.open) return;
    try {
      for (const body of this.frames.add(bytes)) this.take(JSON.parse(body) as Message);
    } catch (error) {
      this.close(`it sent what is no message (${error instanceof Error ? error.message : String(error)})`);
    }
  }

  /** Ends the connection. Requests that wait are rejected. */
  close(reason: string): void {
    if (!this.open) return;
    this.open = false;
    this.pipe.end();
    for (const waiting of this.waiting.values()) {
      waiting.reject(new Failure(`The connection to the Earshot daemon ended: ${reason}.`, 0));
    }
    this.waiting.clear();
    this.handlers.closed(reason);
  }

  private send(message: object): void {
    if (!this.open) return;
    const body = JSON.stringify({ jsonrpc: "2.0", ...message });
    this.pipe.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  }

  private take(message: Message): void {
    if (message.method === undefined) {
      this.settle(message);
      return;
    }
    if (message.id === undefined || message.id === null) {
      const tell = this.handlers.notifications[message.method as keyof EditorNotifications] as
        | ((params: unknown) => void)
        | undefined;
      tell?.(message.params ?? {});
      return;
    }
    this.respond(message.id, message.method, message.params ?? {});
  }

  private settle(message: Message): void {
    const waiting = typeof message.id === "number" ? this.waiting.get(message.id) : undefined;
    if (waiting === undefined || message.id === undefined || message.id === null) return;
    this.waiting.delete(message.id);
    const { error } = message;
    if (error) waiting.reject(new Failure(error.message, error.code, error.data));
    else waiting.resolve(message.result);
  }

  private respond(id: RequestId, method: string, params: unknown): void {
    const answer = this.handlers.requests[method as keyof EditorRequests] as
      | ((params: unknown, id: RequestId) => Promise<unknown>)
      | undefined;
    if (answer === undefined) {
      this.send({ id, error: { code: methodNotFound, message: `no such method: ${method}` } });
      return;
    }
    answer(params, id).then(
      (result) => this.send({ id, result }),
      (error: unknown) => this.send({ id, error: { code: internalError, message: String(error) } }),
    );
  }
}

/** Frames cuts a stream of bytes into message bodies. */
class Frames {
  private parts: Uint8Array[] = [];
  private have = 0;
  private need = -1; // length of the body that is being read; -1 while it is a header

  /** Gives the bodies that the bytes complete. */
  *add(bytes: Uint8Array): Generator<string> {
    this.parts.push(bytes);
    this.have += bytes.length;
    for (;;) {
      if (this.need < 0 && !this.readHeader()) return;
      if (this.have < this.need) return; // parts are joined once for each body, not once for each chunk
      const all = this.join();
      const body = all.subarray(0, this.need).toString("utf8");
      this.keep(all.subarray(this.need));
      this.need = -1;
      yield body;
    }
  }

  private readHeader(): boolean {
    const all = this.join();
    const end = all.indexOf("\r\n\r\n");
    if (end < 0) {
      if (all.length > maxHeader) throw new Error("a header without end");
      return false;
    }
    const length = /^content-length: *(\d+)\s*$/im.exec(all.toString("latin1", 0, end))?.[1];
    if (length === undefined) throw new Error("a header without Content-Length");
    if (Number(length) > maxMessage) throw new Error("a message over the limit");
    this.need = Number(length);
    this.keep(all.subarray(end + 4));
    return true;
  }

  private join(): Buffer {
    const only = this.parts.length === 1 ? this.parts[0] : undefined;
    const all = only ? Buffer.from(only.buffer, only.byteOffset, only.byteLength) : Buffer.concat(this.parts);
    this.parts = [all];
    return all;
  }

  private keep(rest: Buffer): void {
    this.parts = rest.length > 0 ? [rest] : [];
    this.have = rest.length;
  }
}
