/**
 * Answers of the HTTP proxy itself: a status, and a line that names target and reason.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { STATUS_CODES } from "node:http";
import { DialError, type DialFailure } from "../edge/dial.ts";
import type { Field } from "./fields.ts";
import { messageOf } from "../../wire/text.ts";

/**
 * The status for a failure to connect, and its name in `Proxy-Status` (RFC 9209, 2.3).
 */
function statusOf(failure: DialFailure): readonly [status: number, name: string] {
  switch (failure) {
    case "refused":
      return [502, "connection_refused"];
    case "network-unreachable":
    case "host-unreachable":
      return [502, "destination_ip_unroutable"];
    case "host-unknown":
      return [502, "dns_error"];
    case "timed-out":
      return [504, "connection_timeout"];
    case "prohibited":
      return [502, "destination_ip_prohibited"];
    case "forbidden":
      return [403, "http_request_denied"];
    case "failed":
      return [502, "proxy_internal_error"];
  }
}

/** Characters of a message that `Proxy-Status` repeats. */
const MOST_DETAILS = 200;

/** A request that is answered by the proxy itself. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly status: number;
  readonly fields: readonly Field[];

  constructor(status: number, message: string, fields: readonly Field[] = []) {
    super(message);
    this.status = status;
    this.fields = fields;
  }

  /** The answer for whatever went wrong. */
  static of(error: unknown): HttpError {
    if (error instanceof HttpError) return error;
    const message = messageOf(error);
    if (!(error instanceof DialError)) {
      return new HttpError(502, `The server's answer cannot be used: ${message}`);
    }
    const [status, name] = statusOf(error.failure);
    // Of an answer to CONNECT, most clients show the header at the best.
    const value = `norouter; error=${name}; details=${quoted(message)}`;
    return new HttpError(status, message, [["Proxy-Status", value]]);
  }

  /** The whole answer; without `isKept` the connection ends behind it. */
  toBytes({ isKept = false, isHead = false } = {}): Uint8Array {
    const body = this.#body();
    const fields: Field[] = [
      ...this.fields,
      ["Content-Type", "text/plain; charset=utf-8"],
      ["Content-Length", `${body.length}`],
      ["Connection", isKept ? "keep-alive" : "close"],
    ];
    const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
    const status = `HTTP/1.1 ${this.status} ${STATUS_CODES[this.status]}\r\n`;
    const head = Buffer.from(`${status}${lines}\r\n`, "latin1");
    return isHead ? head : Buffer.concat([head, body]);
  }

  #body(): Buffer {
    return Buffer.from(`${this.message.replace(/[\r\n]+/g, " ")}\n`);
  }
}

/** A string of structured fields, which are ASCII (RFC 8941, 3.3.3). */
function quoted(text: string): string {
  const plain = text.replace(/\s+/g, " ").replace(/[^ -~]/g, "?").slice(0, MOST_DETAILS);
  return `"${plain.replace(/["\\]/g, "\\$&")}"`;
}

/**
 * A client whose first byte is none of HTTP; answered in its own protocol where possible.
 */
export class StrangerError extends HttpError {
  /** The client's protocol. */
  readonly speaks: string;
  readonly #answer: Uint8Array | undefined;

  constructor(speaks: string, answer?: readonly number[]) {
    super(400, `This is an HTTP proxy, and not one for ${speaks}`);
    this.speaks = speaks;
    this.#answer = answer && Uint8Array.from(answer);
  }

  /** The refusal for a client that begins with `byte`, if that tells a protocol. */
  static from(byte: number): StrangerError | undefined {
    switch (byte) {
      case 4: // a reply with code 91, rejected
        return new StrangerError("SOCKS4", [0, 91, 0, 0, 0, 0, 0, 0]);
      case 5: // no method offered is acceptable (RFC 1928, 3)
        return new StrangerError("SOCKS5", [5, 0xff]);
      case 22: // a handshake; OpenSSL recognises an answer in HTTP
        return new StrangerError("TLS");
    }
    return undefined;
  }

  override toBytes(): Uint8Array {
    return this.#answer ?? super.toBytes();
  }
}
