import assert from "node:assert/strict";
import { systemPace } from "./pace.ts";

Deno.test("who works on and rests lets sockets go on", async () => {
  // An echo within this very process: each byte needs the system to be asked several times.
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
    // Work of a turn's length, of which the rests are the only gaps.
    for (const end = performance.now() + 1; performance.now() < end;);
    await systemPace.rest();
    assert.ok(++rests < 2000, `${echoes} echoes in ${rests} rests`);
  }
  await Promise.all([asking, serving]);
});
