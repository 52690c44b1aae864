// The frames of a host, batch by batch: order, resets within a batch, and turns for others.
import assert from "node:assert/strict";
import type { Frame } from "../wire/frame.ts";
import { TcpFlag } from "../wire/ip/ipv4.ts";
import { back, flagsIn, LOCAL, mesh, rules, TwoBastions } from "./_mesh.ts";
import { batchesOf, controlFrame, packetFrame } from "./_test_packets.ts";
import { police, policeCounters } from "./police.ts";
import { Router } from "./route.ts";

const { RST } = TcpFlag;

Deno.test("packets are forwarded and control frames handed over, in order", async () => {
  const { router, web, toWeb } = mesh();
  router.up("web", toWeb);
  const control = [controlFrame('{"a":1}'), controlFrame('{"b":2}')];
  const seen: Frame[] = [];
  await router.run(
    "local",
    batchesOf([control[0]!, packetFrame(), control[1]!], [packetFrame()]),
    (frame) => seen.push(frame),
  );
  assert.deepEqual([seen, web.length], [control, 2]);
});

Deno.test("a control frame that cannot be handled ends the pipeline", async () => {
  const { router } = mesh();
  const running = router.run("local", batchesOf([controlFrame()]), () => {
    throw new Error("not a control message");
  });
  await assert.rejects(running, { message: "not a control message" });
});

Deno.test("what follows a reset in the same batch is not delivered", async () => {
  const mesh = new TwoBastions();
  mesh.connect("b");
  const counters = policeCounters();
  const judge = police({ find: mesh.router.finder("b"), counters });
  const batch = [back({ data: 1 }), back({ flags: RST }), back({ ack: 99 })];
  await mesh.router.run("b", judge(batchesOf(batch)), () => {});
  assert.deepEqual([counters.ok, mesh.got.a!.length], [3, 2]);
  assert.deepEqual(mesh.got.b!.map(flagsIn), [RST]);
});

/** A pipeline whose batches are always there. */
async function* endless(
  batch: () => Frame[],
  until: () => boolean,
): AsyncGenerator<Frame[]> {
  while (!until()) yield batch();
}

Deno.test("a pipeline that always has work leaves others their turns, also within a batch", async () => {
  for (const kind of ["packets", "control"] as const) {
    let now = 0;
    let isHeld = true;
    const waiting: (() => void)[] = [];
    const router = new Router(rules({ rogue: LOCAL }), {
      now: () => now,
      pace: {
        now: () => now,
        rest: () =>
          isHeld ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(),
      },
    });
    let handled = 0;
    const work = () => {
      now += 0.01;
      handled++;
    };
    // Each packet costs ten microseconds, each batch a quarter of a second.
    router.up("rogue", { push: work });
    const frame = kind === "packets"
      ? packetFrame({ from: LOCAL, to: LOCAL })
      : controlFrame();
    let isOver = false;
    const running = router.run(
      "rogue",
      endless(() => Array.from({ length: 25_000 }, () => frame), () => isOver),
      work,
    );
    const turns: number[] = [];
    for (let i = 0; i < 20; i++) {
      // All microtasks run: whatever rests waits for us.
      await new Promise<void>((resolve) => setTimeout(resolve));
      turns.push(handled);
      handled = 0;
      waiting.shift()!();
    }
    assert.ok(Math.max(...turns) < 200, `${kind}: ${turns} pieces of work in a turn`);
    isOver = true;
    isHeld = false;
    await running;
  }
});
