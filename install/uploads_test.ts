import assert from "node:assert/strict";
import { Uploads } from "./uploads.ts";

/** A host's uploads, and the clock that they go by. */
function uploads() {
  const clock = { now: 0 };
  return { clock, host: new Uploads(() => clock.now) };
}

Deno.test("a host that spoils the agent gets it four times, with growing waits", () => {
  const { clock, host } = uploads();
  for (const wait of [30, 120, 600]) {
    host.begin();
    host.spoiled("a wrong sum");
    assert.throws(() => host.begin(), {
      message: new RegExp(`^the agent is sent again in ${wait} s .*: a wrong sum$`),
    });
    clock.now += wait * 1000;
  }
  host.begin();
  host.spoiled("a wrong sum");
  clock.now += 1e9;
  const message = /not sent any more, .*4 times: a wrong sum; start the mesh anew/;
  assert.throws(() => host.begin(), { message });
});

Deno.test("a host that has the agent begins anew", () => {
  const { clock, host } = uploads();
  host.begin();
  host.spoiled("a full disk");
  clock.now = 30_000;
  host.begin();
  host.kept();
  host.begin();
  host.spoiled("a full disk");
  assert.throws(() => host.begin(), /again in 30 s/);
});

Deno.test("a host that forgets the agent gets it ten times within an hour", () => {
  const { clock, host } = uploads();
  for (let time = 0; time < 10; time++) {
    host.begin();
    host.kept();
    clock.now += 60_000;
  }
  assert.throws(() => host.begin(), /sent 10 times within an hour, .* again in 3000 s/);
  clock.now = 3_600_000;
  host.begin();
});
