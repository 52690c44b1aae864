import assert from "node:assert/strict";
import { FakeClock } from "../../link/_fake_clock.ts";
import { encodeFrame } from "../../wire/frame.ts";
import { parseIpv4 } from "../../wire/ip/ipv4.ts";
import type { DeniedEvent, MoreDeniedEvent } from "../events.ts";
import { Denials, DENIED_LIMIT } from "./denied.ts";

const denial = {
  from: "a",
  to: "b",
  isRouted: false,
  address: parseIpv4("127.0.42.101")!,
  port: 80,
  names: [],
  rule: "mesh.yaml:12:5",
  frame: encodeFrame(1, new Uint8Array()),
};

function scene() {
  const clock = new FakeClock();
  const events: (DeniedEvent | MoreDeniedEvent)[] = [];
  const denials = new Denials({ clock, emit: (event) => events.push(event) });
  return { clock, events, denials };
}

Deno.test("a denied connection is told with its rule and its target", () => {
  const { events, denials } = scene();
  denials.add(denial);
  const address = parseIpv4("10.1.2.3")!;
  denials.add({ ...denial, isRouted: true, address });
  denials.add({
    ...denial,
    isRouted: true,
    address,
    names: ["x.internal", "db.internal"],
  });
  assert.deepEqual(events.map(({ message }) => message), [
    "Forbidden by the policy: a to b:80 (mesh.yaml:12:5)",
    "Forbidden by the policy: a to 10.1.2.3:80 behind b (mesh.yaml:12:5)",
    "Forbidden by the policy: a to db.internal:80 behind b (mesh.yaml:12:5)",
  ]);
});

Deno.test("a host that scans is summed up, and hides nobody else", async () => {
  const { clock, events, denials } = scene();
  const { burst } = DENIED_LIMIT;
  for (let port = 1; port <= 1000; port++) denials.add({ ...denial, port });
  assert.equal(events.length, burst);
  denials.add({ ...denial, from: "c" });
  assert.equal(events.at(-1)!.host, "c");
  await clock.pass(1000);
  assert.deepEqual(events.slice(burst + 1).map(({ message }) => message), [
    `Forbidden by the policy: ${1000 - burst} more connections of a`,
  ]);
  // After a while they are told one by one again, seldom.
  await clock.pass(20_000);
  denials.add(denial);
  assert.equal(events.at(-1)!.type, "denied");
});

Deno.test("what was not told yet is told at the end, and no timer is left", () => {
  const { clock, events, denials } = scene();
  for (let at = 0; at <= DENIED_LIMIT.burst; at++) denials.add(denial);
  denials.keep({ has: () => true });
  assert.equal(events.at(-1)!.type, "denied");
  denials.keep({ has: () => false });
  assert.equal(
    events.at(-1)!.message,
    "Forbidden by the policy: 1 more connection of a",
  );
  for (let at = 0; at <= DENIED_LIMIT.burst; at++) denials.add(denial);
  denials.close();
  assert.equal(events.at(-1)!.type, "moreDenied");
  assert.equal(clock.pending, 0);
});
