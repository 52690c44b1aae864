/**
 * The only way by which text reaches standard error and standard output.
 *
 * **Nothing waits for a log line.** A terminal that Ctrl-S stopped, or a pipe that nobody
 * reads, would otherwise stop the mesh. Lines wait in a queue of 256 KiB and are written
 * a write at a time by another thread; lines that find no room are lost, and counted.
 *
 * **Nothing fails by a log line.** A line that cannot be written, because the disk is
 * full or the terminal is gone, stays in the queue and is tried again, at most every 5 s.
 * Once writing works again, a line tells how many were lost meanwhile.
 *
 * **Results are different.** A command waits until its result is written, and is told of
 * a failure: {@linkcode printResult}.
 *
 * Everything is made printable here (`printable.ts`), so callers need not.
 *
 * @module
 */
import { type Piece, render, renderJson } from "./printable.ts";
import { messageOf } from "../../wire/text.ts";

/** Characters that wait for a writer, at most. */
const MOST_WAITING = 256 * 1024;
/** Characters of a write. */
const MOST_AT_ONCE = 16 * 1024;
/** Milliseconds until a failed write is tried again, doubling up to the second. */
const RETRY = [100, 5000] as const;
/** Takes the line at the cursor off a terminal (ECMA-48, 8.3.41). */
const ERASE = "\r\x1b[K";

/** The destination of a writer. */
export interface Stream {
  /** Writes some bytes, and tells how many. */
  write(bytes: Uint8Array): Promise<number>;
  isTerminal(): boolean;
}

/** Lines on their way to a stream. */
export class LineWriter {
  readonly #stream: Stream;
  readonly #encoder = new TextEncoder();
  readonly #waiting: string[] = [];
  #length = 0;
  /** Bytes of the write under way, or of a failed write, that are not written yet. */
  #current: Uint8Array = new Uint8Array();
  #lost = 0;
  #failure: unknown;
  #retryIn: number = RETRY[0];
  #retry: ReturnType<typeof setTimeout> | undefined;
  #isWriting = false;
  /** Lines that are still written while others are held back; absent if none are. */
  #beforeHold: number | undefined;
  #idle = Promise.withResolvers<void>();
  #status = "";
  /** The status line on the terminal. */
  #shown = "";

  /** Whether lines for people are coloured. */
  isColored: boolean;
  /** The line that tells of lost lines; without its end. */
  tellLost: (count: number, why: string) => string = (count, why) =>
    lostLines(count, why);

  constructor(stream: Stream) {
    this.#stream = stream;
    // Colour is for terminals whose users do not object (https://no-color.org).
    this.isColored = stream.isTerminal() && !Deno.noColor;
  }

  /** Lines that were lost and not told yet. */
  get lost(): number {
    return this.#lost;
  }

  /** Writes a line for people; pieces may hold line feeds. */
  line(...pieces: readonly Piece[]): void {
    this.#add(render(pieces, this.isColored) + "\n");
  }

  /** Writes text for people without ending the line: a question. */
  text(...pieces: readonly Piece[]): void {
    this.#add(render(pieces, this.isColored));
  }

  /** Writes a value as a line of JSON. */
  json(value: unknown): void {
    this.#add(renderJson(value) + "\n");
  }

  /**
   * Keeps a line below all others, on a terminal; without pieces that line goes away. The
   * status line is drawn behind the lines that wait, so not while the terminal takes no
   * lines.
   */
  status(...pieces: readonly Piece[]): void {
    this.#status = render(pieces, this.isColored);
    if (this.#status !== this.#shown) this.#pump();
  }

  /**
   * Writes the lines so far and holds back further lines: somebody else asks on the
   * terminal. Lines that find no room meanwhile are lost, as ever.
   */
  hold(): void {
    this.#beforeHold ??= this.#waiting.length;
  }

  /** Writes the lines held back. */
  release(): void {
    this.#beforeHold = undefined;
    this.#pump();
  }

  /** Settles when all is written, or writing fails, or after so many milliseconds. */
  async flush(limitMs = 500): Promise<void> {
    if (!this.#isWriting) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const limit = new Promise<void>((resolve) => timer = setTimeout(resolve, limitMs));
    await Promise.race([this.#idle.promise, limit]);
    clearTimeout(timer);
  }

  #add(text: string): void {
    // A longer text, such as the table of thousands of hosts, may wait alone.
    if (this.#length > 0 && this.#length + text.length > MOST_WAITING) {
      this.#lost++;
      return;
    }
    this.#waiting.push(text);
    this.#length += text.length;
    this.#pump();
  }

  #pump(): void {
    if (this.#isWriting || this.#retry !== undefined) return;
    this.#isWriting = true;
    this.#idle = Promise.withResolvers();
    this.#write();
  }

  /** Never rejects. */
  async #write(): Promise<void> {
    try {
      for (;;) {
        if (this.#current.length === 0) this.#current = this.#take();
        if (this.#current.length === 0) break;
        const count = await this.#stream.write(this.#current);
        this.#current = this.#current.subarray(count);
        this.#retryIn = RETRY[0];
      }
    } catch (error) {
      this.#failure = error;
      this.#retry = setTimeout(() => {
        this.#retry = undefined;
        this.#pump();
      }, this.#retryIn);
      Deno.unrefTimer(this.#retry);
      this.#retryIn = Math.min(RETRY[1], this.#retryIn * 2);
    }
    // In the same turn as the last look, lest a line that comes now waits for the next
    // write.
    this.#isWriting = false;
    this.#idle.resolve();
  }

  /** The bytes of the next write. */
  #take(): Uint8Array {
    let text = "";
    while (
      this.#waiting.length > 0 && text.length < MOST_AT_ONCE && this.#beforeHold !== 0
    ) {
      text += this.#waiting.shift();
      if (this.#beforeHold) this.#beforeHold--;
    }
    this.#length -= text.length;
    if (this.#beforeHold !== undefined) {
      if (text !== "" && this.#shown !== "") text = ERASE + text;
      if (text !== "") this.#shown = "";
      return this.#encoder.encode(text);
    }
    if (this.#waiting.length === 0 && this.#lost > 0) {
      const why = this.#failure
        ? messageOf(this.#failure)
        : "nobody took them, the terminal or the reader of the log stood still";
      text += `${this.tellLost(this.#lost, why)}\n`;
      this.#lost = 0;
    }
    if (this.#lost === 0) this.#failure = undefined;
    if (text !== "" && this.#shown !== "") {
      text = ERASE + text;
      this.#shown = "";
    }
    if (this.#waiting.length === 0 && this.#status !== this.#shown) {
      text += (this.#shown === "" ? "" : ERASE) + this.#status;
      this.#shown = this.#status;
    }
    return this.#encoder.encode(text);
  }
}

/** Log lines, questions, tables: all that is not a result. */
export const stderr: LineWriter = new LineWriter(Deno.stderr);

/** Such as `3 lines were lost: No space left on device (os error 28)`. */
export function lostLines(count: number, why: string): string {
  return `${count} ${count === 1 ? "line was" : "lines were"} lost here: ${why}`;
}

/** A result could not be written, because the reader is gone. */
export class ReaderGoneError extends Error {
  override readonly name = "ReaderGoneError";
}

/**
 * Writes the result of a command to standard output, and settles once written. Text for
 * programs, such as a script, has to be written unchanged: `isExact`.
 *
 * @throws {ReaderGoneError} if the reader went away, as a pager does.
 * @throws {Error} with a message for the user, if the result cannot be written.
 */
export async function printResult(
  text: string,
  { isExact = false }: { readonly isExact?: boolean } = {},
): Promise<void> {
  await stderr.flush(); // keeps the order where both are a terminal
  let bytes = new TextEncoder().encode(isExact ? text : render([text], false));
  let wait: number = RETRY[0];
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(await Deno.stdout.write(bytes));
      wait = RETRY[0];
    } catch (cause) {
      if (cause instanceof Deno.errors.WouldBlock) {
        // Another program made the shared pipe non-blocking.
        await new Promise((resolve) => setTimeout(resolve, wait));
        wait = Math.min(RETRY[1], wait * 2);
        continue;
      }
      if (cause instanceof Deno.errors.BrokenPipe) throw new ReaderGoneError();
      const why = `Cannot write to standard output: ${messageOf(cause)}`;
      throw new Error(why, { cause });
    }
  }
}
