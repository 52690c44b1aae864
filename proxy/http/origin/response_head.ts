/**
 * Reads the head of a server's answer: as tolerantly as curl, so that a server that works
 * without the proxy works with it.
 *
 * No parser that is to be had takes all of this, so the head is read here. Whatever is
 * odd is mended or refused: the head for the client is written anew, in plain form, and
 * where the body ends is decided once.
 *
 * @module
 */
import { STATUS_CODES } from "node:http";
import { bytesOf } from "../bytes.ts";
import { type Field, trimBlanks } from "../fields.ts";
import type { Framing } from "../framing.ts";

/** The head of an answer. Text is latin1: a character for each byte. */
export interface ResponseHead {
  readonly status: number;
  /**
   * The reason phrase, or the usual phrase in place of text that is none; may be empty.
   */
  readonly phrase: string;
  /** As in `Via`. */
  readonly version: string;
  /**
   * In plain form; several equal lengths are a single field, beside chunks there is none.
   */
  readonly fields: readonly Field[];
  readonly framing: Framing;
  /** Whether the connection may be used again behind the body. */
  readonly isKept: boolean;
}

/** Why an answer cannot be passed on. */
export class ResponseError extends Error {
  override readonly name = "ResponseError";
}

const LF = 10;
const CR = 13;
/**
 * Lines of a head; curl takes no more fields either, each of which costs far more than
 * its bytes.
 */
const MOST_LINES = 5000;

/** Finds the end of a head that comes in pieces. */
export class HeadEnd {
  /** Where the line begins that was not ended yet. */
  #line = 0;
  #at = 0;

  /** The bytes up to behind the empty line; undefined if that is not there yet. */
  find(bytes: Uint8Array): number | undefined {
    for (;;) {
      const end = bytes.indexOf(LF, this.#at);
      if (end < 0) {
        this.#at = bytes.length;
        return undefined;
      }
      const isEmpty = end === this.#line ||
        end === this.#line + 1 && bytes[this.#line] === CR;
      if (isEmpty && this.#line > 0) return end + 1;
      this.#line = this.#at = end + 1;
    }
  }
}

const STATUS_LINE = /^HTTP\/(1\.[0-9])[ \t]+([0-9]{3})(?![0-9])[ \t]*([^]*)$/;
/** Characters of a reason phrase (RFC 9112, 4). */
const PHRASE = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * Reads a head. `method` is that of the request. Throws a {@linkcode ResponseError} if
 * nobody can say its meaning.
 */
export function readResponseHead(text: string, method: string): ResponseHead {
  const lines = text.split("\n", MOST_LINES + 1);
  if (lines.length > MOST_LINES) {
    throw new ResponseError(`its header has more than ${MOST_LINES} lines`);
  }
  const first = withoutCr(lines[0]!);
  const [, version, digits, phrase = ""] = STATUS_LINE.exec(first) ?? [];
  if (version === undefined) throw noStatus(first);
  const status = Number(digits);
  const message = new FramingFields();
  const fields: Field[] = [];
  for (const [name, value] of readFieldLines(lines, 1)) {
    if (message.take(name, value)) fields.push([name, value]);
  }
  const isBodiless = method === "HEAD" || status < 200 || status === 204 ||
    status === 304;
  const framing = message.framing(isBodiless);
  if (
    framing.kind !== "chunked" && message.length !== undefined && status >= 200 &&
    status !== 204
  ) {
    fields.push(["Content-Length", `${message.length}`]);
  }
  return {
    status,
    phrase: PHRASE.test(phrase) ? phrase.trimEnd() : STATUS_CODES[status] ?? "",
    version,
    fields,
    framing,
    isKept: framing.kind !== "closing" && message.isKept(version),
  };
}

/** The beginning of every answer. */
const BEGINNING = bytesOf("HTTP/1.");

/** Whether bytes can still become the beginning of an answer. */
export function mayBegin(bytes: Uint8Array): boolean {
  for (let at = 0; at < BEGINNING.length && at < bytes.length; at++) {
    if (bytes[at] !== BEGINNING[at]) return false;
  }
  return true;
}

/** The error for something else than an answer. */
export function noStatus(line: string): ResponseError {
  return new ResponseError(`${shown(line)} is no status line of HTTP/1`);
}

/**
 * Reads lines of fields from `from` on: folded lines are joined, blanks before a colon
 * removed (RFC 9112, 5.1 and 5.2), and lines that name no field left out.
 */
export function readFieldLines(lines: readonly string[], from: number): Field[] {
  const fields: Field[] = [];
  let name: string | undefined; // of the field that a line may be folded on to
  let parts: string[] = [];
  const end = () => {
    if (name !== undefined) fields.push([name, trimBlanks(parts.join(" "))]);
  };
  for (let at = from; at < lines.length; at++) {
    const line = withoutCr(lines[at]!);
    if (line === "") continue;
    if (line[0] === " " || line[0] === "\t") {
      parts.push(clean(line));
      continue;
    }
    end();
    const colon = line.indexOf(":");
    name = trimBlanks(line.slice(0, Math.max(colon, 0)));
    if (name === "" || NO_NAME.test(name)) name = undefined;
    parts = [clean(line.slice(colon + 1))];
  }
  end();
  return fields;
}

/** Control characters, which no two readers take for the same. */
// deno-lint-ignore no-control-regex -- these are meant
const NO_NAME = /[\x00-\x1f\x7f]/;

/**
 * A value without outer blanks; characters that could end a line are blanks (RFC 9110,
 * 5.5).
 */
function clean(value: string): string {
  return trimBlanks(value.replace(/[\0\r]/g, " "));
}

function withoutCr(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}

/** The fields that speak of the body and of the connection. */
class FramingFields {
  length: number | undefined;
  #isChunked = false;
  #isClose = false;
  #isKeepAlive = false;

  /** Takes a field; whether that goes on unchanged. */
  take(name: string, value: string): boolean {
    switch (name.toLowerCase()) {
      case "content-length":
        for (const part of value.split(",")) this.#takeLength(part.trim());
        return false;
      case "transfer-encoding":
        for (const part of value.toLowerCase().split(",")) this.#takeCoding(part.trim());
        return false;
      case "connection":
        for (const part of value.toLowerCase().split(",")) {
          this.#isClose ||= part.trim() === "close";
          this.#isKeepAlive ||= part.trim() === "keep-alive";
        }
    }
    return true;
  }

  #takeLength(text: string): void {
    const length = Number(text);
    if (!/^[0-9]+$/.test(text) || !Number.isSafeInteger(length)) {
      throw new ResponseError(`${shown(text)} is no Content-Length`);
    }
    if (this.length !== undefined && this.length !== length) {
      throw new ResponseError(
        `two values of Content-Length, ${this.length} and ${length}`,
      );
    }
    this.length = length;
  }

  #takeCoding(coding: string): void {
    if (coding === "chunked") this.#isChunked = true;
    else if (coding !== "" && coding !== "identity") {
      throw new ResponseError(`Transfer-Encoding: ${coding} is not known here`);
    }
  }

  framing(isBodiless: boolean): Framing {
    if (isBodiless) return { kind: "none" };
    if (this.#isChunked) return { kind: "chunked" };
    if (this.length !== undefined) return { kind: "sized", length: this.length };
    return { kind: "closing" };
  }

  /** A connection on which two readers could find different ends is not used again. */
  isKept(version: string): boolean {
    if (this.#isClose || this.#isChunked && this.length !== undefined) return false;
    return version === "1.0" ? this.#isKeepAlive && !this.#isChunked : true;
  }
}

function shown(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
