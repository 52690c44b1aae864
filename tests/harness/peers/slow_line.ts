/**
 * A slow line in front of a command, with the large buffers that such lines have:
 * `slow_line.ts BYTES_PER_MS FILE COMMAND…`.
 *
 * Takes what comes at once, up to 1 MiB in each direction, and passes it on at the rate.
 * Twice a second FILE gets a line of JSON: the most bytes that lay in the line since the
 * line before, and the bytes passed on, each up (to the command) and down.
 *
 * @module
 */

/** Bytes that the line holds in a direction. */
const BUFFER_BYTES = 1 << 20;
const TICK_MS = 4;
const TELL_MS = 500;

/** The state of the line in half a second. */
export interface LineReport {
  readonly up: { readonly most: number; readonly passed: number };
  readonly down: { readonly most: number; readonly passed: number };
}

class Direction {
  #held: Uint8Array[] = [];
  #bytes = 0;
  #credit = 0;
  #isEnded = false;
  #hasRoom: (() => void) | undefined;
  most = 0;
  passed = 0;

  async fill(from: ReadableStream<Uint8Array>): Promise<void> {
    for await (const chunk of from) {
      this.#held.push(chunk);
      this.#bytes += chunk.length;
      this.most = Math.max(this.most, this.#bytes);
      if (this.#bytes < BUFFER_BYTES) continue;
      await new Promise<void>((resolve) => this.#hasRoom = resolve);
    }
    this.#isEnded = true;
  }

  /** Passes on at `rate` bytes a millisecond until all is over. */
  async drain(to: WritableStream<Uint8Array>, rate: number): Promise<void> {
    const writer = to.getWriter();
    let last = performance.now();
    while (!this.#isEnded || this.#bytes > 0) {
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
      const now = performance.now();
      this.#credit = Math.min(this.#credit + (now - last) * rate, 64 * 1024);
      last = now;
      while (this.#credit >= 1 && this.#bytes > 0) await this.#pass(writer);
    }
    await writer.close();
  }

  async #pass(writer: WritableStreamDefaultWriter<Uint8Array>): Promise<void> {
    const first = this.#held[0]!;
    const part = first.subarray(0, Math.floor(this.#credit));
    if (part.length === first.length) this.#held.shift();
    else this.#held[0] = first.subarray(part.length);
    this.#credit -= part.length;
    this.#bytes -= part.length;
    this.passed += part.length;
    if (this.#bytes < BUFFER_BYTES) this.#hasRoom?.();
    await writer.write(part);
  }

  /** What happened since the last call. */
  report(): { most: number; passed: number } {
    const { most, passed } = this;
    this.most = this.#bytes;
    this.passed = 0;
    return { most, passed };
  }
}

if (import.meta.main) {
  const [rate, file, program, ...args] = Deno.args;
  const child = new Deno.Command(program!, { args, stdin: "piped", stdout: "piped" })
    .spawn();
  const up = new Direction();
  const down = new Direction();
  setInterval(() => {
    const report: LineReport = { up: up.report(), down: down.report() };
    Deno.writeTextFileSync(file!, JSON.stringify(report) + "\n", { append: true });
  }, TELL_MS);
  up.fill(Deno.stdin.readable);
  down.fill(child.stdout);
  up.drain(child.stdin, Number(rate)).catch(() => {});
  await down.drain(Deno.stdout.writable, Number(rate)).catch(() => {});
  Deno.exit((await child.status).code);
}
