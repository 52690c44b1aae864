import assert from "node:assert/strict";
import fc from "fast-check";
import { FakeStream } from "../edge/_fake_stream.ts";
import type { Credentials } from "../auth.ts";
import { HandshakeError } from "./handshake_reader.ts";
import type { SocksRequest } from "./messages.ts";
import {
  AUTH,
  bytes,
  CASES,
  CHUNK_BYTES,
  IP,
  MOST_BYTES,
  read,
  REFUSED,
} from "./_cases.ts";

type Mutation =
  | { kind: "flip"; at: number; by: number }
  | { kind: "cut"; at: number; length: number }
  | { kind: "insert"; at: number; what: number[] }
  | { kind: "duplicate"; at: number; length: number };

function mutate(input: readonly number[], mutation: Mutation): number[] {
  const at = mutation.at % (input.length + 1);
  switch (mutation.kind) {
    case "flip":
      return input.map((byte, index) => index === at ? byte ^ mutation.by : byte);
    case "cut":
      return input.toSpliced(at, mutation.length);
    case "insert":
      return input.toSpliced(at, 0, ...mutation.what);
    case "duplicate":
      return input.toSpliced(at, 0, ...input.slice(at, at + mutation.length));
  }
}

export const byte = fc.nat(255);
const place = fc.nat(MOST_BYTES);

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({
    kind: fc.constant("flip"),
    at: place,
    by: fc.integer({ min: 1, max: 255 }),
  }),
  fc.record({ kind: fc.constant("cut"), at: place, length: fc.nat(300) }),
  fc.record({
    kind: fc.constant("insert"),
    at: place,
    what: fc.array(byte, { maxLength: 300 }),
  }),
  fc.record({ kind: fc.constant("duplicate"), at: place, length: fc.nat(300) }),
);

/** Reads what a client sent; it is served or refused, and nothing else happens. */
async function settles(
  sent: readonly number[],
  { auth, step }: { auth?: Credentials | undefined; step: number },
): Promise<SocksRequest | undefined> {
  const stream = new FakeStream({ step }).send(Uint8Array.from(sent), null);
  try {
    const request = await read(stream, auth);
    assert.ok(request.port >= 1 && request.port <= 65_535, `port ${request.port}`);
    assert.ok(request.hostname.length >= 1 && request.hostname.length <= 255);
    assert.ok(request.early.length < CHUNK_BYTES);
    // What is early is the end of what was read, to the byte.
    const end = stream.bytesRead;
    assert.deepEqual(
      [...request.early],
      sent.slice(end - request.early.length, end),
    );
    return request;
  } catch (error) {
    assert.ok(error instanceof HandshakeError, `${error}`);
    return undefined;
  } finally {
    assert.equal(stream.reading, false);
    assert.equal(stream.writing, false);
    assert.ok(stream.bytesRead <= MOST_BYTES + CHUNK_BYTES, `${stream.bytesRead} read`);
    const isTold = stream.text.startsWith("HTTP/1.1 400 ");
    assert.ok(isTold || stream.written.length <= 14, `${stream.written}`);
    assert.deepEqual(stream.ends, []);
  }
}

const CORPUS = [...CASES, ...REFUSED];
const seed = 42;

Deno.test("a request with pieces flipped, cut, inserted and doubled is served or refused", async () => {
  let served = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...CORPUS),
      fc.array(mutation, { minLength: 1, maxLength: 4 }),
      fc.constantFrom(1, 7, Infinity),
      async ({ sent, auth }, mutations, step) => {
        const input = mutations.reduce(mutate, [...sent]);
        if (await settles(input, { auth, step })) served++;
      },
    ),
    { seed, numRuns: 3000 },
  );
  // Else it has only seen the first byte of everything.
  assert.ok(served > 300, `only ${served} requests were served`);
});

Deno.test("a flood behind any beginning is not read", async () => {
  const flood = Array.from({ length: 100_000 }, (_, at) => at % 255 + 1);
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...CORPUS),
      place,
      async ({ sent, auth }, at) => {
        await settles([...sent.slice(0, at % (sent.length + 1)), ...flood], {
          auth,
          step: Infinity,
        });
      },
    ),
    { seed, numRuns: 300 },
  );
});

Deno.test("any bytes behind a version are served or refused", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(4, 5),
      fc.array(byte, { maxLength: 64 }),
      fc.boolean(),
      async (version, rest, asks) => {
        await settles([version, ...rest], {
          auth: asks ? AUTH : undefined,
          step: Infinity,
        });
      },
    ),
    { seed, numRuns: 2000 },
  );
});

Deno.test("no mutation of a wrong password gets in", async () => {
  const sent = bytes(5, 2, [0, 2], 1, 4, "user", 4, "Pass", 5, 1, 0, IP);
  const right = bytes("user", 4, "pass").join();
  await fc.assert(
    fc.asyncProperty(
      fc.array(mutation, { minLength: 1, maxLength: 3 }),
      async (mutations) => {
        const input = mutations.reduce(mutate, sent);
        const request = await settles(input, { auth: AUTH, step: Infinity });
        if (request) assert.ok(input.join().includes(right), "it got in");
      },
    ),
    { seed, numRuns: 2000 },
  );
});
