/**
 * Programs with and without a terminal.
 *
 * Tests may be started from a terminal, or not.
 *
 * @module
 */
import { join } from "shlex";
import type { Namespace } from "./namespace.ts";
import { until } from "./wait.ts";

/** A namespace whose programs have no terminal to ask on. */
export function withoutTerminal(namespace: Namespace): Namespace {
  return {
    name: namespace.name,
    command: (...words) => namespace.command("setsid", "--wait", ...words),
    limitKernelBuffers: () => namespace.limitKernelBuffers(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** A program on a terminal of its own, with a screen to read and a keyboard. */
export class Terminal implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #pump: Promise<void>;
  #screen = "";
  #read = 0;

  constructor(command: readonly string[], namespace: Namespace) {
    const [program, ...args] = namespace.command(
      ...[
        "script",
        "--quiet",
        "--flush",
        "--return",
        "--command",
        `exec ${join([...command])}`,
      ],
      "/dev/null",
    );
    this.#child = new Deno.Command(program!, {
      args,
      env: { NO_COLOR: "1", SHELL: "/bin/sh" },
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#pump = this.#keep();
  }

  async #keep(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.#child.stdout) {
      this.#screen += decoder.decode(chunk, { stream: true });
    }
  }

  /** Everything that was shown. */
  get screen(): string {
    return this.#screen;
  }

  /** Waits until `pattern` is shown, behind the previous match. */
  async shows(pattern: RegExp): Promise<void> {
    await until(`${pattern} on the terminal`, () => {
      const match = pattern.exec(this.#screen.slice(this.#read));
      if (match) this.#read += match.index + match[0].length;
      return match;
    }).catch((error) => {
      throw new Error(`${error.message}; it shows:\n${this.#screen}`);
    });
  }

  /** Types a line. */
  async type(line: string): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(line + "\n"));
  }

  /** Types Ctrl-C, and waits for the end. */
  async interrupt(): Promise<Deno.CommandStatus> {
    await this.#writer.write(Uint8Array.of(3));
    return await this.#child.status;
  }

  /** The terminal vanishes, as by a lost connection or a closed window. */
  hangUp(): Promise<void> {
    return this.#end("SIGKILL");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#end("SIGTERM");
  }

  async #end(signal: Deno.Signal): Promise<void> {
    await this.#writer.close().catch(() => {});
    try {
      this.#child.kill(signal);
    } catch { /* It has ended. */ }
    await this.#child.status;
    await this.#pump;
  }
}
