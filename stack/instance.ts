/**
 * An instance of `lwip.wasm`: its memory, its functions, and its end if a function traps.
 *
 * A trap leaves the memory in the middle of a change, so the instance is over: from then
 * on every function throws the same error, and nothing of the module runs any more.
 *
 * @module
 */
import type { StackExports } from "./abi.ts";

const REPLY_WORDS = 4;
const TURNED_AWAY_WORDS = 2;

/** See the head of this file. */
export class Instance {
  /** All memory of the instance; its size never changes, so views stay valid. */
  readonly memory: Uint8Array<ArrayBuffer>;
  /** The module's functions, each of which throws once the instance is broken. */
  readonly exports: StackExports;
  /** Results of the last call besides its value. */
  readonly reply: Uint32Array;
  /** How many SYNs were dropped for their host's share, and the last such host. */
  readonly turnedAway: Uint32Array;
  readonly #onBroken: (error: Error) => void;
  #broken: Error | undefined;

  /** `onBroken` is called once, from within the call that trapped, before that throws. */
  constructor(module: WebAssembly.Module, onBroken: (error: Error) => void) {
    this.#onBroken = onBroken;
    this.exports = this.#guarded(new WebAssembly.Instance(module, {}).exports);
    const buffer = this.exports.memory.buffer as ArrayBuffer;
    this.memory = new Uint8Array(buffer);
    const words = (at: number, count: number) => new Uint32Array(buffer, at, count);
    this.reply = words(this.exports.reply_address(), REPLY_WORDS);
    this.turnedAway = words(this.exports.turned_away_address(), TURNED_AWAY_WORDS);
  }

  /** Why the instance broke; undefined while intact. */
  get broken(): Error | undefined {
    return this.#broken;
  }

  #guarded(exports: WebAssembly.Exports): StackExports {
    type Call = (...args: (number | undefined)[]) => number;
    const guarded: Record<string, unknown> = {};
    for (const [name, member] of Object.entries(exports)) {
      const call = member as Call;
      guarded[name] = typeof member !== "function"
        ? member
        : (a?: number, b?: number, c?: number, d?: number, e?: number, f?: number) => {
          if (this.#broken) throw this.#broken;
          try {
            return call(a, b, c, d, e, f);
          } catch (cause) {
            throw this.#breakDown(exports["panic_text"] as Call, cause);
          }
        };
    }
    return guarded as unknown as StackExports;
  }

  #breakDown(panicText: () => number, cause: unknown): Error {
    const at = panicText();
    const text = at === 0
      ? String(cause)
      : new TextDecoder().decode(this.memory.slice(at, this.memory.indexOf(0, at)));
    this.#broken = new Error(`The TCP/IP stack stopped: ${text}`, { cause });
    this.#onBroken(this.#broken);
    return this.#broken;
  }
}
