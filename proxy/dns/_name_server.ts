/**
 * A name server with a client, and the answers that tests expect.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Network } from "../../stack/_network.ts";
import { pause, within } from "../../tests/harness/scene/wait.ts";
import { parseIpv4 } from "../../wire/ip/ipv4.ts";
import {
  answerOf,
  ipBytes,
  queryOf,
  questionEnd,
  socketPair,
  word,
} from "./_fake_dns.ts";
import { idOf, rcodeOf } from "./message.ts";
import type { Resolver } from "./resolver.ts";
import { MessageStream } from "./stream.ts";
import { NameServer } from "./server.ts";
import type { NameServerOptions } from "./conversation.ts";
import { MeshStream } from "../edge/stream.ts";

export const WEB = parseIpv4("127.0.42.101")!;
export const names = new Map([["web", WEB], ["web.example", WEB]]);
export const namesOf = (vip: number) => vip === WEB ? [...names.keys()] : [];

/** Another host. */
export const SHOP = parseIpv4("127.0.42.102")!;

export const A = { type: 1, data: ipBytes("10.0.0.1") };

/** Answers with a single address, and remembers the questions. */
export function outside(): Resolver & { readonly asked: Uint8Array[] } {
  const asked: Uint8Array[] = [];
  return {
    asked,
    ask: (query) => {
      asked.push(query);
      return Promise.resolve(answerOf(query, { answers: [A] }));
    },
  };
}

export const never: Resolver = {
  ask: () => Promise.reject(new Error("nobody is asked here")),
};

/** A client of a server of these options, over loopback. */
export async function client(options: Partial<NameServerOptions> = {}, from?: number) {
  const pair = await socketPair();
  const serving = new NameServer({ names, namesOf, upstream: never, ...options })
    .serve(pair.far, from);
  const messages = new MessageStream(pair.near);
  return {
    stream: pair.near,
    messages,
    serving,
    ask: async (query: Uint8Array) => {
      await messages.write(query);
      return await within("an answer", messages.read());
    },
    [Symbol.asyncDispose]: async () => {
      pair.near.close();
      await within("the server's end", serving);
      pair[Symbol.dispose]();
    },
  };
}

/** An answer to `query` by hand: its flags, numbers of records, and the records. */
export function expected(
  query: Uint8Array,
  flags: number,
  counts: number[],
  rest: number[] = [],
) {
  return Uint8Array.from([
    ...query.subarray(0, 2),
    ...word(flags),
    ...[1, ...counts].flatMap(word),
    ...query.subarray(12, questionEnd(query)),
    ...rest,
  ]);
}

/** Sends messages shorter than a header among questions, and sees each answered. */
export async function shortMessagesAreAnswered(messages: MessageStream): Promise<void> {
  const question = queryOf({ id: 0x0101, name: "web" });
  const lengths = [2, 4, 11];
  for (const length of lengths) {
    await messages.write(new Uint8Array(length).fill(length));
    await messages.write(question);
  }
  const got: Uint8Array[] = [];
  while (got.length < 2 * lengths.length) {
    got.push((await within("an answer", messages.read()))!);
  }
  const formerr = lengths.map((id) =>
    Uint8Array.of(id, id, 0x80, 0x81, 0, 0, 0, 0, 0, 0, 0, 0)
  );
  const is = (id: number) => (answer: Uint8Array) => idOf(answer) === id;
  assert.deepEqual(got.filter((answer) => !is(0x0101)(answer)), formerr);
  assert.deepEqual(got.filter(is(0x0101)).map(rcodeOf), lengths.map(() => 0));
}

/** An open connection between two stacks, carried until disposed of. */
export async function meshPair() {
  const network = new Network();
  const near = await network.add("127.0.42.100");
  const far = await network.add("127.0.42.101");
  const connection = near.stack.connect(far.address, 10_053);
  const opened = connection.opened();
  await network.settle();
  const accepted = far.arrived.shift()!;
  accepted.accept();
  let on = true;
  const carrying = (async () => {
    for (; on; await pause(2)) await network.settle();
  })();
  await within("the connection", Promise.all([opened, accepted.opened()]));
  return {
    near: new MeshStream(connection),
    far: new MeshStream(accepted),
    [Symbol.asyncDispose]: async () => {
      on = false;
      await carrying;
    },
  };
}
