/**
 * The conformance suite of links: the contract of `transports/mod.ts`, as tests that
 * every transport runs against its own links.
 *
 * The author of a transport says how to open a link whose other end is an echo, and the
 * suite registers its tests with `Deno.test`. The test file of a transport that runs
 * commands:
 *
 * ```ts ignore
 * import { conformance, kit } from "@norouter/cli/testing";
 * import plugin from "./chroot.ts"; // of docs/writing-a-transport.md
 *
 * const chroot = plugin(kit);
 * const sh = (script: string) => ["sh", "-c", script];
 * conformance("chroot", {
 *   echo: (context) => chroot.exec({ root: "/" }, sh("exec cat"), context),
 *   failing: (context, lines, status) => {
 *     const script = lines.map((line) => `echo '${line}' >&2\n`).join("");
 *     return chroot.exec({ root: "/" }, sh(`${script}exit ${status}`), context);
 *   },
 * });
 * ```
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Link, OpenContext } from "./mod.ts";

export { kit } from "./plugins/kit.ts";

/** The options of the suite. */
export interface ConformanceSubject {
  /**
   * Opens a link whose other end sends every byte back at once, and ends its output and
   * itself, successfully, when its input ends: `cat`.
   */
  echo(context: OpenContext): Promise<Link>;
  /**
   * Opens a link whose other end writes these lines to its standard error and exits with
   * this status. Left out by a transport that has neither; its tests are then not made.
   */
  failing?(context: OpenContext, lines: readonly string[], status: number): Promise<Link>;
  /**
   * Tests that this transport cannot pass, by name, each with the reason; they are shown
   * as ignored.
   */
  readonly exceptions?: Readonly<Record<string, string>>;
  /** Bytes of the large transfer. Default 16 MiB. */
  readonly largeBytes?: number;
  /** Milliseconds that a test may take. Default 30 000. */
  readonly limit?: number;
}

/** The most a link may take while its other end does not read. */
const BUFFER_LIMIT = 64 << 20;
/**
 * Milliseconds in which an aborted link must be over: the contract's 2 s and some for a
 * busy machine.
 */
const ABORT_LIMIT = 4000;

/** Registers the tests for a kind of link, each named `NAME link: TITLE`. */
export function conformance(name: string, subject: ConformanceSubject): void {
  const limit = subject.limit ?? 30_000;
  const largeBytes = subject.largeBytes ?? 16 << 20;

  const test = (title: string, run: (bench: Bench) => Promise<void>) => {
    const exception = subject.exceptions?.[title];
    Deno.test({
      name: `${name} link: ${title}${exception ? ` (not here: ${exception})` : ""}`,
      ignore: exception !== undefined,
      sanitizeOps: true,
      sanitizeResources: true,
      async fn() {
        const bench = new Bench();
        try {
          await within(limit, title, run(bench));
        } finally {
          await bench.close();
        }
      },
    });
  };
  const echo = async (bench: Bench) => bench.add(await subject.echo(bench.context));

  test("every byte value comes back as it was", async (bench) => {
    const link = await echo(bench);
    const all = Uint8Array.from({ length: 256 }, (_, i) => i);
    await link.writer.write(all.slice());
    assert.deepEqual(await link.read(256), all);
  });

  test("writes of all sizes come back whole and in order", async (bench) => {
    const link = await echo(bench);
    const sizes = [
      1,
      2,
      3,
      7,
      64,
      255,
      4095,
      4096,
      4097,
      65_535,
      65_536,
      65_537,
      100_001,
    ];
    const total = sizes.reduce((sum, size) => sum + size, 0);
    const reading = link.read(total);
    let sent = 0;
    for (const size of sizes) {
      await link.writer.write(pattern(sent, size));
      sent += size;
    }
    assertPattern(await reading, 0);
  });

  test("an empty write changes nothing", async (bench) => {
    const link = await echo(bench);
    await link.writer.write(new Uint8Array(0));
    await link.writer.write(Uint8Array.of(1));
    assert.deepEqual(await link.read(1), Uint8Array.of(1));
  });

  test("a byte written arrives without waiting for more", async (bench) => {
    const link = await echo(bench);
    for (let i = 0; i < 20; i++) {
      await link.writer.write(Uint8Array.of(i));
      assert.deepEqual(await link.read(1), Uint8Array.of(i));
    }
  });

  test("a reader may take a few bytes at a time", async (bench) => {
    const link = await echo(bench);
    await link.writer.write(pattern(0, 1000));
    const received: number[] = [];
    while (received.length < 1000) received.push(...await link.readSome(7));
    assertPattern(Uint8Array.from(received), 0);
  });

  test("a large transfer runs both ways at once", async (bench) => {
    const link = await echo(bench);
    const write = async () => {
      for (let sent = 0; sent < largeBytes; sent += 65_536) {
        await link.writer.write(pattern(sent, Math.min(65_536, largeBytes - sent)));
      }
      await link.writer.close();
    };
    const read = async () => {
      let received = 0;
      for (let chunk; (chunk = await link.readSome(65_536)).length > 0;) {
        assertPattern(chunk, received);
        received += chunk.length;
      }
      assert.equal(received, largeBytes);
    };
    await Promise.all([write(), read()]);
  });

  test("writes wait while the other end is not read, and then go on", async (bench) => {
    const link = await echo(bench);
    let sent = 0;
    const size = 65_536;
    let waiting: Promise<void>;
    for (;;) {
      assert(sent < BUFFER_LIMIT, `${sent} bytes were taken, none was read`);
      waiting = link.writer.write(pattern(sent, size));
      sent += size;
      if (!await settlesWithin(500, waiting)) break;
    }
    assertPattern(await link.read(sent), 0);
    await waiting;
  });

  test("the end of input goes round after the last byte", async (bench) => {
    const link = await echo(bench);
    await link.writer.write(pattern(0, 10_000));
    await link.writer.close();
    assertPattern(await link.read(10_000), 0);
    assert.equal((await link.readSome(1)).length, 0, "nothing after the end");
    assert.equal((await link.readSome(1)).length, 0, "and the end stays");
    assert.equal((await link.closed).ok, true);
  });

  test("an end of input before the first byte ends the link", async (bench) => {
    const link = await echo(bench);
    await link.writer.close();
    assert.equal((await link.readSome(1)).length, 0);
    assert.equal((await link.closed).ok, true);
  });

  test("a write after the end fails", async (bench) => {
    const link = await echo(bench);
    await link.writer.close();
    await link.closed;
    await assert.rejects(link.writer.write(Uint8Array.of(1)));
  });

  test("cancelling the reader does not keep the link from ending", async (bench) => {
    const link = await echo(bench);
    await link.cancel();
    await link.writer.close().catch(() => {});
    await link.closed;
  });

  test("an abort ends a pending read and settles closed with its reason", async (bench) => {
    const link = await echo(bench);
    const reading = link.readSome(1).catch(() => new Uint8Array(0));
    link.abort("enough of this");
    const exit = await within(ABORT_LIMIT, "closed after abort", link.closed);
    assert.equal(exit.ok, false);
    assert.match(exit.reason, /enough of this/);
    assert.equal((await within(ABORT_LIMIT, "a read after abort", reading)).length, 0);
  });

  test("an abort ends a pending write", async (bench) => {
    const link = await echo(bench);
    let waiting: Promise<void>;
    do {
      waiting = link.writer.write(new Uint8Array(1 << 20));
    } while (await settlesWithin(200, waiting));
    link.abort("enough");
    await within(ABORT_LIMIT, "a write after abort", waiting.catch(() => {}));
    await within(ABORT_LIMIT, "closed after abort", link.closed);
  });

  test("an abort again, or after the end, changes nothing", async (bench) => {
    const aborted = await echo(bench);
    aborted.abort("the first reason");
    aborted.abort("the second reason");
    assert.match((await aborted.closed).reason, /the first reason/);

    const ended = await echo(bench);
    await ended.writer.close();
    const exit = await ended.closed;
    ended.abort("too late");
    assert.equal(await ended.closed, exit);
    assert.equal(exit.ok, true);
  });

  test("a signal aborted before keeps the link from opening", async (bench) => {
    bench.controller.abort(new Error("not wanted"));
    // A function that throws at once rejects.
    await assert.rejects(async () => await subject.echo(bench.context));
  });

  test("a signal aborted later aborts the link", async (bench) => {
    const link = await echo(bench);
    bench.controller.abort(new Error("no longer wanted"));
    const exit = await within(ABORT_LIMIT, "closed after the signal", link.closed);
    assert.equal(exit.ok, false);
    assert.match(exit.reason, /no longer wanted/);
  });

  test("two links do not disturb each other", async (bench) => {
    const one = await echo(bench);
    const two = await echo(bench);
    await one.writer.write(Uint8Array.of(1));
    await two.writer.write(Uint8Array.of(2));
    one.abort("only this one");
    await one.closed;
    assert.deepEqual(await two.read(1), Uint8Array.of(2));
    await two.writer.write(Uint8Array.of(3));
    assert.deepEqual(await two.read(1), Uint8Array.of(3));
  });

  if (!subject.failing) return;
  const failing = async (bench: Bench, lines: string[], status: number) =>
    bench.add(await subject.failing!(bench.context, lines, status));

  test("lines of stderr are logged and stand in the exit", async (bench) => {
    const lines = ["No such container: web", "and a second line"];
    const link = await failing(bench, lines, 3);
    const exit = await link.closed;
    assert.deepEqual(bench.logged.slice(-2), lines);
    assert.deepEqual(exit.stderr.slice(-2), lines);
  });

  test("a failure of the other end is told with its status", async (bench) => {
    const exit = await (await failing(bench, [], 3)).closed;
    assert.equal(exit.ok, false);
    assert.equal(exit.status, 3);
    assert.match(exit.reason, /3/);
  });

  test("only the last lines of stderr are kept", async (bench) => {
    const lines = Array.from({ length: 100 }, (_, i) => `line ${i}`);
    const { stderr } = await (await failing(bench, lines, 1)).closed;
    assert(stderr.length > 0 && stderr.length < 100, `${stderr.length} lines`);
    assert.deepEqual(stderr, lines.slice(-stderr.length));
  });
}

/** The things that a test opened, to be closed at its end whatever happened. */
class Bench {
  readonly controller = new AbortController();
  readonly logged: string[] = [];
  readonly context: OpenContext = {
    host: "conformance",
    signal: this.controller.signal,
    log: (line) => this.logged.push(line),
  };
  readonly #ends: LinkEnd[] = [];

  add(link: Link): LinkEnd {
    const end = new LinkEnd(link);
    this.#ends.push(end);
    return end;
  }

  async close(): Promise<void> {
    for (const end of this.#ends) await end.release();
  }
}

/** A link with its reader and writer taken, and reads of exact lengths. */
class LinkEnd {
  readonly writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly closed: Link["closed"];
  readonly #link: Link;
  readonly #byob: ReadableStreamBYOBReader | undefined;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(link: Link) {
    this.#link = link;
    this.closed = link.closed;
    this.writer = link.writable.getWriter();
    // Failures are seen where they matter: in the promises of reads and writes.
    this.writer.closed.catch(() => {});
    try {
      this.#byob = link.readable.getReader({ mode: "byob" });
    } catch {
      this.#reader = link.readable.getReader();
    }
  }

  abort(reason: string): void {
    this.#link.abort(reason);
  }

  cancel(): Promise<void> {
    return (this.#byob ?? this.#reader!).cancel();
  }

  /** Up to `most` bytes, at least 1; none at the end of input. */
  async readSome(most: number): Promise<Uint8Array> {
    if (this.#byob) {
      const { value } = await this.#byob.read(new Uint8Array(most));
      return value ?? new Uint8Array(0);
    }
    while (this.#rest.length === 0) {
      const { value, done } = await this.#reader!.read();
      if (done) return new Uint8Array(0);
      this.#rest = value;
    }
    const taken = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(taken.length);
    return taken;
  }

  /** Exactly `length` bytes; an error if the input ends before. */
  async read(length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length;) {
      const chunk = await this.readSome(Math.min(length - at, 65_536));
      assert(chunk.length > 0, `the input ended after ${at} of ${length} bytes`);
      bytes.set(chunk, at);
      at += chunk.length;
    }
    return bytes;
  }

  async release(): Promise<void> {
    this.#link.abort("the test is over");
    await within(ABORT_LIMIT, "closed after abort", this.#link.closed);
    await Promise.allSettled([this.cancel(), this.writer.abort()]);
  }
}

/**
 * Bytes that tell their position: a prime period, so that no power of two hides a shift.
 */
function pattern(from: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (from + i) % 251;
  return bytes;
}

function assertPattern(bytes: Uint8Array, from: number): void {
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] !== (from + i) % 251) {
      assert.fail(`byte ${from + i} is ${bytes[i]}, wanted ${(from + i) % 251}`);
    }
  }
}

async function settlesWithin(ms: number, promise: Promise<unknown>): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<false>();
  const timer = setTimeout(() => resolve(false), ms);
  try {
    return await Promise.race([promise.then(() => true, () => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
