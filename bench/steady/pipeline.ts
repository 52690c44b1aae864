/**
 * Frames through the manager: from the bytes of a link over decoder, police and router to
 * the writes of two other links.
 *
 * The trace is that of a bulk stream to one host, of single bytes and acknowledgements to
 * the other, and of control frames now and then. Reads bring as much as fits, as those of
 * a pipe that is always full; writes settle at once, or only when all has been read.
 *
 * @module
 */
import { decode } from "../../link/decode.ts";
import { LinkQueue } from "../../link/queue/queue.ts";
import { controlFrame, packetFrame } from "../../router/_test_packets.ts";
import { carry } from "../../router/pipeline.ts";
import { policeCounters } from "../../router/police.ts";
import { Router } from "../../router/route.ts";
import { FrameDecoder } from "../../wire/decoder.ts";
import { parseIpv4 } from "../../wire/ip/ipv4.ts";
import type { Counter, Counts } from "./counter.ts";
import { allocatedBy } from "./memory.ts";

const VIPS = { from: "127.0.42.100", bulk: "127.0.42.101", echo: "127.0.42.102" };
const FRAMES = 3_000;
/** Data of a large packet: with its headers in a frame, 64 KiB. */
const LARGE = 65_488;

/** The trace, a link's bytes. */
function trace(): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  for (let number = 0; number < FRAMES; number++) {
    const kind = number % 16;
    const spec = { from: VIPS.from, to: VIPS.bulk, fromPort: 40_000, seq: number };
    if (number % 500 === 499) parts.push(controlFrame('{"event":"ok"}').bytes);
    if (kind < 2) parts.push(packetFrame({ ...spec, data: LARGE }).bytes);
    else if (kind < 10) parts.push(packetFrame({ ...spec, data: 1_400 }).bytes);
    else {
      const fromPort = 41_000 + kind;
      const data = kind % 2;
      parts.push(packetFrame({ ...spec, to: VIPS.echo, fromPort, data }).bytes);
    }
  }
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** A link whose reads are always full. */
function full(
  bytes: Uint8Array<ArrayBuffer>,
  counts: Counts,
): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    type: "bytes",
    pull(controller) {
      const { byobRequest } = controller;
      const view = byobRequest!.view as Uint8Array;
      const length = Math.min(view.byteLength, bytes.length - at);
      if (length === 0) {
        controller.close();
        byobRequest!.respond(0);
        return;
      }
      counts["reads"]!++;
      new Uint8Array(view.buffer, view.byteOffset, length)
        .set(new Uint8Array(bytes.buffer, at, length));
      at += length;
      byobRequest!.respond(length);
    },
  });
}

/** Counts the writes of a link, each of which settles once `gate` has. */
function link(name: string, counts: Counts, gate: Promise<void>) {
  counts[`writes to ${name}`] = 0;
  counts[`bytes to ${name}`] = 0;
  return new WritableStream<Uint8Array>({
    async write(bytes) {
      counts[`writes to ${name}`]!++;
      counts[`bytes to ${name}`]! += bytes.length;
      await gate;
    },
  });
}

async function run(isStalled: boolean): Promise<Counts> {
  const counts: Counts = { "reads": 0, "control frames": 0 };
  const bytes = trace();
  const source = full(bytes, counts);
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  if (!isStalled) open();
  const links = {
    bulk: link("the bulk host", counts, gate),
    echo: link("the echo host", counts, gate),
  };
  const router = new Router({
    version: 1,
    hosts: Object.entries(VIPS).map(([name, vip]) => ({ name, vip: parseIpv4(vip)! })),
    routes: [],
  }, { now: () => 0 });
  // More than the trace, so that nothing is dropped while the links stall.
  const queues = { bulk: new LinkQueue(), echo: new LinkQueue() };
  for (const [name, queue] of Object.entries(queues)) router.up(name, queue);
  router.up("from", { push: () => {} });
  const allocated = await allocatedBy(async () => {
    const options = { releases: true };
    const written = [
      queues.bulk.drain(links.bulk, options),
      queues.echo.drain(links.echo, options),
    ];
    await carry(router, decode(source, new FrameDecoder({ bannerLimit: 0 })), {
      from: "from",
      counters: policeCounters(),
      onControl: () => counts["control frames"]!++,
    });
    open();
    for (const queue of Object.values(queues)) queue.close();
    await Promise.all(written);
  });
  const { delivered } = router.counters;
  const dropped = queues.bulk.counters.dropped + queues.echo.counters.dropped;
  const peak = queues.bulk.counters.peakBytes + queues.echo.counters.peakBytes;
  return { ...counts, delivered, dropped, "most bytes waiting": peak, ...allocated };
}

export const flowing: Counter = {
  name: "frames through the manager, links that take all",
  count: () => run(false),
};

export const stalled: Counter = {
  name: "frames through the manager, links that stall",
  count: () => run(true),
};
