// Echoes of the manager: the requests that go out, and the answers that are taken.
import assert from "node:assert/strict";
import { type Frame, FrameType, HEADER_BYTES } from "../wire/frame.ts";
import { encodeFrame } from "../wire/frame.ts";
import { addWords, foldChecksum } from "../wire/ip/checksum.ts";
import { MOST_ECHOES } from "./echoes.ts";
import { mesh } from "./_mesh.ts";
import { hasValidChecksums } from "./_test_packets.ts";

const DATA = Uint8Array.from({ length: 40 }, (_, index) => index * 7);

/** The answer to a request; `change` is made before its checksum. */
function answerTo(
  { payload }: Frame,
  change: (packet: Uint8Array) => void = () => {},
): Frame {
  const packet = payload.slice();
  packet.set(payload.subarray(12, 16), 16);
  packet.set(payload.subarray(16, 20), 12);
  packet[20] = 0;
  change(packet);
  packet[22] = packet[23] = 0;
  const sum = foldChecksum(addWords(packet, 20, packet.length));
  packet[22] = sum >> 8;
  packet[23] = sum & 255;
  return encodeFrame(FrameType.L3, packet);
}

/** A mesh whose host web is up, and a request to it. */
function asked() {
  const { router, local, web, toWeb } = mesh();
  router.up("web", toWeb);
  let answers = 0;
  const ask = () =>
    router.echo({ from: "local", to: "web", data: DATA, answered: () => answers++ });
  return { router, local, web, ask, count: () => answers };
}

Deno.test("a request goes out like any packet, and its answer is taken once", () => {
  const { router, local, web, ask, count } = asked();
  assert.ok(ask());
  const [request] = web;
  assert.ok(request && hasValidChecksums(request.payload));
  assert.deepEqual([...request.payload.subarray(20, 22)], [8, 0]);
  assert.deepEqual(request.payload.subarray(28), DATA);
  assert.equal(router.counters.delivered, 1);
  const answer = answerTo(request);
  assert.ok(router.admits("web", answer.bytes, HEADER_BYTES));
  router.forward("web", answer);
  assert.equal(count(), 1);
  assert.equal(router.counters.delivered, 2);
  assert.deepEqual(local, [], "the host that seemed to ask gets nothing");
  router.forward("web", answer);
  assert.equal(count(), 1);
  assert.equal(local.length, 1, "a second one is a packet like others");
});

Deno.test("an answer counts only if all of it fits", () => {
  const { router, web, ask, count } = asked();
  assert.ok(ask());
  const [request] = web;
  const wrong: Record<string, (packet: Uint8Array) => void> = {
    identifier: (packet) => packet[24]! ^= 1,
    sequence: (packet) => packet[27]! ^= 1,
    data: (packet) => packet[60]! ^= 1,
    token: (packet) => packet[28]! ^= 1,
    type: (packet) => packet[20] = 8,
    code: (packet) => packet[21] = 1,
  };
  for (const [what, change] of Object.entries(wrong)) {
    router.forward("web", answerTo(request!, change));
    assert.equal(count(), 0, what);
  }
  const broken = answerTo(request!);
  broken.bytes[broken.bytes.length - 1]! ^= 1;
  router.forward("web", broken);
  assert.equal(count(), 0, "checksum");
  const longer = answerTo(request!).payload;
  router.forward("web", encodeFrame(FrameType.L3, longer.slice(0, 40)));
  assert.equal(count(), 0, "length");
  router.forward("web", answerTo(request!));
  assert.equal(count(), 1);
});

Deno.test("another host cannot answer in the name of the one that was asked", () => {
  const { router, web, ask, count } = asked();
  assert.ok(ask());
  const forged = answerTo(web[0]!);
  assert.ok(!router.admits("local", forged.bytes, HEADER_BYTES));
  const own = answerTo(web[0]!, (packet) => packet.set(packet.slice(16, 20), 12));
  router.forward("local", own);
  assert.equal(count(), 0);
});

Deno.test("an answer that nobody waits for any more is a packet like others", () => {
  const { router, local, web, ask, count } = asked();
  ask()!();
  router.forward("web", answerTo(web[0]!));
  assert.deepEqual([count(), local.length], [0, 1]);
});

Deno.test("requests under way are bounded, and each has a sequence number of its own", () => {
  const { web, ask } = asked();
  const forget = Array.from({ length: MOST_ECHOES }, ask);
  assert.ok(forget.every((each) => each !== undefined));
  assert.equal(ask(), undefined);
  const numbers = new Set(web.map(({ payload }) => payload[26]! << 8 | payload[27]!));
  assert.equal(numbers.size, MOST_ECHOES);
  forget[0]!();
  assert.ok(ask());
});

Deno.test("nobody is asked in the name of a host that is not there", () => {
  const { router, web } = asked();
  const echo = { data: DATA, answered: () => {} };
  assert.equal(router.echo({ from: "x", to: "web", ...echo }), undefined);
  assert.equal(router.echo({ from: "local", to: "x", ...echo }), undefined);
  assert.deepEqual(web, []);
});
