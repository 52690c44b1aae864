/**
 * Lines of a command's standard error: each passed on at once, the last lines kept for
 * the message that says why a link ended.
 *
 * @module
 */
import { Turn } from "../../wire/turn.ts";
import { systemPace } from "../../link/pace.ts";

/** Lines that are kept. */
const KEPT_LINES = 20;
/** Characters after which a line is cut; the rest up to its end is left out. */
const LINE_LIMIT = 2000;

/** Splits text into lines and remembers the last 20. */
export class StderrTail {
  readonly #log: (line: string) => void;
  readonly #lines: string[] = [];
  /**
   * The beginning of a line whose end did not come yet, at most {@linkcode LINE_LIMIT}
   * characters.
   */
  #rest = "";
  /** Whether the end of the line is left out that came last. */
  #isCut = false;

  /** Passes each complete line, without its end, to `log`. */
  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  /** The last lines so far, oldest first. */
  get lines(): readonly string[] {
    return [...this.#lines];
  }

  /**
   * Reads to the end or until the reader is cancelled. Never rejects. Output that never
   * ends leaves others their turns.
   */
  async read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    const turn = new Turn(systemPace);
    try {
      for (let result; !(result = await reader.read()).done;) {
        turn.begin();
        this.#push(decoder.decode(result.value, { stream: true }));
        turn.end();
        if (turn.isOver()) await turn.rest();
      }
    } catch {
      // Text for people is not worth ending a link over.
    }
    this.#push(decoder.decode());
    this.#line(this.#rest);
    this.#rest = "";
  }

  #push(text: string): void {
    // A carriage return is how progress displays overwrite their line.
    const parts = (this.#rest + text).split(/\r?\n|\r(?!$)/);
    this.#rest = parts.pop()!;
    for (const part of parts) this.#line(part);
    if (this.#rest.length <= LINE_LIMIT) return;
    this.#line(this.#rest);
    this.#rest = "";
    this.#isCut = true;
  }

  /** The end of a line, or as much of its beginning as is shown. */
  #line(text: string): void {
    if (this.#isCut) {
      this.#isCut = false;
      return;
    }
    const whole = text.trimEnd();
    const line = whole.length > LINE_LIMIT ? `${whole.slice(0, LINE_LIMIT)}…` : whole;
    if (!line) return;
    this.#lines.push(line);
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
    this.#log(line);
  }
}
