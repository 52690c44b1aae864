import assert from "node:assert/strict";
import fc from "fast-check";
import { within } from "../../tests/harness/scene/wait.ts";
import { FakeStream } from "../edge/_fake_stream.ts";
import type { Credentials } from "../auth.ts";
import { DialError, type DialFailure } from "../edge/dial.ts";
import { HandshakeError } from "./handshake_reader.ts";
import { failureOf, readSocksRequest, replyOf, type SocksRequest } from "./socks.ts";

const AUTH: Credentials = { username: "user", password: "pass" };
const FAILURES: readonly DialFailure[] = [
  "refused",
  "network-unreachable",
  "host-unreachable",
  "host-unknown",
  "timed-out",
  "prohibited",
  "failed",
];

/** Bytes of numbers and ASCII text. */
function bytes(...parts: (number | string | readonly number[])[]): number[] {
  return parts.flatMap((part) =>
    typeof part === "string" ? [...new TextEncoder().encode(part)] : part
  );
}

/** What a client sends, and what comes of it. */
interface Case {
  readonly name: string;
  readonly sent: readonly number[];
  readonly auth?: Credentials;
  /** What is answered before the reply. */
  readonly said?: readonly number[];
  readonly target: string;
  readonly granted: readonly number[];
}

const GRANTED_4 = [0, 90, 0, 0, 0, 0, 0, 0];
const REJECTED_4 = [0, 91, 0, 0, 0, 0, 0, 0];
const reply5 = (code: number) => [5, code, 0, 1, 0, 0, 0, 0, 0, 0];
const PORT_443 = [1, 0xbb];
const NAME = bytes(3, 11, "example.com", PORT_443);
const IP = [1, 10, 1, 2, 3, ...PORT_443];
const LONG = "x".repeat(255);

/** Every way to ask for a connection. */
const CASES: readonly Case[] = [
  {
    name: "SOCKS 4",
    sent: bytes(4, 1, PORT_443, [10, 1, 2, 3], 0),
    target: "10.1.2.3:443",
    granted: GRANTED_4,
  },
  {
    name: "SOCKS 4 with a user id",
    sent: bytes(4, 1, [0xff, 0xff], [255, 0, 0, 1], "me", 0),
    target: "255.0.0.1:65535",
    granted: GRANTED_4,
  },
  {
    name: "SOCKS 4 with the longest user id",
    sent: bytes(4, 1, [0, 1], [10, 1, 2, 3], LONG, 0),
    target: "10.1.2.3:1",
    granted: GRANTED_4,
  },
  {
    name: "SOCKS 4 to 0.0.1.0, which is no sign of 4a",
    sent: bytes(4, 1, PORT_443, [0, 0, 1, 0], 0),
    target: "0.0.1.0:443",
    granted: GRANTED_4,
  },
  {
    name: "SOCKS 4 to 0.0.0.0, which is no sign of 4a",
    sent: bytes(4, 1, PORT_443, [0, 0, 0, 0], 0),
    target: "0.0.0.0:443",
    granted: GRANTED_4,
  },
  {
    name: "SOCKS 4a",
    sent: bytes(4, 1, PORT_443, [0, 0, 0, 1], 0, "example.com", 0),
    target: "example.com:443",
    granted: GRANTED_4,
  },
  {
    name: "SOCKS 4a with a user id, 0.0.0.255 and the longest name",
    sent: bytes(4, 1, PORT_443, [0, 0, 0, 255], "me", 0, LONG, 0),
    target: `${LONG}:443`,
    granted: GRANTED_4,
  },
  {
    name: "SOCKS 5 with an IPv4 address",
    sent: bytes(5, 1, 0, 5, 1, 0, IP),
    said: [5, 0],
    target: "10.1.2.3:443",
    granted: reply5(0),
  },
  {
    name: "SOCKS 5 with a name",
    sent: bytes(5, 1, 0, 5, 1, 0, NAME),
    said: [5, 0],
    target: "example.com:443",
    granted: reply5(0),
  },
  {
    name: "SOCKS 5 with the longest name",
    sent: bytes(5, 1, 0, 5, 1, 0, 3, 255, LONG, [0, 80]),
    said: [5, 0],
    target: `${LONG}:80`,
    granted: reply5(0),
  },
  {
    name: "SOCKS 5 with an IPv6 address",
    sent: bytes(
      [5, 1, 0, 5, 1, 0, 4],
      [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
      PORT_443,
    ),
    said: [5, 0],
    target: "2001:db8:0:0:0:0:0:1:443",
    granted: reply5(0),
  },
  {
    name: "SOCKS 5 with a name in UTF-8, and methods that nobody knows",
    sent: bytes(5, 4, [1, 128, 254, 0], 5, 1, 0, 3, 9, "bücher.x", PORT_443),
    said: [5, 0],
    target: "bücher.x:443",
    granted: reply5(0),
  },
  {
    name: "SOCKS 5 with a name that begins with a byte order mark",
    sent: bytes(5, 1, 0, 5, 1, 0, 3, 4, "\uFEFFx", PORT_443),
    said: [5, 0],
    target: "\uFEFFx:443",
    granted: reply5(0),
  },
  {
    name: "SOCKS 5 that offers every method",
    sent: bytes(5, 255, Array.from({ length: 255 }, (_, at) => 254 - at), 5, 1, 0, IP),
    said: [5, 0],
    target: "10.1.2.3:443",
    granted: reply5(0),
  },
  {
    name: "SOCKS 5 with a reserved byte that is not 0",
    sent: bytes(5, 1, 0, 5, 1, 7, IP),
    said: [5, 0],
    target: "10.1.2.3:443",
    granted: reply5(0),
  },
  {
    name: "SOCKS 5 that offers only a password, where none is asked for",
    sent: bytes(5, 1, 2, 1, 1, "x", 0, 5, 1, 0, IP),
    said: [5, 2, 1, 0],
    target: "10.1.2.3:443",
    granted: reply5(0),
  },
  {
    name: "SOCKS 5 with a password",
    sent: bytes(5, 1, 2, 1, 4, "user", 4, "pass", 5, 1, 0, NAME),
    auth: AUTH,
    said: [5, 2, 1, 0],
    target: "example.com:443",
    granted: reply5(0),
  },
  {
    name: "SOCKS 5 that offers a password last",
    sent: bytes(5, 3, [0, 1, 2], 1, 4, "user", 4, "pass", 5, 1, 0, IP),
    auth: AUTH,
    said: [5, 2, 1, 0],
    target: "10.1.2.3:443",
    granted: reply5(0),
  },
  {
    name: "SOCKS 5 with the longest user name and password",
    sent: bytes(5, 1, 2, 1, 255, LONG, 255, LONG, 5, 1, 0, IP),
    auth: { username: LONG, password: LONG },
    said: [5, 2, 1, 0],
    target: "10.1.2.3:443",
    granted: reply5(0),
  },
];

/** What cannot be served; `said` is the whole answer. */
const REFUSED:
  readonly (Omit<Case, "target" | "granted"> & { readonly error: RegExp })[] = [
    { name: "nothing", sent: [], error: /left in the middle/ },
    {
      name: "HTTP",
      sent: bytes("GET / HTTP/1.1\r\n"),
      said: bytes(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n" +
          "Content-Length: 77\r\nConnection: close\r\n\r\nThis is a SOCKS proxy, " +
          "and not one for HTTP: use socks5h:// or its HTTP port\n",
      ),
      error: /^HTTP, and this is/,
    },
    { name: "TLS", sent: [22, 3, 1], error: /^version 22/ },
    { name: "version 0", sent: [0], error: /^version 0/ },
    { name: "version 6", sent: [6, 1, 0], error: /^version 6/ },
    {
      name: "SOCKS 4 BIND",
      sent: bytes(4, 2, PORT_443, [10, 1, 2, 3], 0),
      said: REJECTED_4,
      error: /command 2 .* only CONNECT/,
    },
    {
      name: "SOCKS 4 to port 0",
      sent: bytes(4, 1, [0, 0], [10, 1, 2, 3], 0),
      said: REJECTED_4,
      error: /"10.1.2.3":0/,
    },
    {
      name: "SOCKS 4a without a name",
      sent: bytes(4, 1, PORT_443, [0, 0, 0, 1], 0, 0),
      said: REJECTED_4,
      error: /""/,
    },
    {
      name: "SOCKS 4 with too long a user id",
      sent: bytes(4, 1, PORT_443, [10, 1, 2, 3], LONG, "x", 0),
      error: /more than 255 bytes/,
    },
    {
      name: "SOCKS 4a with too long a name",
      sent: bytes(4, 1, PORT_443, [0, 0, 0, 1], 0, LONG, "x", 0),
      error: /more than 255 bytes/,
    },
    {
      name: "SOCKS 4 where a password is asked for",
      sent: bytes(4, 1, PORT_443, [10, 1, 2, 3], "user", 0),
      auth: AUTH,
      said: [0, 93, 0, 0, 0, 0, 0, 0],
      error: /no password/,
    },
    {
      name: "SOCKS 4a where a password is asked for",
      sent: bytes(4, 1, PORT_443, [0, 0, 0, 1], "user", 0, "example.com", 0),
      auth: AUTH,
      said: [0, 93, 0, 0, 0, 0, 0, 0],
      error: /no password/,
    },
    {
      name: "SOCKS 5 without a method",
      sent: [5, 0],
      said: [5, 255],
      error: /no method/,
    },
    {
      name: "SOCKS 5 with GSSAPI only",
      sent: [5, 1, 1],
      said: [5, 255],
      error: /no method/,
    },
    {
      name: "SOCKS 5 that offers no password, where one is asked for",
      sent: [5, 2, 0, 1],
      auth: AUTH,
      said: [5, 255],
      error: /no password/,
    },
    {
      name: "SOCKS 5 with a wrong password",
      sent: bytes(5, 2, [0, 2], 1, 4, "user", 4, "Pass"),
      auth: AUTH,
      said: [5, 2, 1, 1],
      error: /wrong user name or password/,
    },
    {
      name: "SOCKS 5 with a wrong user name",
      sent: bytes(5, 1, 2, 1, 5, "users", 4, "pass"),
      auth: AUTH,
      said: [5, 2, 1, 1],
      error: /wrong user name or password/,
    },
    {
      name: "SOCKS 5 with an empty user name and password",
      sent: bytes(5, 1, 2, 1, 0, 0),
      auth: AUTH,
      said: [5, 2, 1, 1],
      error: /wrong user name or password/,
    },
    {
      name: "SOCKS 5 with another version of the password's form",
      sent: bytes(5, 1, 2, 5, 4, "user", 4, "pass"),
      auth: AUTH,
      said: [5, 2, 1, 1],
      error: /wrong user name or password/,
    },
    {
      name: "SOCKS 5 that changes its version",
      sent: bytes(5, 1, 0, 4, 1, 0, IP),
      said: [5, 0],
      error: /^version 4 after 5/,
    },
    {
      name: "SOCKS 5 BIND",
      sent: bytes(5, 1, 0, 5, 2, 0, IP),
      said: [5, 0, ...reply5(7)],
      error: /command 2; only CONNECT/,
    },
    {
      name: "SOCKS 5 UDP ASSOCIATE",
      sent: bytes(5, 1, 0, 5, 3, 0, NAME),
      said: [5, 0, ...reply5(7)],
      error: /command 3; only CONNECT/,
    },
    {
      name: "SOCKS 5 with an address type that nobody knows",
      sent: bytes(5, 1, 0, 5, 1, 0, 2, [1, 2, 3]),
      said: [5, 0, ...reply5(8)],
      error: /address type 2/,
    },
    {
      name: "SOCKS 5 to port 0",
      sent: bytes(5, 1, 0, 5, 1, 0, 1, [10, 1, 2, 3], [0, 0]),
      said: [5, 0, ...reply5(1)],
      error: /no target: "10.1.2.3":0/,
    },
    {
      name: "SOCKS 5 without a name",
      sent: bytes(5, 1, 0, 5, 1, 0, 3, 0, PORT_443),
      said: [5, 0, ...reply5(1)],
      error: /no target: "":443/,
    },
  ];

/** No request of the tables is longer: version, methods, password, and the target. */
const MOST_BYTES = 1024;
/** What is read at a time; so much more than the request can have come with it. */
const CHUNK_BYTES = 4096;

function read(stream: FakeStream, auth?: Credentials): Promise<SocksRequest> {
  return within("the handshake to settle", readSocksRequest(stream, auth), 5000);
}

for (const { name, sent, auth, said = [], target, granted } of CASES) {
  Deno.test(`${name} is understood and answered`, async () => {
    const stream = new FakeStream().send(Uint8Array.from(sent));
    const request = await read(stream, auth);
    assert.equal(`${request.hostname}:${request.port}`, target);
    assert.deepEqual(stream.written, said);
    assert.deepEqual(request.early, new Uint8Array());
    await request.reply();
    assert.deepEqual(stream.written, [...said, ...granted]);
    assert.deepEqual(stream.ends, []);
  });
}

for (const { name, sent, auth, said = [], error } of REFUSED) {
  Deno.test(`${name} is refused`, async () => {
    const stream = new FakeStream().send(Uint8Array.from(sent), null);
    await assert.rejects(read(stream, auth), (thrown) => {
      assert.ok(thrown instanceof HandshakeError, `${thrown}`);
      assert.match(thrown.message, error);
      return true;
    });
    assert.deepEqual(stream.written, said);
  });
}

Deno.test("a refusal does not wait for more than it needs", async () => {
  for (const { name, sent, auth } of REFUSED) {
    if (name === "nothing") continue;
    const stream = new FakeStream().send(Uint8Array.from(sent)); // and no end
    await assert.rejects(read(stream, auth), HandshakeError, name);
    assert.equal(stream.reading, false, name);
  }
});

Deno.test("a request is the same split at each byte, and byte by byte", async () => {
  const early = bytes("and more\0\x05");
  for (const { name, sent, auth, said = [], target, granted } of CASES) {
    const all = Uint8Array.from([...sent, ...early]);
    for (let at = 1; at <= sent.length; at++) {
      const stream = new FakeStream().send(all.subarray(0, at), all.subarray(at));
      const request = await read(stream, auth);
      assert.equal(`${request.hostname}:${request.port}`, target, `${name} at ${at}`);
      const rest = at === sent.length ? [] : early; // then it was not read yet
      assert.deepEqual([...request.early], rest, `${name} at ${at}`);
    }
    const stream = new FakeStream({ step: 1 }).send(all);
    const request = await read(stream, auth);
    await request.reply();
    assert.equal(`${request.hostname}:${request.port}`, target, name);
    assert.deepEqual(stream.written, [...said, ...granted], name);
    assert.equal(stream.bytesRead, sent.length, name);
  }
});

Deno.test("a request cut off anywhere ends as such", async () => {
  for (const { name, sent, auth } of CASES) {
    for (let length = 0; length < sent.length; length++) {
      const stream = new FakeStream().send(Uint8Array.from(sent.slice(0, length)), null);
      await assert.rejects(
        read(stream, auth),
        { name: "HandshakeError", message: "the client left in the middle" },
        `${name}, ${length} bytes`,
      );
    }
  }
});

Deno.test("what the client sent to the target ahead is kept whole", async () => {
  const early = Uint8Array.from({ length: 3000 }, (_, at) => at);
  for (const { name, sent, auth } of CASES) {
    const stream = new FakeStream().send(Uint8Array.from([...sent, ...early]));
    assert.deepEqual((await read(stream, auth)).early, early, name);
  }
});

Deno.test("each failure has its reply, and SOCKS 4 one for all", async () => {
  const replies: Record<DialFailure, number> = {
    "refused": 5,
    "network-unreachable": 3,
    "host-unreachable": 4,
    "host-unknown": 4,
    "timed-out": 6,
    "prohibited": 2,
    "failed": 1,
  };
  for (const failure of FAILURES) {
    assert.equal(replyOf(failure), replies[failure]);
    for (const { name, sent, auth, said = [], granted } of CASES) {
      const stream = new FakeStream().send(Uint8Array.from(sent));
      await (await read(stream, auth)).reply(failure);
      const wanted = granted === GRANTED_4 ? REJECTED_4 : reply5(replies[failure]);
      assert.deepEqual(stream.written, [...said, ...wanted], `${name}: ${failure}`);
    }
  }
});

Deno.test("a failure of the dial is told, any other is a failure", () => {
  for (const failure of FAILURES) {
    assert.equal(failureOf(new DialError(failure, "web:80")), failure);
  }
  assert.equal(failureOf(new Error("refused")), "failed");
  assert.equal(failureOf("refused"), "failed");
  assert.equal(failureOf(undefined), "failed");
});

Deno.test("a client that left comes as the error of its stream", async () => {
  const gone = new Deno.errors.ConnectionReset("gone");
  const reading = new FakeStream().send(Uint8Array.of(5, 1), gone);
  await assert.rejects(read(reading), (error) => error === gone);
  const writing = new FakeStream().send(Uint8Array.of(5, 1, 0));
  writing.gate = Promise.reject(gone);
  await assert.rejects(read(writing), (error) => error === gone);
});

Deno.test("a password is not answered before all of it came", async () => {
  const stream = new FakeStream().send(Uint8Array.from(bytes(5, 1, 2, 1, 4, "user", 4)));
  const request = read(stream, AUTH);
  stream.send("pas");
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(stream.written, [5, 2]);
  stream.send("s", Uint8Array.from(bytes(5, 1, 0, IP)));
  await request;
  assert.deepEqual(stream.written, [5, 2, 1, 0]);
});

// ---- hostile input ----

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

const byte = fc.nat(255);
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
