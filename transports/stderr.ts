/**
 * Lines of a command's standard error: each passed on as it comes, the last ones kept for
 * the message that says why a link ended.
 *
 * @module
 */

/** Lines that are kept. */
const KEPT_LINES = 20;
/** Characters after which a line is cut, so that endless output without line ends stays bounded. */
const LINE_LIMIT = 2000;

/** Splits text into lines and remembers the last 20. */
export class StderrTail {
  readonly #log: (line: string) => void;
  readonly #lines: string[] = [];
  #rest = "";

  /** Passes each complete line, without its end, to `log`. */
  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  /** The last lines so far, oldest first. */
  get lines(): readonly string[] {
    return [...this.#lines];
  }

  /** Reads to the end or until the reader is cancelled. Never rejects. */
  async read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    try {
      for (let result; !(result = await reader.read()).done;) {
        this.#push(decoder.decode(result.value, { stream: true }));
      }
    } catch {
      // Text for people is not worth ending a link over.
    }
    this.#push(decoder.decode());
    if (this.#rest) this.#line(this.#rest);
    this.#rest = "";
  }

  #push(text: string): void {
    // A carriage return is how progress displays overwrite their line.
    const parts = (this.#rest + text).split(/\r?\n|\r(?!$)/);
    this.#rest = parts.pop()!;
    for (const part of parts) this.#line(part);
    while (this.#rest.length > LINE_LIMIT) {
      this.#line(this.#rest.slice(0, LINE_LIMIT));
      this.#rest = this.#rest.slice(LINE_LIMIT);
    }
  }

  #line(text: string): void {
    const line = text.trimEnd().slice(0, LINE_LIMIT);
    if (!line) return;
    this.#lines.push(line);
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
    this.#log(line);
  }
}
