/**
 * The program at a terminal: a pseudo terminal of python3, typed into and read by a test.
 *
 * @module
 */
import { CLI } from "./_run.ts";

/** Joins its input and output to a terminal, and passes the exit status on. */
const PTY = `
import os, pty, sys
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))`;

/** How to run the program. */
export interface TerminalOptions {
  readonly cwd: string;
  /** Further variables of its environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The program with somebody at its terminal. */
export class Terminal {
  readonly #child: Deno.ChildProcess;
  readonly #keyboard: WritableStreamDefaultWriter<Uint8Array>;
  readonly #ended: Promise<void>;
  #changed = Promise.withResolvers<void>();
  #isOver = false;
  #screen = "";
  #read = 0;

  constructor(args: readonly string[], { cwd, env = {} }: TerminalOptions) {
    const program = [Deno.execPath(), "run", "--quiet", "-A", CLI, ...args];
    this.#child = new Deno.Command("python3", {
      args: ["-c", PTY, ...program],
      cwd,
      env: { NO_COLOR: "1", ...env },
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#keyboard = this.#child.stdin.getWriter();
    this.#ended = this.#collect();
  }

  /** All output and typed text. */
  get screen(): string {
    return this.#screen;
  }

  async type(text: string): Promise<void> {
    await this.#keyboard.write(new TextEncoder().encode(text));
  }

  /** Waits until the text since the last match matches. */
  async shows(pattern: RegExp, limitMs = 20_000): Promise<void> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(this.#lacks(pattern)), limitMs);
    try {
      for (;;) {
        const match = pattern.exec(this.#screen.slice(this.#read));
        if (match) {
          this.#read += match.index + match[0].length;
          return;
        }
        if (this.#isOver) throw this.#lacks(pattern);
        await Promise.race([this.#changed.promise, late.promise]);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Waits for the end of the program and gives its exit status. */
  async end(limitMs = 20_000): Promise<number> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.#hangUp();
    }, limitMs);
    const { code } = await this.#child.status;
    await this.#ended;
    clearTimeout(timer);
    await this.#keyboard.close().catch(() => {});
    if (isLate) throw new Error(`the program did not end:\n${this.#screen}`);
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#hangUp();
    await this.end();
  }

  /** With its terminal, the program loses its user and ends. */
  #hangUp(): void {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // The program has ended.
    }
  }

  async #collect(): Promise<void> {
    for await (const text of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      this.#screen += text;
      this.#notify();
    }
    this.#isOver = true;
    this.#notify();
  }

  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  #lacks(pattern: RegExp): Error {
    return new Error(`the terminal never showed ${pattern}:\n${this.#screen}`);
  }
}
