import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import http from "node:http";
import type { Duplex } from "node:stream";
import { until, within } from "../tests/harness/wait.ts";
import { FakeStream } from "./_fake_stream.ts";
import { StreamDuplex } from "./duplex.ts";

const SMALL = 4096;
const LARGE = 262_144;
const JOINED = 65_536;

/** Until all that happens without a timer has happened. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

/** The next event of that name, and what came with it. */
function next(duplex: Duplex, event: string): Promise<unknown[]> {
  const { promise, resolve } = Promise.withResolvers<unknown[]>();
  duplex.once(event, (...args: unknown[]) => resolve(args));
  return within(`"${event}"`, promise, 5000);
}

function made(options?: { step?: number; allowHalfOpen?: boolean }): {
  stream: FakeStream;
  duplex: StreamDuplex<FakeStream>;
} {
  const { allowHalfOpen = true, ...rest } = options ?? {};
  const stream = new FakeStream(rest);
  return { stream, duplex: new StreamDuplex(stream, { allowHalfOpen }) };
}

/** Destroys the duplex after the test, whatever that says. */
async function using(
  { stream, duplex }: ReturnType<typeof made>,
  test: (stream: FakeStream, duplex: StreamDuplex<FakeStream>) => Promise<void>,
): Promise<void> {
  try {
    await test(stream, duplex);
  } finally {
    duplex.destroy();
  }
}

// ---- reading ----

Deno.test("nothing is read before somebody asks", () =>
  using(made(), async (stream, duplex) => {
    stream.send("abc");
    duplex.on("end", () => {});
    await settled();
    assert.deepEqual(stream.buffers, []);
    duplex.resume();
    await until("the bytes to be read", () => stream.bytesRead === 3);
  }));

Deno.test("what the peer sends comes in order, then its end", () =>
  using(made({ step: 3 }), async (stream, duplex) => {
    const parts: string[] = [];
    duplex.on("data", (chunk) => parts.push(`${chunk}`));
    const ended = next(duplex, "end");
    stream.send("abcdefg", "hi", null);
    await ended;
    assert.deepEqual(parts, ["abc", "def", "g", "hi"]);
    assert.deepEqual(stream.ends, [], "its own direction is still open");
    assert.equal(duplex.writable, true);
  }));

Deno.test("a paused duplex holds one chunk at most, and none is lost", () =>
  using(made({ step: 10 }), async (stream, duplex) => {
    duplex.on("data", () => {});
    duplex.pause();
    stream.send("x".repeat(1000), null);
    await settled();
    assert.ok(stream.bytesRead <= 10, `${stream.bytesRead} bytes were read`);
    assert.equal(stream.reading, false);
    let got = 0;
    duplex.on("data", (chunk) => got += chunk.length);
    const ended = next(duplex, "end");
    duplex.resume();
    await ended;
    assert.equal(got, 1000);
  }));

Deno.test("a reader that is paused at each chunk gets the next only when it resumes", () =>
  using(made({ step: 1 }), async (stream, duplex) => {
    let got = 0;
    duplex.on("data", () => {
      got++;
      duplex.pause();
    });
    stream.send("abcde", null);
    for (let wanted = 1; wanted <= 5; wanted++) {
      await until("a chunk", () => got === wanted);
      await settled();
      assert.equal(got, wanted);
      assert.ok(stream.bytesRead <= wanted + 1, `${stream.bytesRead} read, ${got} taken`);
      duplex.resume();
    }
    await next(duplex, "end");
  }));

Deno.test("an idle connection holds a small buffer, a busy one a large one", () =>
  using(made(), async (stream, duplex) => {
    duplex.resume();
    const reads = (count: number) =>
      until(`read ${count}`, () => stream.buffers.length === count);
    await reads(1);
    for (const length of [SMALL - 1, SMALL, LARGE, SMALL, SMALL - 1]) {
      const before = stream.buffers.length;
      stream.send(new Uint8Array(length));
      await reads(before + 1);
    }
    assert.deepEqual(stream.buffers, [SMALL, SMALL, LARGE, LARGE, LARGE, SMALL]);
  }));

Deno.test("bytes that were handed out are not written over", () =>
  using(made({ step: 2 }), async (stream, duplex) => {
    const chunks: Buffer[] = [];
    duplex.on("data", (chunk) => chunks.push(chunk));
    const ended = next(duplex, "end");
    stream.send("abcdef", null);
    await ended;
    assert.equal(Buffer.concat(chunks).toString(), "abcdef");
  }));

Deno.test("a read that fails ends it with that error and a reset", async () => {
  const { stream, duplex } = made();
  const error = new Deno.errors.ConnectionReset("gone");
  const failed = next(duplex, "error");
  duplex.resume();
  stream.send("abc", error);
  assert.deepEqual(await failed, [error]);
  assert.equal(duplex.destroyed, true);
  assert.deepEqual(stream.ends, ["reset"]);
});

// ---- taking the stream out ----

Deno.test("taken out while bytes are handed out, the stream has no read under way", async () => {
  const { stream, duplex } = made({ step: 4 });
  duplex.on("data", () => duplex.detach());
  stream.send("headbody");
  await until("the stream to be taken out", () => stream.bytesRead === 4);
  await settled();
  assert.equal(stream.reading, false);
  assert.equal(stream.buffers.length, 1);
  assert.equal(await stream.read(new Uint8Array(9)), 4, "the rest is the new owner's");
});

Deno.test("so it is when the bytes had to wait while it was paused", async () => {
  const { stream, duplex } = made({ step: 4 });
  duplex.on("data", () => duplex.detach());
  duplex.pause();
  stream.send("head", "body");
  await settled();
  duplex.resume();
  await settled();
  assert.equal(stream.reading, false);
  assert.equal(stream.bytesRead, 4);
  assert.equal(await stream.read(new Uint8Array(9)), 4);
});

Deno.test("so it is for one who reads by asking", async () => {
  const { stream, duplex } = made({ step: 4 });
  stream.send("head", "body");
  const { promise, resolve } = Promise.withResolvers<void>();
  duplex.on("readable", () => {
    if (duplex.read() === null) return;
    duplex.detach();
    resolve();
  });
  await within("the bytes", promise, 5000);
  await settled();
  assert.equal(stream.reading, false);
  assert.equal(stream.bytesRead, 4);
});

Deno.test("taken out, it leaves the stream alone whatever is done to it", async () => {
  const endings: ((duplex: StreamDuplex<FakeStream>) => void)[] = [
    (duplex) => duplex.destroy(),
    (duplex) => duplex.destroy(new Error("odd")),
    (duplex) => duplex.destroySoon(),
    (duplex) => duplex.end(),
    (duplex) => duplex.write("late"),
    (duplex) => duplex.end("late"),
    (duplex) => duplex.resume(),
  ];
  for (const end of endings) {
    const { stream, duplex } = made();
    duplex.on("error", () => {});
    assert.equal(duplex.detach(), stream);
    assert.equal(duplex.stream, stream);
    stream.send("abc");
    end(duplex);
    await settled();
    assert.deepEqual(stream.ends, [], `${end}`);
    assert.deepEqual(stream.writes, [], `${end}`);
    assert.deepEqual(stream.buffers, [], `${end}`);
  }
});

Deno.test("a write after it was taken out fails instead of being lost", async () => {
  const { duplex } = made();
  duplex.detach();
  const failed = next(duplex, "error");
  duplex.write("late");
  assert.match(`${await failed}`, /taken out/);
});

Deno.test("what waits behind a write that is under way is not written when taken out", async () => {
  const { stream, duplex } = made();
  const { promise, resolve } = Promise.withResolvers<void>();
  stream.gate = promise;
  duplex.on("error", () => {});
  duplex.write("before");
  duplex.write("behind");
  duplex.detach();
  resolve();
  await settled();
  assert.equal(stream.text, "before");
});

Deno.test("taken out, it has no timer any more", async () => {
  const { duplex } = made();
  duplex.setTimeout(1, () => assert.fail("it timed out"));
  duplex.detach();
  duplex.setTimeout(1, () => assert.fail("it timed out"));
  await new Promise((resolve) => setTimeout(resolve, 20)); // twenty times the limit
});

Deno.test("CONNECT hands over the stream and what came behind, wherever it was split", async () => {
  const request = "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n";
  for (let at = 1; at <= request.length + 2; at++) {
    const server = http.createServer();
    const { stream, duplex } = made();
    const { promise, resolve } = Promise.withResolvers<string>();
    server.on("connect", (_, socket, head) => {
      assert.equal(socket, duplex as unknown);
      duplex.detach();
      resolve(`${head}`);
    });
    server.emit("connection", duplex);
    const sent = `${request}abcd`;
    stream.send(sent.slice(0, at), sent.slice(at));
    const head = await within("the tunnel", promise, 5000);
    await settled();
    assert.equal(stream.reading, false, `split at ${at}`);
    assert.equal(head, sent.slice(request.length, stream.bytesRead), `split at ${at}`);
    duplex.destroy();
    assert.deepEqual(stream.ends, []);
    server.emit("close");
  }
});

Deno.test("CONNECT behind a body that was not read at once hands over the same", async () => {
  const server = http.createServer((request, response) => {
    request.pause();
    setTimeout(() => request.resume());
    request.on("end", () => response.end());
  });
  const { stream, duplex } = made({ step: 100 });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.on("connect", (_, __, head) => {
    assert.equal(head.length, 0);
    duplex.detach();
    resolve();
  });
  server.emit("connection", duplex);
  stream.send(
    `POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n`,
    "x".repeat(1000),
    "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
    "behind",
  );
  await within("the tunnel", promise, 5000);
  await settled();
  assert.equal(stream.reading, false);
  const rest = new Uint8Array(9);
  const got = await stream.read(rest);
  assert.equal(Buffer.from(rest.subarray(0, got!)).toString(), "behind");
  server.emit("close");
});

// ---- writing ----

Deno.test("writes come in order, and small ones that wait go together", () =>
  using(made(), async (stream, duplex) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    stream.gate = promise;
    for (const part of ["a", "b", "c", "d"]) duplex.write(part);
    resolve();
    await until("all to be written", () => stream.text === "abcd");
    assert.deepEqual(stream.writes.map((bytes) => bytes.length), [1, 3]);
  }));

Deno.test("large writes are not joined, nor small ones beyond a limit", () =>
  using(made(), async (stream, duplex) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    stream.gate = promise;
    const sizes = [1, 10, JOINED, 10, 20, JOINED - 30, 1, JOINED + 1, 5];
    for (const size of sizes) duplex.write(Buffer.alloc(size));
    resolve();
    const whole = sizes.reduce((sum, size) => sum + size);
    await until("all to be written", () => stream.written.length === whole);
    const written = stream.writes.map((bytes) => bytes.length);
    assert.deepEqual(written, [1, 10, JOINED, JOINED, 1, JOINED + 1, 5]);
  }));

Deno.test("text is written in its encoding", () =>
  using(made(), async (stream, duplex) => {
    duplex.cork();
    duplex.write("ä");
    duplex.write("\xe4", "latin1");
    duplex.write("00ff", "hex");
    duplex.uncork();
    await until("all to be written", () => stream.written.length === 5);
    assert.deepEqual(stream.written, [0xc3, 0xa4, 0xe4, 0, 0xff]);
  }));

Deno.test("a peer that does not read holds the writer back, and drains it when it does", () =>
  using(made(), async (stream, duplex) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    stream.gate = promise;
    assert.equal(duplex.write(Buffer.alloc(LARGE - 1)), true);
    assert.equal(duplex.write(Buffer.alloc(1)), false);
    let drained = false;
    duplex.on("drain", () => drained = true);
    await settled();
    assert.equal(drained, false);
    assert.deepEqual(stream.writes, []);
    resolve();
    await until("it to drain", () => drained);
    assert.equal(stream.written.length, LARGE);
  }));

Deno.test("a write is done when the stream has taken it", () =>
  using(made(), async (stream, duplex) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    stream.gate = promise;
    let done = false;
    duplex.write("abc", () => done = true);
    await settled();
    assert.equal(done, false);
    resolve();
    await until("the write to be done", () => done);
  }));

Deno.test("a write after the peer left ends it with the error and a reset", async () => {
  const gone = new Deno.errors.BrokenPipe("gone");
  for (const count of [1, 3]) { // alone, and together with those that waited
    const { stream, duplex } = made();
    const { promise, reject } = Promise.withResolvers<void>();
    stream.gate = promise;
    const failed = next(duplex, "error");
    const closed = next(duplex, "close");
    for (let at = 0; at < count; at++) duplex.write("abc");
    reject(gone);
    assert.deepEqual(await failed, [gone]);
    await closed;
    assert.deepEqual(stream.ends, ["reset"]);
    assert.equal(stream.writing, false);
  }
});

Deno.test("an end that cannot be said ends it with the error and a reset", async () => {
  const { stream, duplex } = made();
  const gone = new Deno.errors.NotConnected("gone");
  stream.closeWrite = () => Promise.reject(gone);
  const failed = next(duplex, "error");
  duplex.end("abc");
  assert.deepEqual(await failed, [gone]);
  assert.deepEqual(stream.ends, ["reset"]);
});

// ---- ends ----

Deno.test("its end comes behind all that was written, and the peer may go on", () =>
  using(made(), async (stream, duplex) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    stream.gate = promise;
    const finished = next(duplex, "finish");
    duplex.write("abc");
    duplex.end("def");
    await settled();
    assert.deepEqual(stream.ends, []);
    resolve();
    await finished;
    assert.equal(stream.text, "abcdef");
    assert.deepEqual(stream.ends, ["closeWrite"]);
    const parts: string[] = [];
    duplex.on("data", (chunk) => parts.push(`${chunk}`));
    stream.send("late");
    await until("what the peer says late", () => parts.join() === "late");
    assert.equal(duplex.destroyed, false);
  }));

Deno.test("the stream is let go, not reset, when both directions have ended", async () => {
  const { stream, duplex } = made();
  const closed = next(duplex, "close");
  duplex.resume();
  stream.send("abc", null);
  duplex.end("def");
  await closed;
  assert.equal(stream.text, "def");
  assert.deepEqual(stream.ends, ["closeWrite", "close"]);
});

Deno.test("without half-open connections the peer's end is the end", async () => {
  const { stream, duplex } = made({ allowHalfOpen: false });
  const closed = next(duplex, "close");
  duplex.resume();
  stream.send(null);
  await closed;
  assert.deepEqual(stream.ends, ["closeWrite", "close"]);
});

Deno.test("destroyed without an error it lets the stream go, with one it resets it", async () => {
  for (const error of [undefined, new Error("odd")]) {
    const { stream, duplex } = made();
    duplex.on("error", (thrown) => assert.equal(thrown, error));
    const closed = next(duplex, "close");
    duplex.destroy(error);
    await closed;
    assert.deepEqual(stream.ends, [error ? "reset" : "close"]);
  }
});

Deno.test("destroyed while it reads and writes, it fails once and quietly ends", async () => {
  for (const error of [undefined, new Error("odd")]) {
    const { stream, duplex } = made();
    const errors: unknown[] = [];
    duplex.on("error", (thrown) => errors.push(thrown));
    const { promise, resolve } = Promise.withResolvers<void>();
    stream.gate = promise;
    duplex.resume();
    duplex.write("abc");
    await until("a read", () => stream.reading && stream.writing);
    const closed = next(duplex, "close");
    duplex.destroy(error);
    resolve();
    await closed;
    await settled();
    assert.deepEqual(errors, error ? [error] : []);
    assert.deepEqual(stream.ends, [error ? "reset" : "close"]);
    assert.equal(stream.reading || stream.writing, false);
  }
});

Deno.test("bytes that arrive when it was destroyed go nowhere", async () => {
  const { stream, duplex } = made();
  const { promise, resolve } = Promise.withResolvers<number>();
  let reads = 0;
  stream.read = () => {
    reads++;
    return promise;
  };
  let got = 0;
  duplex.on("data", () => got++);
  await until("a read", () => reads === 1);
  duplex.destroy();
  resolve(3);
  await settled();
  assert.equal(got, 0);
  assert.equal(reads, 1);
  assert.deepEqual(stream.ends, ["close"]);
});

Deno.test("destroyed again, or before its first read, nothing more happens", async () => {
  const { stream, duplex } = made();
  let closed = 0;
  duplex.on("close", () => closed++);
  duplex.on("error", () => assert.fail("an error of the second time"));
  duplex.resume();
  duplex.destroy();
  duplex.destroy(new Error("again"));
  duplex.destroySoon();
  await settled();
  duplex.destroy();
  await settled();
  assert.equal(closed, 1);
  assert.deepEqual(stream.ends, ["close"]);
  assert.deepEqual(stream.buffers, []);
});

Deno.test("destroyed soon, what was written is still delivered, with its end", async () => {
  const { stream, duplex } = made();
  const { promise, resolve } = Promise.withResolvers<void>();
  stream.gate = promise;
  const closed = next(duplex, "close");
  duplex.resume(); // a read is under way all the time
  duplex.write("abc");
  duplex.write("def");
  duplex.destroySoon();
  await settled();
  assert.equal(duplex.destroyed, false);
  resolve();
  await closed;
  assert.equal(stream.text, "abcdef");
  assert.deepEqual(stream.ends, ["closeWrite", "close"]);
});

Deno.test("destroyed soon after its end it is destroyed at once, or when that is said", async () => {
  const said = made();
  const finished = next(said.duplex, "finish");
  said.duplex.end();
  await finished;
  said.duplex.destroySoon();
  assert.equal(said.duplex.destroyed, true);
  assert.deepEqual(said.stream.ends, ["closeWrite", "close"]);

  const pending = made();
  const closed = next(pending.duplex, "close");
  pending.duplex.end("abc");
  pending.duplex.destroySoon();
  pending.duplex.destroySoon();
  await closed;
  assert.equal(pending.stream.text, "abc");
  assert.deepEqual(pending.stream.ends, ["closeWrite", "close"]);
});

// ---- what node:http calls on a socket ----

Deno.test("without a byte for so long it says so, once, and goes on", () =>
  using(made(), async (stream, duplex) => {
    let count = 0;
    const start = performance.now();
    duplex.setTimeout(30, () => count++);
    await until("the timeout", () => count > 0, { everyMs: 1 });
    assert.ok(performance.now() - start >= 28, "too early");
    assert.equal(duplex.destroyed, false);
    assert.deepEqual(stream.ends, []);
    await new Promise((resolve) => setTimeout(resolve, 70));
    assert.equal(count, 1);
  }));

Deno.test("bytes in either direction put the timeout off", async () => {
  const moves: ((stream: FakeStream, duplex: Duplex) => void)[] = [
    (stream) => stream.send("x"),
    (_, duplex) => duplex.write("x"),
    (_, duplex) => {
      duplex.cork();
      duplex.write("x");
      duplex.write("y");
      duplex.uncork();
    },
  ];
  for (const move of moves) {
    await using(made(), async (stream, duplex) => {
      duplex.resume();
      let last = performance.now();
      let timedOut = 0;
      duplex.setTimeout(60, () => timedOut = performance.now());
      for (let moved = 0; moved < 10; moved++) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        if (!timedOut) last = performance.now();
        move(stream, duplex);
      }
      await until("the timeout", () => timedOut > 0, { everyMs: 1 });
      // Whenever it came, even on a slow machine: never before its time.
      assert.ok(timedOut - last >= 58, `${timedOut - last} ms after the last byte`);
    });
  }
});

Deno.test("a write that was long in coming through counts when it did", () =>
  using(made(), async (stream, duplex) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    stream.gate = promise;
    let timedOut = 0;
    duplex.write("abc");
    duplex.setTimeout(60, () => timedOut = performance.now());
    await new Promise((resolve) => setTimeout(resolve, 40));
    const through = performance.now();
    const inTime = timedOut === 0;
    resolve();
    await until("the timeout", () => timedOut > 0, { everyMs: 1 });
    if (inTime) assert.ok(timedOut - through >= 58, `${timedOut - through} ms after it`);
  }));

Deno.test("a timeout is replaced, and taken back by 0 with its listener", () =>
  using(made(), async (_, duplex) => {
    const wrong = () => assert.fail("it was taken back");
    duplex.setTimeout(5, wrong);
    assert.equal(duplex.setTimeout(0, wrong), duplex);
    assert.equal(duplex.listenerCount("timeout"), 0);
    const timedOut = next(duplex, "timeout");
    duplex.setTimeout(100_000);
    duplex.setTimeout(5);
    await timedOut;
  }));

Deno.test("a destroyed duplex has no timer, and gets none", () => {
  // The sanitizers of the test would find it.
  const { duplex } = made();
  duplex.setTimeout(100_000);
  duplex.destroy();
  duplex.setTimeout(100_000);
});

Deno.test("what is of no use to it is called without harm", () => {
  const { duplex } = made();
  assert.equal(duplex.setNoDelay(), duplex);
  assert.equal(duplex.setKeepAlive(), duplex);
  assert.equal(duplex.ref(), duplex);
  assert.equal(duplex.unref(), duplex);
  duplex.destroy();
});
