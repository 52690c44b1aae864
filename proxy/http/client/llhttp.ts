/**
 * llhttp, the parser of Node, as the WebAssembly that undici carries.
 *
 * A single instance serves all connections: `execute` is synchronous, and each message
 * under way has a {@linkcode Parser} of some hundred bytes, which goes back for the next
 * message.
 *
 * @module
 */
import binary from "undici/lib/llhttp/llhttp_simd-wasm.js";
import { textOf } from "../bytes.ts";
import { PartGatherer } from "../parts.ts";

/** `HTTP_REQUEST` of llhttp's API. */
const REQUEST = 1;
/** `HPE_PAUSED`: returned by a callback to stop right there. */
const PAUSED = 21;
/** Bytes that are looked at in a go. */
const WINDOW = 65_536;
/** Pieces of a body after which `execute` returns: chunks may have a byte each. */
const MOST_PIECES = 1024;

/** The part of llhttp's API (`llhttp.h`) that is used; pointers are numbers. */
interface Llhttp {
  readonly memory: WebAssembly.Memory;
  _initialize(): void;
  malloc(size: number): number;
  llhttp_alloc(type: number): number;
  llhttp_free(parser: number): void;
  llhttp_reset(parser: number): void;
  llhttp_resume(parser: number): void;
  llhttp_execute(parser: number, bytes: number, length: number): number;
  llhttp_get_error_pos(parser: number): number;
  llhttp_get_error_reason(parser: number): number;
}

/** Whose bytes are being looked at. */
let current: Parser;

const llhttp = load();
const input = llhttp.malloc(WINDOW);
/** Made anew when the memory grows. */
let window = new Uint8Array(llhttp.memory.buffer, input, WINDOW);

function load(): Llhttp {
  const nothing = () => 0;
  const env = {
    wasm_on_message_begin: nothing,
    wasm_on_url: nothing,
    wasm_on_status: nothing,
    wasm_on_header_field: (_: number, at: number, length: number) =>
      current.onName(at - input, length),
    wasm_on_header_value: (_: number, at: number, length: number) =>
      current.onValue(at - input, length),
    wasm_on_headers_complete: () => current.onHead(),
    wasm_on_body: (_: number, at: number, length: number) =>
      current.onBody(at - input, length),
    wasm_on_message_complete: () => current.onEnd(),
  };
  const module = new WebAssembly.Module(binary as unknown as BufferSource);
  const { exports } = new WebAssembly.Instance(module, { env });
  const loaded = exports as unknown as Llhttp;
  loaded._initialize();
  return loaded;
}

/** Why llhttp does not go on. */
function reasonOf(parser: number): string {
  const memory = new Uint8Array(llhttp.memory.buffer);
  const at = llhttp.llhttp_get_error_reason(parser);
  return textOf(memory.subarray(at, memory.indexOf(0, at)));
}

const free: Parser[] = [];
/** Parsers that wait for their next message. */
const MOST_FREE = 256;

/** Reads a request, strictly: no lenient flag is ever set. */
export class Parser {
  readonly #pointer = llhttp.llhttp_alloc(REQUEST);
  /** Names and values by turns: of the head, then of the trailer. */
  raw: string[] = [];
  /** Parts of the body, as subarrays of the bytes given last; small parts are joined. */
  parts: Uint8Array[] = [];
  /** Why the bytes are no request. */
  refusal: string | undefined;
  #stage: "head" | "headEnded" | "body" | "ended" = "head";
  #given: Uint8Array = window;
  #offset = 0;
  #length = 0;
  #text: string | undefined;
  #isValue = true;
  #gatherer = new PartGatherer();
  #pieces = 0;

  /** A parser for a message; give it back with {@linkcode release}. */
  static take(): Parser {
    return free.pop() ?? new Parser();
  }

  /** Gives the parser back; nothing may be done with it afterwards. */
  release(): void {
    if (free.length === MOST_FREE) return llhttp.llhttp_free(this.#pointer);
    llhttp.llhttp_reset(this.#pointer);
    this.raw = [];
    this.parts = [];
    this.refusal = undefined;
    this.#stage = "head";
    this.#given = window;
    this.#isValue = true;
    this.#gatherer = new PartGatherer();
    free.push(this);
  }

  /** Whether the head is complete. */
  get hasHead(): boolean {
    return this.#stage !== "head";
  }

  /** Whether the message is complete. */
  get hasEnded(): boolean {
    return this.#stage === "ended";
  }

  /**
   * Looks at bytes, up to the end of the head or of the message, less far in very many
   * chunks; how many these are.
   */
  execute(bytes: Uint8Array): number {
    let done = 0;
    this.#pieces = 0;
    const before = this.#stage;
    do {
      const part = bytes.subarray(done, done + WINDOW);
      done += this.#execute(part, bytes, done);
    } while (
      done < bytes.length && this.#stage === before && !this.refusal &&
      this.#pieces < MOST_PIECES
    );
    this.#gatherer.flush(this.parts);
    return done;
  }

  #execute(part: Uint8Array, given: Uint8Array, offset: number): number {
    if (window.length === 0) {
      window = new Uint8Array(llhttp.memory.buffer, input, WINDOW);
    }
    window.set(part);
    current = this;
    this.#given = given;
    this.#offset = offset;
    this.#length = part.length;
    this.#text = undefined;
    if (this.#stage === "headEnded") {
      this.#stage = "body";
      llhttp.llhttp_resume(this.#pointer);
    }
    const result = llhttp.llhttp_execute(this.#pointer, input, part.length);
    if (result === 0) return part.length;
    const done = llhttp.llhttp_get_error_pos(this.#pointer) - input;
    if (result !== PAUSED) this.refusal = reasonOf(this.#pointer);
    return done;
  }

  /** Called by llhttp. */
  onName(at: number, length: number): number {
    if (this.#isValue) this.raw.push("");
    this.#isValue = false;
    this.raw[this.raw.length - 1] += this.#slice(at, length);
    return 0;
  }

  /** Called by llhttp. */
  onValue(at: number, length: number): number {
    if (!this.#isValue) this.raw.push("");
    this.#isValue = true;
    this.raw[this.raw.length - 1] += this.#slice(at, length);
    return 0;
  }

  /** Called by llhttp. */
  onHead(): number {
    this.#stage = "headEnded";
    return PAUSED;
  }

  /** Called by llhttp. */
  onBody(at: number, length: number): number {
    const from = this.#offset + at;
    this.#pieces++;
    this.#gatherer.add(this.#given, from, from + length, this.parts);
    return 0;
  }

  /** Called by llhttp. */
  onEnd(): number {
    this.#stage = "ended";
    return PAUSED;
  }

  #slice(at: number, length: number): string {
    const text = this.#text ??= textOf(window.subarray(0, this.#length));
    return text.slice(at, at + length);
  }
}
