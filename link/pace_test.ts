import assert from "node:assert/strict";
import { SystemPace } from "./pace.ts";

/** Twenty bytes there and back within this very process; gives the rests that they took. */
async function restsOfEchoes(pace: SystemPace, workMs: number): Promise<number> {
  // Each byte needs the system to be asked several times.
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    using conn = await listener.accept();
    const byte = new Uint8Array(1);
    while (await conn.read(byte) !== null) await conn.write(byte);
  })();
  let echoes = 0;
  const asking = (async () => {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
    for (; echoes < 20; echoes++) {
      await conn.write(new Uint8Array(1));
      assert.equal(await conn.read(new Uint8Array(1)), 1);
    }
  })();
  let rests = 0;
  while (echoes < 20) {
    for (const end = performance.now() + workMs; performance.now() < end;);
    await pace.rest();
    assert.ok(++rests < 2000, `${echoes} echoes in ${rests} rests`);
  }
  await Promise.all([asking, serving]);
  return rests;
}

Deno.test("who works on and rests lets sockets go on", async () => {
  // Work of a turn's length, of which the rests are the only gaps.
  await restsOfEchoes(new SystemPace(), 1);
});

Deno.test({
  name: "once begun, the system is asked at each rest, however short the work",
  sanitizeResources: false, // it stays connected with itself
  async fn() {
    const pace = new SystemPace(0);
    pace.begin();
    await restsOfEchoes(pace, 0.01); // it connects meanwhile
    const rests = await restsOfEchoes(pace, 0.01);
    assert.ok(rests < 200, `20 echoes in ${rests} rests`);
  },
});
