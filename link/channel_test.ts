import assert from "node:assert/strict";
import {
  type ControlMessage,
  decodeControl,
  encodeControl,
} from "../wire/control/control.ts";
import { type Credit, decodeCredit, encodeCredit } from "../wire/credit.ts";
import { FrameDecoder } from "../wire/decoder.ts";
import { encodeFrame, FrameType } from "../wire/frame.ts";
import { FakeClock, settle } from "./_fake_clock.ts";
import type { Ending } from "./adopted.ts";
import { Channel } from "./channel.ts";
import type { Link } from "./link.ts";
import { memoryLinkPair } from "./memory.ts";

/** The other end of one link: what came over it, and a way to answer. */
class Peer {
  readonly messages: ControlMessage[] = [];
  readonly packets: Uint8Array[] = [];
  readonly credits: Credit[] = [];
  /** Settles at the end of its input. */
  readonly ended: Promise<void>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;

  constructor(link: Link) {
    this.#writer = link.writable.getWriter();
    this.#writer.closed.catch(() => {});
    this.ended = this.#read(link.readable).catch(() => {});
  }

  send(message: ControlMessage): Promise<void> {
    return this.write(encodeControl(message).bytes);
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#writer.write(bytes);
  }

  close(): Promise<void> {
    return this.#writer.close().catch(() => {});
  }

  async #read(readable: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new FrameDecoder({ bannerLimit: 0 });
    for await (const chunk of readable) {
      for (const frame of decoder.push(chunk)) {
        if (frame.type === FrameType.L3) this.packets.push(frame.payload.slice());
        else if (frame.type === FrameType.CREDIT) {
          this.credits.push(decodeCredit(frame.payload));
        } else this.messages.push(decodeControl(frame.payload));
      }
    }
  }
}

/** A channel that notes what it tells. */
function bench() {
  const clock = new FakeClock();
  const log: string[] = [];
  const channel = new Channel({
    clock,
    longest: 65_536,
    async carry(batches, onControl) {
      for await (const batch of batches) {
        for (const frame of batch) {
          if (frame.type === FrameType.JSON) onControl(frame);
          else log.push(`packet of ${frame.payload.length}`);
        }
      }
    },
    event: ({ type }) => log.push(`event ${type}`),
    excess: () => log.push("excess"),
  });
  /** Gives the channel a further link. */
  const adopt = () => {
    const [near, far] = memoryLinkPair();
    const endings: Ending[] = [];
    const ended = channel.adopt(near, {
      banner: (text) => log.push(`banner ${text}`),
      over: (ending) => endings.push(ending),
    });
    return { near, peer: new Peer(far), endings, ended };
  };
  return { clock, log, channel, adopt };
}

const packet = encodeFrame(FrameType.L3, new Uint8Array(20).fill(0x45));

Deno.test("a channel stays while its links change, with a queue for each peer", async () => {
  const { channel, adopt, clock } = bench();
  assert.equal(channel.state, "starting");
  assert.equal(channel.push(packet), false, "there is no link yet");

  const first = adopt();
  assert.equal(channel.state, "starting", "a link is no peer yet");
  channel.greeted({ canPing: true });
  assert.equal(channel.state, "ready");
  const queue = channel.queue!;
  assert.equal(channel.push(packet), true);
  await settle();
  assert.equal(first.peer.packets.length, 1);

  channel.end("it is replaced");
  assert.deepEqual(first.endings, [{ reason: "it is replaced" }]);
  assert.equal(channel.state, "ready", "whoever opens links says what that means");
  channel.down();
  assert.equal(channel.state, "down");
  assert.equal((await first.ended)?.reason, "it is replaced");
  assert.equal(channel.push(packet), false, "the queue ended with its link");
  assert.equal(clock.pending, 0, "nobody is asked whether it lives any more");

  const second = adopt();
  assert.equal(channel.state, "down", "until the new peer is greeted");
  channel.greeted({ canPing: false });
  assert.equal(channel.state, "ready");
  assert.notEqual(channel.queue, queue);
  channel.close("enough");
  assert.equal(channel.state, "closed");
  await second.peer.close();
  await second.ended;
  channel.down();
  channel.greeted({ canPing: true });
  assert.equal(channel.state, "closed", "for good");
  assert.equal(clock.pending, 0);
});

Deno.test("a channel has one link at a time", async () => {
  const { channel, adopt } = bench();
  const first = adopt();
  await assert.rejects(adopt().ended, /one link at a time/);
  channel.end("over");
  await first.ended;
});

Deno.test("a call is answered by the peer, and fails without a link", async () => {
  const { channel, adopt } = bench();
  await assert.rejects(channel.call("ping"), /no link is up/);
  const { peer, ended } = adopt();
  const call = channel.call("status");
  await settle();
  assert.deepEqual(peer.messages, [{ type: "request", body: { id: 1, op: "status" } }]);
  await peer.send({ type: "result", body: { request_id: 1, op: "status", data: 5 } });
  assert.equal(await call, 5);

  const lost = assert.rejects(channel.call("status"), /the link ended/);
  channel.end("over");
  await lost;
  await assert.rejects(channel.call("status"), /no link is up/);
  await ended;
});

Deno.test("events are told, an answer nobody asked for is excess, a request is for nobody", async () => {
  const { channel, adopt, log } = bench();
  const { peer, ended } = adopt();
  await peer.write(new TextEncoder().encode("Welcome\n"));
  await peer.send({ type: "event", body: { type: "news" } });
  await peer.write(packet.bytes);
  await peer.send({ type: "result", body: { request_id: 1, op: "status" } });
  await peer.send({ type: "request", body: { id: 1, op: "status" } });
  await settle();
  assert.deepEqual(log, ["banner Welcome\n", "event news", "packet of 20", "excess"]);
  channel.end("over");
  await ended;
});

Deno.test("nothing that comes after the end of a link is told", async () => {
  const { channel, adopt, log } = bench();
  const { peer, ended } = adopt();
  const sent = peer.send({ type: "event", body: { type: "late" } });
  channel.end("over");
  await Promise.allSettled([sent, ended]);
  await settle();
  assert.deepEqual(log, []);
});

Deno.test("nonsense ends the link with its reason, once it is known that nothing else does", async () => {
  const { adopt, clock } = bench();
  const { peer, endings, ended } = adopt();
  await peer.write(encodeFrame(FrameType.JSON, new TextEncoder().encode("{]")).bytes);
  await settle();
  assert.equal(endings.length, 0, "how the link ends may be the better reason");
  await clock.pass(200, 50);
  assert.equal(endings[0]?.isFault, true);
  assert.match(endings[0]!.reason, /^Cannot read a control message .*, in "\{\]"$/);
  assert.equal((await ended)?.reason, endings[0]!.reason);
  assert.equal(clock.pending, 0);
});

Deno.test("a peer that ended its output is gone when its link has not ended in a second", async () => {
  const { adopt, clock } = bench();
  const { peer, endings, ended } = adopt();
  await peer.close();
  await settle();
  await clock.pass(950, 50);
  assert.equal(endings.length, 0);
  await clock.pass(50, 50);
  assert.deepEqual(endings, [{ reason: "its output ended" }]);
  await ended;
  assert.equal(clock.pending, 0);
});

Deno.test("how a link ended is told with its end", async () => {
  const { near, endings, ended } = bench().adopt();
  near.abort("cut");
  const exit = await ended;
  assert.equal(exit?.reason, "cut");
  assert.deepEqual(endings.map(({ exit }) => exit), [exit]);
});

Deno.test("a close ends the peer's input first, and its link by force only if it stays", async () => {
  {
    const { channel, adopt, clock } = bench();
    const { peer, ended } = adopt();
    channel.close("enough");
    await peer.ended;
    await peer.close();
    assert.equal((await ended)?.ok, true);
    assert.equal(clock.pending, 0);
  }
  {
    const { channel, adopt, clock } = bench();
    const { peer, ended } = adopt();
    channel.close("enough");
    await peer.ended;
    await clock.pass(600, 100);
    assert.deepEqual(await ended, { ok: false, reason: "enough", stderr: [] });
    assert.equal(clock.pending, 0);
  }
});

Deno.test("a peer that can answer is asked whether it lives, and ended by its silence", async () => {
  const { channel, adopt, clock } = bench();
  const { peer, endings, ended } = adopt();
  channel.greeted({ canPing: true });
  await clock.pass(14_000, 1000);
  const ops = peer.messages.map(({ body }) => "op" in body && body.op);
  assert.deepEqual(ops, ["ping", "ping"]);
  assert.equal(endings.length, 0);
  await clock.pass(1000, 1000);
  assert.deepEqual(endings, [{ reason: "nothing came from it for 15 s" }]);
  await ended;
  assert.equal(clock.pending, 0);
});

Deno.test("a peer that does not know credits gets none, and its own go nowhere", async () => {
  const { channel, adopt, clock, log } = bench();
  const { peer } = adopt();
  channel.greeted({ canPing: false });
  await peer.write(packet.bytes);
  await peer.write(encodeCredit({ taken: 0, every: 1 }).bytes);
  await settle(10);
  await clock.pass(1000);
  assert.deepEqual([peer.credits, channel.window], [[], undefined]);
  assert.deepEqual(log, ["packet of 20", "packet of 12"], "it is left to police");
  channel.close("over");
  await peer.close();
});

Deno.test("between peers that know credits what was taken is told, and bounds what goes", async () => {
  const { channel, adopt, clock, log } = bench();
  const { peer } = adopt();
  await peer.write(packet.bytes);
  await settle(10);
  channel.greeted({ canPing: false, canCredit: true });
  await settle(10);
  assert.equal(peer.credits.at(-1)?.taken, packet.bytes.length);

  await peer.write(encodeCredit({ taken: 0, every: 4096 }).bytes);
  await settle(10);
  assert.ok(channel.window);
  const large = encodeFrame(FrameType.L3, new Uint8Array(10_000).fill(0x45));
  for (let i = 0; i < 100; i++) channel.push(large);
  await settle(10);
  const { underWay, window } = channel.window!;
  assert.ok(underWay <= window + large.bytes.length, `${underWay} of ${window}`);
  assert.equal(peer.packets.length, Math.ceil(underWay / large.bytes.length));

  let taken = 0;
  for (let round = 0; round < 200 && peer.packets.length < 100; round++) {
    await clock.pass(2);
    taken = peer.packets.reduce((sum, { length }) => sum + length + 8, 0);
    await peer.write(encodeCredit({ taken, every: 4096 }).bytes);
    await settle(10);
  }
  assert.equal(peer.packets.length, 100, "the rest goes as the peer takes it");
  assert.equal(channel.window?.faults, 0);
  assert.deepEqual(log, ["packet of 20"]);
  channel.close("over");
  await peer.close();
});

Deno.test("a peer that may outlive its link is told when the end is wanted", async () => {
  const bye = { type: "event", body: { type: "bye" } };
  for (const stays of [true, false]) {
    const { channel, adopt } = bench();
    const { peer, ended } = adopt();
    channel.greeted({ canPing: false, stays });
    channel.push(packet);
    channel.close("enough");
    await peer.ended;
    await peer.close();
    await ended;
    assert.deepEqual(peer.messages, stays ? [bye] : []);
    assert.equal(peer.packets.length, 1, "which changes nothing else");
  }
  const { channel, adopt } = bench();
  const first = adopt();
  channel.mayStay();
  channel.dismiss("it is of no use");
  await first.peer.ended;
  assert.deepEqual(first.peer.messages, [bye]);
  await first.peer.close();
  await first.ended;
  const second = adopt();
  channel.close("enough");
  await second.peer.ended;
  assert.deepEqual(second.peer.messages, [], "which is another peer");
  await second.peer.close();
  await second.ended;
});

Deno.test("a peer that is away has no queue, and is ready again over its next link", async () => {
  const { channel, adopt, clock } = bench();
  const { ended } = adopt();
  channel.greeted({ canPing: true, stays: true });
  await clock.pass(3000, 1000);
  assert.equal(channel.heardAt, 0);
  channel.end("cut");
  channel.away();
  assert.equal(channel.state, "away");
  await ended;
  assert.equal(channel.push(packet), false);
  assert.equal(channel.heardAt, 0, "of the link before");
  const { peer } = adopt();
  assert.equal(channel.state, "away", "until the peer says so");
  channel.greeted({ canPing: false, stays: true });
  assert.equal(channel.state, "ready");
  channel.push(packet);
  await settle();
  assert.equal(peer.packets.length, 1);
  channel.end("over");
});
