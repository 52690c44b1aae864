/**
 * A process under test: its output kept line by line, waited for and ended by its id.
 *
 * @module
 */
import { TextLineStream } from "./lines.ts";
import type { Namespace } from "./namespace.ts";
import { until, type UntilOptions, within } from "./wait.ts";

export interface ProcessOptions {
  /** The namespace to run in; the machine's own by default. */
  readonly namespace?: Namespace | undefined;
  readonly cwd?: string;
  readonly env?: Record<string, string>;
}

/** Lines kept for the report of a failure; older ones are forgotten. */
const KEPT_LINES = 5_000;

/** A line of output. */
export interface Line {
  readonly stream: "out" | "err";
  readonly text: string;
}

/** A process whose output is kept and which is ended and waited for with its scope. */
export class Process implements AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  /** Settles once the process has ended; its output may still be arriving. */
  readonly exited: Promise<Deno.CommandStatus>;
  #status: Deno.CommandStatus | undefined;
  readonly #lines: Line[] = [];
  #forgotten = 0;
  readonly #pumps: Promise<unknown>;
  #complete = false;
  readonly #stop = new AbortController();

  constructor(name: string, command: readonly string[], options: ProcessOptions = {}) {
    const { namespace, ...rest } = options;
    const [program, ...args] = namespace?.command(...command) ?? command;
    const child = new Deno.Command(program!, {
      args,
      ...rest,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.name = name;
    this.pid = child.pid;
    this.exited = child.status.then((status) => this.#status = status);
    this.#pumps = Promise.all([
      this.#keep("out", child.stdout),
      this.#keep("err", child.stderr),
    ]).then(() => this.#complete = true);
  }

  async #keep(stream: Line["stream"], readable: ReadableStream<Uint8Array>) {
    try {
      const lines = readable.pipeThrough(new TextDecoderStream(), {
        signal: this.#stop.signal,
      }).pipeThrough(new TextLineStream());
      for await (const text of lines) {
        this.#lines.push({ stream, text });
        if (this.#lines.length > KEPT_LINES) {
          this.#lines.shift();
          this.#forgotten++;
        }
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error;
    }
  }

  get hasExited(): boolean {
    return this.#status !== undefined;
  }

  /** Whether the process has ended and all its output is here. */
  get isComplete(): boolean {
    return this.hasExited && this.#complete;
  }

  /** How many lines came so far; for {@linkcode line}, to look only at later lines. */
  get mark(): number {
    return this.#forgotten + this.#lines.length;
  }

  /** The lines after `mark`, as text. */
  since(mark: number = 0): string {
    return this.#lines.slice(Math.max(0, mark - this.#forgotten)).map(({ text }) => text)
      .join("\n");
  }

  /** Everything kept, for people: streams and texts. */
  get transcript(): string {
    const end = this.#status === undefined
      ? "still running"
      : `ended with ${this.#status.signal ?? this.#status.code}`;
    const lines = this.#lines.map(({ stream, text }) => `  ${stream} ${text}`);
    return [`--- ${this.name} (process ${this.pid}, ${end})`, ...lines].join("\n");
  }

  /** Waits for a line that matches, on either stream; fails if the process ends without. */
  async line(
    pattern: RegExp,
    { after = 0, ...options }: UntilOptions & { after?: number } = {},
  ): Promise<RegExpMatchArray> {
    return await until(`a line like ${pattern} from ${this.name}`, () => {
      const ended = this.isComplete;
      for (const { text } of this.#lines.slice(Math.max(0, after - this.#forgotten))) {
        const match = text.match(pattern);
        if (match) return match;
      }
      if (ended) throw new Error(`${this.name} ended without a line like ${pattern}`);
      return undefined;
    }, options);
  }

  /** Sends a signal; a process that has ended already is left in peace. */
  signal(signal: Deno.Signal): void {
    if (!this.hasExited) kill(this.pid, signal);
  }

  /** Waits for the end; all of the output is there afterwards. */
  async end(limitMs?: number): Promise<Deno.CommandStatus> {
    const status = await within(`the end of ${this.name}`, this.exited, limitMs);
    await this.#settled();
    return status;
  }

  /** Lets the output arrive; a grandchild that holds the pipe open is not waited for long. */
  async #settled(): Promise<void> {
    const timer = setTimeout(() => this.#stop.abort(), 1_000);
    try {
      await this.#pumps;
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.hasExited) {
      this.signal("SIGTERM");
      const timer = setTimeout(() => this.signal("SIGKILL"), 2_500);
      // A stopped process takes no SIGTERM until SIGCONT.
      this.signal("SIGCONT");
      await this.exited;
      clearTimeout(timer);
    }
    await this.#settled();
  }
}

/** Sends a signal to a process that may have ended in this moment. */
export function kill(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Runs a command to its end and gives its output; fails unless the status is 0. */
export async function run(
  command: readonly string[],
  options: ProcessOptions = {},
): Promise<string> {
  await using process = new Process(command.join(" "), command, options);
  const { success } = await process.end(60_000);
  if (!success) throw new Error(`A command failed\n${process.transcript}`);
  return process.since();
}
