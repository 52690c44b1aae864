import assert from "node:assert/strict";
import { packetFrame } from "../../router/_test_packets.ts";
import { Sender } from "../sender.ts";
import { WaitingRoom } from "./waiting.ts";

/** Room for ten packets without data: 48 bytes and 256 each. */
const TEN = 10 * (48 + 256);

Deno.test("who holds most makes room for the others, its newest first", () => {
  const room = new WaitingRoom(TEN);
  for (let seq = 0; seq < 12; seq++) {
    const { isKept, turnedAway } = room.add("rogue", packetFrame({ seq }));
    assert.deepEqual([isKept, turnedAway], seq < 10 ? [true, 0] : [false, 1]);
  }
  for (let seq = 0; seq < 3; seq++) {
    assert.deepEqual(room.add("web", packetFrame({ seq })), {
      isKept: true,
      turnedAway: 1,
    });
  }
  assert.deepEqual(room.add("rogue", packetFrame()), { isKept: false, turnedAway: 1 });
  const held = room.empty();
  assert.deepEqual(held.map(({ from }) => from), [
    ...Array.from({ length: 7 }, () => "rogue"),
    "web",
    "web",
    "web",
  ]);
  const sequence = (bytes: Uint8Array) => new DataView(bytes.buffer).getUint32(32);
  assert.deepEqual(held.slice(0, 7).map(({ frame }) => sequence(frame.bytes)), [
    0,
    1,
    2,
    3,
    4,
    5,
    6,
  ]);
  assert.deepEqual(room.empty(), []);
  assert.deepEqual(room.add("rogue", packetFrame()), { isKept: true, turnedAway: 0 });
});

Deno.test("hosts that share the room equally do not push each other out", () => {
  const room = new WaitingRoom(TEN);
  for (let i = 0; i < 40; i++) room.add(i % 2 ? "a" : "b", packetFrame());
  const held = room.empty().map(({ from }) => from);
  assert.deepEqual([held.length, held.filter((from) => from === "a").length], [10, 5]);
});

Deno.test("a room is an outlet that counts what it keeps and what it turns away", () => {
  const counters = { waited: 0, overflowed: 0 };
  const room = new WaitingRoom(TEN, { counters });
  const web = new Sender("web");
  for (let seq = 0; seq < 12; seq++) room.push(packetFrame({ seq }), web);
  assert.deepEqual(counters, { waited: 10, overflowed: 2 });
  assert.deepEqual(room.status(), { frames: 10, bytes: TEN });
  assert.deepEqual(new Set(room.empty().map(({ from }) => from)), new Set(["web"]));
  assert.deepEqual(room.status(), { frames: 0, bytes: 0 });
});
