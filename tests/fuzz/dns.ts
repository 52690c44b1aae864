/**
 * DNS: queries of clients to a host's name server over its stream, answers of servers
 * (through the name server, and to a client over the mesh), and hosts files.
 *
 * @module
 */
import fc from "fast-check";
import assert from "node:assert/strict";
import {
  answerOf,
  fakeServer,
  queryOf,
  type RecordParts,
  word,
} from "../../proxy/dns/_fake_dns.ts";
import { FakeStream } from "../../proxy/edge/_fake_stream.ts";
import { NameError, resolveOver } from "../../proxy/dns/client.ts";
import { parseHosts } from "../../proxy/dns/hosts.ts";
import {
  flagsOf,
  idOf,
  isAnswerTo,
  MessageError,
  parseMessage,
  rcodeOf,
} from "../../proxy/dns/message.ts";
import type { Resolver } from "../../proxy/dns/resolver.ts";
import { ServerResolver } from "../../proxy/dns/upstream.ts";
import { NameServer } from "../../proxy/dns/server.ts";
import type { ByteStream } from "../../proxy/edge/stream.ts";
import { formatIpv4, parseIpv4 } from "../../wire/ip/ipv4.ts";
import { bytesOf, cut, cuts, type Edit, edited, editsOf, textOf } from "./_pieces.ts";
import type { FuzzTarget } from "./target.ts";
import { Rcode } from "../../proxy/dns/numbers.ts";

interface QuestionPlan {
  readonly id: number;
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly edns: boolean;
  /** Changes to the message, its length stays right. */
  readonly edits: readonly Edit[];
}

interface RecordPlan {
  readonly name?: string;
  readonly type: number;
  readonly ttl: number;
  readonly data: readonly number[];
}

interface DnsCase {
  readonly questions: readonly QuestionPlan[];
  /** Changes to the stream of the messages, lengths and all. */
  readonly streamEdits: readonly Edit[];
  readonly cuts: readonly number[];
  /** The answers of the servers outside. */
  readonly answers: readonly RecordPlan[];
  readonly rcode: number;
  readonly answerEdits: readonly Edit[];
  readonly hosts: string;
  /** Whether a server is also asked through sockets, which takes longer. */
  readonly bySockets: boolean;
}

const WEB = parseIpv4("127.0.42.101")!;
const NAMES = new Map([["web", WEB], ["web.example", WEB]]);
const TYPE_A = 1;
/** A server that says nothing sensible is waited for so long. */
const SERVER_LIMIT_MS = 50;
const ANSWER_FLAG = 0x8000;
const POINTER = "\xc0\x0c";
const TOKENS = [
  POINTER,
  "\xc0\xff",
  "\xff",
  "\0",
  "\x3f",
  "\x40",
  "\x80",
  "\x03web\0",
  "\0\x01",
];

const label = fc.constantFrom(
  "web",
  "WEB",
  "example",
  "a",
  "x-y",
  "_sip",
  "é",
  "a b",
  "0",
);
const name = fc.oneof(
  fc.constantFrom("web", "web.example", "WEB.EXAMPLE", "", "outside.test"),
  fc.array(label, { maxLength: 6 }).map((labels) => labels.join(".")),
);
const dnsType = fc.oneof(
  fc.constantFrom(1, 5, 6, 28, 41, 64, 65, 251, 252, 255),
  fc.nat(65_535),
);
const byte = fc.nat(255);

/** The response of the servers outside to a query; a server may be wrong in any way. */
function answerBytes(input: DnsCase, query: Uint8Array): Uint8Array<ArrayBuffer> {
  const { answers, rcode, answerEdits } = input;
  const records: RecordParts[] = answers.map(({ name, ...record }) => ({
    ...record,
    // Left out, the name points at the question.
    ...(name !== undefined && { name }),
  }));
  const answer = answerOf(query, { rcode, answers: records });
  return bytesOf(edited(textOf(answer), answerEdits));
}

/** Whole messages of a stream; fails if a message breaks off. */
function messagesOf(stream: Uint8Array): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let at = 0; at < stream.length;) {
    const end = at + 2 + (stream[at]! << 8 | stream[at + 1]!);
    assert.ok(end <= stream.length, "an answer that breaks off");
    messages.push(stream.slice(at + 2, end));
    at = end;
  }
  return messages;
}

function isPlain({ flags, name, type, edits }: QuestionPlan): boolean {
  return edits.length === 0 && flags === 0x0100 && NAMES.has(name.toLowerCase()) &&
    type === TYPE_A;
}

async function serve(input: DnsCase): Promise<void> {
  const asked = input.questions.map(({ edits, edns, ...parts }) => {
    const message = queryOf({ ...parts, ...(edns && { options: [] }) });
    return bytesOf(edited(textOf(message), edits));
  });
  const framed = asked.map((message) =>
    textOf(Uint8Array.from(word(message.length))) + textOf(message)
  );
  const sent = edited(framed.join(""), input.streamEdits);
  const upstream: Resolver = {
    ask(query) {
      // The server outside may be asked nothing but queries.
      const { question } = parseMessage(query);
      assert.ok(question, "a query without a question went outside");
      return Promise.resolve(answerBytes(input, query));
    },
  };
  const failures: Error[] = [];
  const options = {
    names: NAMES,
    namesOf: (address: number) => address === WEB ? ["web"] : [],
    upstream,
    onResolved: (name: string, addresses: readonly number[]) => {
      assert.equal(name, name.toLowerCase());
      for (const address of addresses) formatIpv4(address);
    },
    onError: (error: Error) => failures.push(error),
  };
  const stream = new FakeStream();
  stream.send(...cut(bytesOf(sent), input.cuts), null);
  await new NameServer(options).serve(stream);
  assert.deepEqual(failures, []);
  assert.ok(stream.ends.length > 0, "the stream is left open");
  assert.ok(!stream.ends.includes("reset"), "a client that ended is reset");
  const answers = messagesOf(Uint8Array.from(stream.written));
  if (input.streamEdits.length > 0) return;
  const whole = asked.findIndex((message) => message.length < 2);
  const answerable = whole < 0 ? asked : asked.slice(0, whole);
  assert.equal(answers.length, answerable.length, "one answer to each message");
  const outside = input.answerEdits.length > 0;
  for (const [index, plan] of input.questions.entries()) {
    if (!isPlain(plan) || index >= answerable.length) continue;
    const own = answers.filter((answer) => idOf(answer) === plan.id)
      .filter((answer) => rcodeOf(answer) === Rcode.NOERROR)
      .some((answer) => textOf(answer).endsWith("\x7f\x00\x2a\x65") || plan.edns);
    assert.ok(own || outside, `no answer with the address of ${plan.name}`);
  }
  for (const answer of answers) {
    if (!outside) assert.ok(flagsOf(answer) & ANSWER_FLAG, "an answer that is none");
  }
}

/** A stream whose server answers the query written there. */
function answering(input: DnsCase): ByteStream {
  const stream = new FakeStream();
  const write = stream.write.bind(stream);
  stream.write = async (bytes) => {
    await write(bytes);
    const answer = answerBytes(input, bytes.slice(2));
    const framed = Uint8Array.from([...word(answer.length), ...answer]);
    stream.send(...cut(framed, input.cuts), null);
  };
  return stream;
}

async function resolve(input: DnsCase): Promise<void> {
  for (const { name } of input.questions) {
    try {
      const { addresses, ttl } = await resolveOver(answering(input), name);
      assert.ok(addresses.length > 0, "no address, and no error");
      assert.ok(ttl >= 0 && ttl <= 300, `a TTL of ${ttl} s`);
      for (const address of addresses) {
        assert.ok(Number.isInteger(address) && address >= 0 && address < 2 ** 32);
      }
    } catch (error) {
      if (!(error instanceof NameError)) throw error;
    }
  }
}

/** A server on loopback answers so, over UDP and TCP: only valid answers are believed. */
async function askServer(input: DnsCase): Promise<void> {
  const answer = (query: Uint8Array) => answerBytes(input, query);
  await using server = await fakeServer({ udp: (query) => [answer(query)], tcp: answer });
  const resolver = new ServerResolver({
    servers: () => [server.address],
    serverLimitMs: SERVER_LIMIT_MS,
    limitMs: SERVER_LIMIT_MS,
  });
  for (const { edits: _, edns, ...parts } of input.questions.slice(0, 1)) {
    const query = queryOf({ ...parts, ...(edns && { options: [] }) });
    let got: Uint8Array;
    try {
      got = await resolver.ask(query);
    } catch (error) {
      const said = error instanceof MessageError ||
        /^No DNS server/.test(`${error}`.slice(7));
      if (!said) throw error;
      continue;
    }
    assert.ok(
      isAnswerTo(parseMessage(query), got),
      "what is no answer was taken for one",
    );
  }
}

function readHosts(text: string): void {
  for (const [name, { addresses, addresses6 = [] }] of parseHosts(text)) {
    assert.equal(name, name.toLowerCase());
    assert.doesNotMatch(name, /[\s#]/);
    const isReverse = name.endsWith(".arpa"); // the name of an address, which has none
    const known = addresses.length + addresses6.length;
    assert.ok(isReverse || known > 0, `${name} without an address`);
  }
}

const edits = fc.oneof(fc.constant([]), editsOf(TOKENS, 3));

export const target: FuzzTarget<DnsCase> = {
  name: "dns",
  cases: fc.record({
    questions: fc.array(
      fc.record({
        id: fc.nat(65_535),
        name,
        type: dnsType,
        flags: fc.oneof(fc.constant(0x0100), fc.nat(65_535)),
        edns: fc.boolean(),
        edits,
      }),
      { maxLength: 5 },
    ),
    streamEdits: fc.oneof(fc.constant([]), editsOf(TOKENS, 2)),
    cuts,
    answers: fc.array(
      fc.record({
        name,
        type: dnsType,
        ttl: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
        data: fc.oneof(
          fc.tuple(byte, byte, byte, byte),
          fc.constant([0xc0, 12]),
          fc.array(byte, { maxLength: 20 }),
        ),
      }, { requiredKeys: ["type", "ttl", "data"] }),
      { maxLength: 4 },
    ),
    bySockets: fc.integer({ min: 0, max: 9 }).map((dice) => dice === 9),
    rcode: fc.oneof(fc.constant(0), fc.nat(15)),
    answerEdits: edits,
    hosts: fc.array(
      fc.constantFrom(
        "127.0.0.1",
        "::1",
        " ",
        "\t",
        "\n",
        "\r\n",
        "web",
        "WEB.",
        "#",
        "1.2.3",
        "fe80::1%eth0",
        "\0",
        "é",
        "__proto__",
        "constructor",
        ".",
      ),
      { maxLength: 40 },
    ).map((parts) => parts.join("")),
  }),
  async run(input) {
    await serve(input);
    await resolve(input);
    if (input.bySockets) await askServer(input);
    readHosts(input.hosts);
  },
};
