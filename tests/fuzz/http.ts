/**
 * The HTTP proxy between a client and an origin, over real sockets, in any pieces.
 *
 * - Right requests, pipelined, with bodies that look like requests: the origin gets exactly
 *   these, and the client an answer to each.
 * - Any bytes from a client: the origin gets whole and clear requests only.
 * - Any bytes as an answer: the client gets a clear answer, or a connection that breaks.
 *
 * And each conversation comes to an end.
 *
 * @module
 */
import fc from "fast-check";
import assert from "node:assert/strict";
import { readMessage } from "../../proxy/http/_fake_http_reader.ts";
import { CORPUS, TOKENS } from "../../proxy/http/_corpus.ts";
import { Bench } from "./_http_bench.ts";
import { anyBytes, cut, cuts, type Edit, edited, editsOf } from "./_pieces.ts";
import type { FuzzTarget } from "./target.ts";

interface RequestPlan {
  readonly method: string;
  readonly path: string;
  readonly body: string;
  /** Sizes of chunks, modulo the rest; without any, the length is told. */
  readonly chunks: readonly number[];
  readonly fields: readonly string[];
}

type HttpCase =
  | { kind: "requests"; requests: readonly RequestPlan[]; cuts: readonly number[] }
  | { kind: "bytes"; base: number; edits: readonly Edit[]; cuts: readonly number[] }
  | {
    kind: "answer";
    base: number;
    method: string;
    edits: readonly Edit[];
    cuts: readonly number[];
  };

/** The last request, which ends the client's connection. */
const LAST = "GET http://A/last HTTP/1.1\r\nHost: A\r\nConnection: close\r\n\r\n";

/** A field of a right name and value (RFC 9110, 5.5 and 5.6.2). */
const FIELD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*$/;
/** Characters that end a line for some readers and not for others. */
const ENDS_LINE = /[\r\n\0]/;

/** Right answers, with the client's result; a 101 that nobody asked for gives none. */
const ANSWERS: readonly { text: string; status?: number; body?: string }[] = [
  {
    text: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    status: 200,
    body: "hello",
  },
  {
    text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    status: 200,
    body: "hello",
  },
  {
    text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
      "5;a=b\r\nhello\r\n0\r\nX-T: 1\r\n\r\n",
    status: 200,
    body: "hello",
  },
  { text: "HTTP/1.0 200 OK\r\n\r\nhello", status: 200, body: "hello" },
  {
    text: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    status: 204,
    body: "",
  },
  {
    text: "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" +
      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    status: 200,
    body: "",
  },
  {
    text: "HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 5\r\n\r\n",
    status: 304,
    body: "",
  },
  {
    text:
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nhello",
  },
  {
    text: "HTTP/1.1 302 Found\r\nLocation: /\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n" +
      "Content-Length: 0\r\n\r\n",
    status: 302,
    body: "",
  },
  {
    text:
      "HTTP/1.1 407 Proxy Authentication Required\r\nConnection: close, X\r\nX: 1\r\n\r\n",
    status: 407,
    body: "",
  },
];

const body = fc.oneof(
  fc.constant(""),
  anyBytes(200),
  fc.constantFrom(
    "GET /hidden HTTP/1.1\r\nHost: evil\r\n\r\n",
    "0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: evil\r\n\r\n",
    "\r\n\r\n",
  ),
);
const request: fc.Arbitrary<RequestPlan> = fc.record({
  method: fc.constantFrom("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"),
  path: fc.constantFrom("/", "/a?b=c", "/a%20b", "//x", "/*"),
  body,
  chunks: fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 4 }),
  fields: fc.subarray([
    "Cookie: a=b",
    "TE: trailers",
    "Via: 1.1 x",
    "X: \xe9",
    "Accept: */*",
  ]),
});
const edits = editsOf(TOKENS, 4);

function written(
  { method, path, body, chunks, fields }: RequestPlan,
  isLast: boolean,
): string {
  const head = [
    `${method} http://A${path} HTTP/1.1`,
    "Host: A",
    ...fields,
    ...(isLast ? ["Connection: close"] : []),
  ];
  // A body that is empty may be told or not; both are right for every method.
  if (chunks.length === 0) {
    if (body !== "") head.push(`Content-Length: ${body.length}`);
    return [...head, "", body].join("\r\n");
  }
  head.push("Transfer-Encoding: chunked");
  let coded = "";
  for (let at = 0, number = 0; at < body.length; number++) {
    const size = Math.min(chunks[number % chunks.length]!, body.length - at);
    coded += `${size.toString(16)}\r\n${body.slice(at, at + size)}\r\n`;
    at += size;
  }
  return [...head, "", `${coded}0`, "", ""].join("\r\n");
}

async function askRightly(requests: readonly RequestPlan[], places: readonly number[]) {
  await using bench = new Bench();
  const text = requests.map((each, i) => written(each, i === requests.length - 1)).join(
    "",
  );
  const client = await bench.talk(text, places);
  await bench.settle();
  const meant = requests.map(({ method, path, body }) => [method, path, body]);
  assert.deepEqual(bench.came, meant);
  let at = 0;
  for (const [index, { method }] of requests.entries()) {
    const answer = readMessage(client.got, at, {
      isEnd: client.end === "clean",
      isBodiless: method === "HEAD",
    });
    assert.ok(answer, `no whole answer to request ${index}: ${client.got.slice(at)}`);
    at = answer.end;
    assert.match(answer.message.start, /^HTTP\/1\.1 200 /);
    if (method !== "HEAD") assert.equal(answer.message.body, `${index + 1}`);
  }
  assert.equal(client.got.slice(at), "", "more than the answers");
}

async function askWrongly(text: string, places: readonly number[]) {
  await using bench = new Bench();
  await bench.talk(text + LAST, places, true);
  await bench.settle();
  const { start } = await bench.scene.ask(
    bench.placed("GET http://A/ HTTP/1.1\r\nHost: x\r\n\r\n"),
  );
  assert.equal(start, "HTTP/1.1 200 OK", "and it goes on");
}

/**
 * Without fields of odd names and values: whether a proxy hands them on as they are is a
 * matter of taste, where a line and the answer end is not.
 */
function withoutOddFields(answer: string): string {
  const end = answer.indexOf("\r\n\r\n");
  if (end < 0) return answer;
  const [start = "", ...fields] = answer.slice(0, end).split("\r\n");
  return [start, ...fields.filter((line) => FIELD.test(line) || ENDS_LINE.test(line))]
    .join("\r\n") +
    answer.slice(end);
}

async function answerAnyhow(input: HttpCase & { kind: "answer" }) {
  const { method, edits, cuts: places } = input;
  const { text, status, body } = ANSWERS[input.base]!;
  const answer = edited(text, edits);
  await using bench = new Bench(async (peer) => {
    for (const piece of cut(answer, places)) {
      await peer.send(piece);
      await new Promise((resolve) => setTimeout(resolve));
    }
  });
  const asked = `${method} http://A/ HTTP/1.1\r\nHost: A\r\nConnection: close\r\n\r\n`;
  const { got, end } = await bench.talk(asked, []);
  await bench.settle();
  const options = { isEnd: end === "clean", isBodiless: method === "HEAD" };
  // Throws without a clear answer; an answer that breaks off is not taken for whole.
  let rest = withoutOddFields(got);
  let read = readMessage(rest, 0, options);
  while (read && /^HTTP\/1\.1 1(?!01)/.test(read.message.start)) {
    rest = withoutOddFields(rest.slice(read.end));
    read = readMessage(rest, 0, options);
  }
  if (edits.length > 0 || status === undefined) return;
  assert.equal(read?.message.start.split(" ")[1], `${status}`, JSON.stringify(got));
  if (method !== "HEAD") assert.equal(read?.message.body, body);
}

export const target: FuzzTarget<HttpCase> = {
  name: "http",
  cases: fc.oneof(
    fc.record({
      kind: fc.constant("requests" as const),
      requests: fc.array(request, { minLength: 1, maxLength: 5 }),
      cuts,
    }),
    fc.record({
      kind: fc.constant("bytes" as const),
      base: fc.nat(CORPUS.length - 1),
      edits,
      cuts,
    }),
    fc.record({
      kind: fc.constant("answer" as const),
      base: fc.nat(ANSWERS.length - 1),
      method: fc.constantFrom("GET", "HEAD", "POST"),
      edits,
      cuts,
    }),
  ),
  async run(input) {
    if (input.kind === "requests") await askRightly(input.requests, input.cuts);
    else if (input.kind === "bytes") {
      await askWrongly(edited(CORPUS[input.base]!, input.edits), input.cuts);
    } else await answerAnyhow(input);
  },
};
