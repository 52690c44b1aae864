/**
 * Reads the head of a client's request: strictly (RFC 9112).
 *
 * llhttp reads the fields. The request line is read here: llhttp knows but some methods,
 * and no target with bytes beyond ASCII, which clients write and servers understand. The
 * fields that say where the body ends are checked once more.
 *
 * @module
 */
import type { ReadAhead } from "../../edge/read_ahead.ts";
import { bytesOf, textOf } from "../bytes.ts";
import { type Field, fieldsOf, tokensOf, trimBlanks } from "../fields.ts";
import { HttpError, StrangerError } from "../error.ts";
import type { Framing } from "../framing.ts";
import { Parser } from "./llhttp.ts";

/** Bytes of empty lines before a request, beyond which the answer is 400. */
const EMPTY_BYTES = 4096;
/** Bytes of a head, beyond which the answer is 431. */
const HEAD_BYTES = 64 * 1024;

const REQUEST_LINE =
  /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e\x80-\xff]+) HTTP\/([0-9])\.([0-9])$/;
/** Stands for the request line before llhttp, which has no opinion of this method. */
const PLAIN_LINE = bytesOf("POST / HTTP/1.1\r\n");
const CR = 13;
const LF = 10;
const TOO_LARGE = "The header of the request is too large";

/** The head of a request. Text is latin1: a character for each byte. */
export interface RequestHead {
  readonly method: string;
  /** As written. */
  readonly target: string;
  readonly version: "1.0" | "1.1";
  readonly fields: readonly Field[];
  readonly framing: Framing;
  /** Whether the client may send another request after the answer. */
  readonly isKept: boolean;
  /** The parser, which goes on with the body; whoever takes the head gives it back. */
  readonly parser: Parser;
}

/** Reads a head, which may come in any number of pieces. */
export class RequestReader {
  #parser: Parser | undefined;
  #line: string | undefined;
  #bytes = 0;
  #emptyBytes = 0;

  /** Whether a request has begun: more than empty lines came. */
  get hasBegun(): boolean {
    return this.#line !== undefined || this.#bytes > 0;
  }

  /**
   * Takes the held bytes of the head; returns the head when it is complete. Throws an
   * {@linkcode HttpError} if this is no request.
   */
  read(input: ReadAhead): RequestHead | undefined {
    if (this.#line === undefined && !this.#readLine(input)) return undefined;
    const parser = this.#parser!;
    const { held } = input;
    const count = parser.execute(held);
    input.consume(count);
    this.#bytes += count;
    if (parser.refusal) throw refusal(parser.refusal);
    if (this.#bytes > HEAD_BYTES) throw new HttpError(431, TOO_LARGE);
    if (!parser.hasHead) return undefined;
    this.#parser = undefined;
    try {
      return headOf(this.#line!, parser);
    } catch (error) {
      parser.release();
      throw error;
    }
  }

  /** Gives the parser back. */
  release(): void {
    this.#parser?.release();
    this.#parser = undefined;
  }

  #readLine(input: ReadAhead): boolean {
    this.#skipEmptyLines(input);
    const { held } = input;
    if (held.length === 0 || held.length === 1 && held[0] === CR) return false;
    const stranger = StrangerError.from(held[0]!);
    if (stranger) throw stranger;
    const end = held.indexOf(LF);
    this.#bytes = end < 0 ? held.length : end + 1;
    const line = textOf(held.subarray(0, end < 0 ? 100 : Math.max(end - 1, 0)));
    if (end < 0 && !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+(?: |$)/.test(line)) {
      throw refusal("it does not begin with a method");
    }
    if (this.#bytes > HEAD_BYTES) throw new HttpError(431, TOO_LARGE);
    if (end < 0) return false;
    if (held[end - 1] !== CR) throw refusal("the request line does not end with CR LF");
    if (!REQUEST_LINE.test(line)) {
      throw refusal(`${shown(line)} is no request line`);
    }
    this.#line = line;
    input.consume(end + 1);
    this.#parser = Parser.take();
    this.#parser.execute(PLAIN_LINE);
    return true;
  }

  /** RFC 9112, 2.2: empty lines before a request mean nothing. But they have to end. */
  #skipEmptyLines(input: ReadAhead): void {
    const { held } = input;
    let count = 0;
    while (held[count] === CR && held[count + 1] === LF) count += 2;
    if (count === 0) return;
    this.#emptyBytes += count;
    if (this.#emptyBytes > EMPTY_BYTES) throw refusal("it begins with empty lines only");
    input.consume(count);
  }
}

function headOf(line: string, parser: Parser): RequestHead {
  const [, method = "", target = "", major, minor] = REQUEST_LINE.exec(line)!;
  const fields = fieldsOf(parser.raw.map(trimBlanks)); // llhttp leaves those behind a value
  parser.raw = []; // for the trailer fields
  const version = `${major}.${minor}`;
  if (version !== "1.0" && version !== "1.1") {
    throw new HttpError(400, `HTTP/${version} is not spoken here, but HTTP/1.1 is`);
  }
  const connection = tokensOf(fields, "connection");
  const isKept = version === "1.1"
    ? !connection.includes("close")
    : connection.includes("keep-alive") && !connection.includes("close");
  const framing = method === "CONNECT" ? NO_BODY : framingOf(fields, version);
  return { method, target, version, fields, framing, isKept, parser };
}

const NO_BODY: Framing = { kind: "none" };
const CHUNKED: Framing = { kind: "chunked" };

/** Where the body ends, or why nobody can say (RFC 9112, 6.3). */
function framingOf(fields: readonly Field[], version: string): Framing {
  let length: string | undefined;
  let coding: string | undefined;
  for (const [name, value] of fields) {
    if (name.length === 14 && name.toLowerCase() === "content-length") {
      if (length !== undefined) throw refusal("it has two lengths");
      length = value;
    } else if (name.length === 17 && name.toLowerCase() === "transfer-encoding") {
      if (coding !== undefined) throw refusal("it has two transfer codings");
      coding = value;
    }
  }
  if (coding !== undefined) {
    if (length !== undefined) throw refusal("it has a length and a transfer coding");
    if (version === "1.0") throw new HttpError(400, "HTTP/1.0 has no Transfer-Encoding");
    if (coding.toLowerCase() === "chunked") return CHUNKED;
    throw new HttpError(501, `Transfer-Encoding: ${coding} is not known here`);
  }
  if (length === undefined) return NO_BODY;
  const count = Number(length);
  if (!/^\d+$/.test(length) || !Number.isSafeInteger(count)) {
    throw refusal(`${shown(length)} is no length`);
  }
  return { kind: "sized", length: count };
}

/** The answer to bytes that are no request. */
export function refusal(why: string): HttpError {
  return new HttpError(400, `Not a request that can be understood: ${why}`);
}

function shown(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
