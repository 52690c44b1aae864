/**
 * Hosts in memory that say the lines of a test, at the other end of an installation.
 *
 * @module
 */
import { within } from "../tests/harness/scene/wait.ts";
import { memoryLinkPair } from "../link/memory.ts";
import type { Link, LinkExit, OpenContext, Progress } from "../transports/mod.ts";
import { testAgent } from "./_host.ts";
import type { AgentFile } from "./agents.ts";
import { openInstalled } from "./open.ts";

export const WANT = "norouter-install want Linux x86_64 -";
export const SEND = "norouter-install send";
export const START = "norouter-install start /x";

/** A host at the other end of a link in memory. */
export class FakeHost {
  readonly logged: string[] = [];
  readonly progress: Progress[] = [];
  alive = 0;
  readonly near: Link;
  readonly #far: Link;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly stop = new AbortController();
  /** Bytes of the script, once the command is known. */
  readonly #script = Promise.withResolvers<number>();
  /** Bytes taken so far, with the script. */
  #taken = 0;

  constructor(exit?: Partial<LinkExit>) {
    const [near, far] = memoryLinkPair({ bufferBytes: 64 * 1024 });
    const closed = near.closed.then((it) => ({ ...it, ...exit }));
    this.near = { ...near, closed };
    this.#far = far;
    this.#writer = far.writable.getWriter();
    this.stop.signal.addEventListener("abort", () => near.abort("no longer wanted"));
  }

  say(...lines: string[]): Promise<void> {
    return this.write(lines.map((line) => `${line}\n`).join(""));
  }

  write(text: string): Promise<void> {
    return this.#writer.write(new TextEncoder().encode(text));
  }

  /** Ends its output and takes nothing more. */
  async end(): Promise<void> {
    await this.#writer.close().catch(() => {});
    await this.#far.readable.cancel().catch(() => {});
  }

  /** Takes bytes behind the script until `count` are there, then lets the rest wait. */
  async take(count: number): Promise<Uint8Array> {
    const script = await this.#script.promise;
    const reader = this.#far.readable.getReader();
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    for (let got = 0; got < count;) {
      const { value, done } = await within("bytes", reader.read());
      if (done) throw new Error(`the link ended after ${got} of ${count} bytes`);
      const own = value.subarray(Math.max(0, script - this.#taken));
      this.#taken += value.length;
      chunks.push(own);
      got += own.length;
    }
    reader.releaseLock();
    return await new Blob(chunks).bytes();
  }

  get context(): OpenContext {
    return {
      host: "web",
      signal: this.stop.signal,
      log: (line) => this.logged.push(line),
      alive: () => this.alive++,
      progress: (progress) => this.progress.push(progress),
    };
  }

  open(file: AgentFile = testAgent(), context = this.context): Promise<Link> {
    const transport = {
      name: "fake",
      parse: (spec: unknown) => spec,
      describe: () => "a fake",
      open: () => Promise.reject(new Error("not by this")),
      exec: (_: unknown, words: readonly string[]) => {
        this.#script.resolve(Number(/head -c (\d+)/.exec(words.join())![1]));
        return Promise.resolve(this.near);
      },
    };
    const opening = openInstalled(
      transport,
      {},
      { mode: "auto", files: { x64: file } },
      context,
    );
    return within("a link", opening);
  }
}
