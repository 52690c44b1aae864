/**
 * An agent that ignores its orders, and sends its neighbour packets that no stack would:
 * `VIP TARGET PORT`.
 *
 * The end is told on standard error.
 *
 * @module
 */
import { FEATURES } from "../../../agent/agent.ts";
import {
  makeSegment,
  parseSegment,
  type SegmentFields,
} from "../../../stack/_segment.ts";
import { decodeControl, encodeControl } from "../../../wire/control/control.ts";
import { FrameDecoder } from "../../../wire/decoder.ts";
import { encodeFrame, FrameType } from "../../../wire/frame.ts";
import { parseIpv4 } from "../../../wire/ip/ipv4.ts";

const FIN = 1, SYN = 2, PSH = 8, ACK = 16;
const FIRST = 1000;
/** An MSS and no window scale, so that the window is 65 535 bytes. */
const UNSCALED = [2, 4, 0xff, 0xd7];
const [me = 0, target = 0] = Deno.args.slice(0, 2).map((text) => parseIpv4(text)!);
const port = Number(Deno.args[2]);
const writer = Deno.stdout.writable.getWriter();
/** The target's first number, by our port. */
const answers = new Map<number, (first: number) => void>();

function send(
  fromPort: number,
  fields: Omit<SegmentFields, "from" | "to" | "fromPort" | "toPort">,
) {
  const ends = { from: me, to: target, fromPort, toPort: port };
  const packet = makeSegment({ window: 65_535, ...ends, ...fields });
  return writer.write(encodeFrame(FrameType.L3, packet).bytes);
}

/** A connection without window scale whose last step is left to the caller. */
async function connect(fromPort: number) {
  const { promise, resolve } = Promise.withResolvers<number>();
  answers.set(fromPort, resolve);
  // The server may not listen yet.
  const ask = () => send(fromPort, { sequence: FIRST, flags: SYN, options: UNSCALED });
  const timer = setInterval(ask, 300);
  await ask();
  promise.then(() => clearInterval(timer));
  const acknowledged = await promise + 1 >>> 0;
  return (at: number, data: number, flags = 0) => {
    const bytes = new Uint8Array(data).fill(65);
    const sequence = FIRST + 1 + at;
    return send(fromPort, { sequence, acknowledged, flags: flags | ACK, data: bytes });
  };
}

async function attack(): Promise<void> {
  // FIN at the window's edge, and data beyond.
  const edge = await connect(2001);
  await edge(0, 0);
  await edge(0, 1000, PSH);
  await edge(1000 + 64_530, 4, FIN);
  await edge(1000, 64_535, PSH);
  // Data beyond the window with the last step of the handshake.
  const early = await connect(2002);
  await early(1000, 65_400);
  await early(0, 1000, PSH);
  // An MSS below the queued bytes.
  const small = await connect(2003);
  await small(0, 65_495, PSH);
  // Single bytes far ahead, on many connections.
  const many = await Promise.all(Array.from({ length: 50 }, (_, i) => connect(3000 + i)));
  for (const each of many) await each(0, 0);
  for (let at = 2; at < 2000; at += 2) for (const each of many) await each(at, 1);
  // More connections than a host may ask for.
  for (let i = 0; i < 6000; i++) await send(10_000 + i, { sequence: FIRST, flags: SYN });
  console.error("warning: through with it");
}

const decoder = new FrameDecoder();
for await (const chunk of Deno.stdin.readable) {
  for (const frame of decoder.push(chunk)) {
    if (frame.type === FrameType.L3) {
      const packet = frame.payload;
      const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
      const { flags, sequence } = parseSegment(packet);
      if ((flags & (SYN | ACK)) === (SYN | ACK)) {
        answers.get(view.getUint16(22))?.(sequence);
      }
      continue;
    }
    if (frame.type !== FrameType.JSON) continue;
    const { type, body } = decodeControl(frame.payload);
    if (type !== "request") continue;
    const { id, op } = body;
    const data = op === "configure"
      ? { features: FEATURES, version: "hostile" }
      : { listeners: [] };
    const result = { request_id: id, op, data };
    await writer.write(encodeControl({ type: "result", body: result }).bytes);
    if (op === "configure") attack();
  }
}
