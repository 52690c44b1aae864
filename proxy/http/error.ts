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
