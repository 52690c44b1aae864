// The rest of connections that have ended: whose packets are blamed on their host.
import assert from "node:assert/strict";
import { encodeFrame, type Frame, FrameType } from "../wire/frame.ts";
import { TcpFlag } from "../wire/ip/ipv4.ts";
import { back, rules, TwoBastions } from "./_mesh.ts";
import { batchesOf } from "./_test_packets.ts";
import { carry } from "./pipeline.ts";
import { policeCounters } from "./police.ts";
import { policy } from "./policy/_rules.ts";

const { RST } = TcpFlag;

/** The verdicts on frames of a host, and the bytes that the host is blamed for. */
async function judged(mesh: TwoBastions, from: "b" | "c", ...frames: Frame[]) {
  const counters = policeCounters();
  let blamed = 0;
  await carry(mesh.router, batchesOf(frames), {
    from,
    counters,
    onDropped: (bytes) => blamed += bytes,
    onControl: () => {},
  });
  const { ok, late, source, short } = counters;
  return { ok, late, source, short, blamed };
}

const rest = () => [back({ data: 9 }), back({ data: 9 }), back({ data: 9 })];
const LATE = { ok: 0, late: 3, source: 0, short: 0, blamed: 0 };

Deno.test("what is under way when a policy ends a connection is not blamed on its host", async () => {
  const mesh = new TwoBastions();
  mesh.connect("b");
  const plain = rules(TwoBastions.vips, [["b", "10.0.0.0/8"], ["c", "10.0.0.0/8"]]);
  mesh.router.swap({ ...plain, policy: policy("deny a -> *") });
  mesh.clear();
  assert.deepEqual(await judged(mesh, "b", ...rest()), LATE);
  assert.equal(mesh.got.b!.length, 3, "each is answered by a reset");
  const bytes = rest().reduce((sum, frame) => sum + frame.bytes.length, 0);
  const blamed = { ...LATE, late: 0, source: 3, blamed: bytes };
  assert.deepEqual(await judged(mesh, "c", ...rest()), blamed, "it was not c's");
  mesh.now += 31_000;
  assert.deepEqual(await judged(mesh, "b", ...rest()), blamed, "nor is it for ever");
});

Deno.test("nor what is under way when the opener resets, and all else still is", async () => {
  const mesh = new TwoBastions();
  mesh.connect("b");
  assert.deepEqual(await judged(mesh, "b", back({ flags: RST })), {
    ...LATE,
    ok: 1,
    late: 0,
  });
  assert.deepEqual(await judged(mesh, "b", ...rest()), LATE);
  const strange = back({ fromPort: 40001 });
  const short = encodeFrame(FrameType.L3, new Uint8Array(3));
  assert.deepEqual(await judged(mesh, "b", strange, short), {
    ok: 0,
    late: 0,
    source: 1,
    short: 1,
    blamed: strange.bytes.length + short.bytes.length,
  });
});

Deno.test("the oldest is forgotten when very many end, and the newest is not", async () => {
  const mesh = new TwoBastions();
  for (let port = 1; port <= 8193; port++) {
    mesh.connect("b", port);
    mesh.pass("b", back({ flags: RST, fromPort: port }));
  }
  const { late, source } = await judged(
    mesh,
    "b",
    back({ fromPort: 1 }),
    back({ fromPort: 2 }),
    back({ fromPort: 8193 }),
  );
  assert.deepEqual({ late, source }, { late: 2, source: 1 });
});
