/**
 * Runs the program as users do: another process, whose output and status count.
 *
 * @module
 */

/** The program. */
export const CLI = new URL("../cli.ts", import.meta.url).href;

/** The result of a run. */
export interface Result {
  /** The exit status. */
  readonly status: number;
  /** All of standard output. */
  readonly stdout: string;
  /** All of standard error. */
  readonly stderr: string;
}

/** How to run the program. */
export interface RunOptions {
  /** The folder to run in. */
  readonly cwd?: string | URL;
  /** The text on standard input. */
  readonly stdin?: string;
  /** Further variables of its environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** The longest time that a run may take. */
  readonly limitMs?: number;
}

/** The program as a command, with its streams piped. */
export function norouter(
  args: readonly string[],
  { cwd, env = {} }: Pick<RunOptions, "cwd" | "env"> = {},
): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", CLI, ...args],
    ...(cwd && { cwd }),
    env: { NO_COLOR: "1", ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
}

/** Runs the program to its end, which has to come before the limit. */
export async function run(
  args: readonly string[],
  { stdin = "", limitMs = 20_000, ...options }: RunOptions = {},
): Promise<Result> {
  const child = norouter(args, options).spawn();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill("SIGTERM");
  }, limitMs);
  const [output] = await Promise.all([child.output(), feed(child.stdin, stdin)]);
  clearTimeout(timer);
  const decoder = new TextDecoder();
  if (isLate) {
    const what = `norouter ${args.join(" ")}`;
    throw new Error(`${what} did not end:\n${decoder.decode(output.stderr)}`);
  }
  return {
    status: output.code,
    stdout: decoder.decode(output.stdout),
    stderr: decoder.decode(output.stderr),
  };
}

async function feed(stdin: WritableStream<Uint8Array>, text: string): Promise<void> {
  const writer = stdin.getWriter();
  try {
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
  } catch {
    // A program may end without reading its input.
  }
}

/** Calls `use` with a folder that holds these files. */
export async function withFiles<T>(
  files: Readonly<Record<string, string>>,
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    return await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The running program. */
export class Running {
  readonly #child: Deno.ChildProcess;
  readonly #ended: Promise<void>;
  #changed = Promise.withResolvers<void>();
  #over = false;
  #stderr = "";

  /** The folder in which it runs. */
  readonly cwd: string | URL;

  /** Starts the program. */
  constructor(args: readonly string[], cwd: string | URL) {
    this.cwd = cwd;
    this.#child = norouter(args, { cwd }).spawn();
    this.#ended = this.#collect();
  }

  /** The process. */
  get pid(): number {
    return this.#child.pid;
  }

  /** All of stderr so far. */
  get stderr(): string {
    return this.#stderr;
  }

  /** Waits until stderr matches. */
  async line(pattern: RegExp, limitMs = 20_000): Promise<void> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(this.#lacks(pattern)), limitMs);
    try {
      while (!pattern.test(this.#stderr)) {
        if (this.#over) throw this.#lacks(pattern);
        await Promise.race([this.#changed.promise, late.promise]);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Sends a signal. */
  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Kills the program, unless already ended. */
  kill(): void {
    try {
      this.signal("SIGKILL");
    } catch {
      // The program has ended.
    }
  }

  /** Waits for its end and gives its exit status. */
  async end(): Promise<number> {
    const { code } = await this.#child.status;
    await this.#ended;
    return code;
  }

  async #collect(): Promise<void> {
    this.#child.stdin.close();
    const drained = this.#child.stdout.pipeTo(new WritableStream());
    for await (const text of this.#child.stderr.pipeThrough(new TextDecoderStream())) {
      this.#stderr += text;
      this.#notify();
    }
    await drained;
    this.#over = true;
    this.#notify();
  }

  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  #lacks(pattern: RegExp): Error {
    return new Error(`stderr never matched ${pattern}:\n${this.#stderr}`);
  }
}
