import assert from "node:assert/strict";
import {
  ControlError,
  type ControlRequest,
  decodeControl,
} from "../wire/control/control.ts";
import { FakeClock } from "./_fake_clock.ts";
import { answerTo, Calls, MOST_REMEMBERED, Refusal } from "./calls.ts";

/** Calls whose requests are kept instead of sent. */
function callsUnderTest() {
  const clock = new FakeClock();
  const requests: ControlRequest[] = [];
  const calls = new Calls({
    clock,
    send(frame) {
      const message = decodeControl(frame.payload);
      assert.equal(message.type, "request");
      requests.push(message.body as ControlRequest);
    },
  });
  return { clock, requests, calls };
}

Deno.test("a call sends its request and gives the data of the result", async () => {
  const { calls, requests } = callsUnderTest();
  const first = calls.call("status", undefined);
  const second = calls.call("configure", { me: "127.0.42.1" });
  assert.deepEqual(requests, [
    { id: 1, op: "status" },
    { id: 2, op: "configure", args: { me: "127.0.42.1" } },
  ]);
  assert.ok(calls.settle({ request_id: 2, op: "configure", data: { version: "1" } }));
  assert.ok(calls.settle({ request_id: 1, op: "status" }));
  assert.deepEqual(await Promise.all([first, second]), [undefined, { version: "1" }]);
  assert.equal(calls.size, 0);
});

Deno.test("a result counts once, and only for the request with its id and operation", async () => {
  const { calls } = callsUnderTest();
  const call = calls.call("status", undefined);
  assert.equal(calls.settle({ request_id: 2, op: "status", data: "another id" }), false);
  assert.equal(calls.settle({ request_id: 1, op: "ping", data: "another op" }), false);
  assert.equal(calls.settle({ request_id: 1, op: "status", data: "right" }), true);
  assert.equal(calls.settle({ request_id: 1, op: "status", data: "again" }), false);
  assert.equal(await call, "right");
});

Deno.test("an error of the peer is a refusal in the peer's words", async () => {
  const { calls } = callsUnderTest();
  const cases: [unknown, string][] = [
    ["no such VIP", "no such VIP"],
    [{ code: 7 }, '{"code":7}'],
    ["x".repeat(5000), `${"x".repeat(1000)}…`],
  ];
  for (const [index, [error, words]] of cases.entries()) {
    const call = calls.call("configure", {});
    calls.settle({ request_id: index + 1, op: "configure", error });
    await assert.rejects(call, (reason) => {
      assert.ok(reason instanceof Refusal);
      assert.equal(reason.words, words);
      return true;
    });
  }
});

Deno.test("data are taken before the result is given back", async () => {
  const { calls } = callsUnderTest();
  const order: string[] = [];
  const call = calls.call("status", undefined, {
    take(data) {
      order.push(`took ${data}`);
      return 7;
    },
  });
  calls.settle({ request_id: 1, op: "status", data: "it" });
  order.push("next frame");
  assert.equal(await call, 7);
  assert.deepEqual(order, ["took it", "next frame"]);
});

Deno.test("data without sense are told to who gave the result, and fail the call", async () => {
  const { calls } = callsUnderTest();
  const call = calls.call("status", undefined, {
    take: () => {
      throw new ControlError("no sense");
    },
  });
  assert.throws(() => calls.settle({ request_id: 1, op: "status" }), ControlError);
  await assert.rejects(call, ControlError);
});

Deno.test("a call fails when its time is over, and its late result is no surprise", async () => {
  const { calls, clock } = callsUnderTest();
  const taken: unknown[] = [];
  const take = (data: unknown) => taken.push(data);
  const call = calls.call("ping", undefined, { ms: 15_000, take });
  const failed = assert.rejects(call, /No result of "ping": none came within 15 s/);
  await clock.pass(15_000, 5000);
  await failed;
  assert.equal(clock.pending, 0);
  assert.equal(calls.settle({ request_id: 1, op: "ping", data: "late" }), true);
  assert.deepEqual(taken, []);
});

Deno.test("a result leaves no timer", async () => {
  const { calls, clock } = callsUnderTest();
  const call = calls.call("ping", undefined, { ms: 15_000 });
  assert.equal(clock.pending, 1);
  calls.settle({ request_id: 1, op: "ping" });
  await call;
  assert.equal(clock.pending, 0);
});

Deno.test("of more calls than may wait the oldest is forgotten", async () => {
  const { calls } = callsUnderTest();
  const first = assert.rejects(calls.call("ping", undefined), /more than 64 others wait/);
  for (let i = 0; i < MOST_REMEMBERED; i++) calls.call("ping", undefined).catch(() => {});
  await first;
  assert.equal(calls.size, MOST_REMEMBERED);
  assert.equal(calls.settle({ request_id: 1, op: "ping" }), false);
  assert.equal(calls.settle({ request_id: 2, op: "ping" }), true);
  calls.end("over");
});

Deno.test("an end fails all calls, and further ones have ids of their own", async () => {
  const { calls, clock, requests } = callsUnderTest();
  const failed = [
    assert.rejects(calls.call("status", undefined), /No result of "status": it ended/),
    assert.rejects(calls.call("ping", undefined, { ms: 15_000 }), /it ended/),
  ];
  calls.end("it ended");
  await Promise.all(failed);
  assert.deepEqual([clock.pending, calls.size], [0, 0]);
  const next = calls.call("status", undefined);
  assert.equal(requests.at(-1)!.id, 3);
  assert.equal(calls.settle({ request_id: 1, op: "status" }), false);
  assert.equal(calls.settle({ request_id: 3, op: "status", data: 1 }), true);
  assert.equal(await next, 1);
});

Deno.test("a long result is due as long as a call waits that expects one", () => {
  const { calls } = callsUnderTest();
  assert.equal(calls.longestDue, 0);
  calls.call("status", undefined, { bytes: 100_000 });
  calls.call("ping", undefined);
  assert.equal(calls.longestDue, 100_000);
  calls.settle({ request_id: 1, op: "status" });
  assert.equal(calls.longestDue, 0);
  calls.settle({ request_id: 2, op: "ping" });
});

Deno.test("an answer holds what was performed, or why it could not be", () => {
  const answer = (perform: (op: string, args: unknown) => unknown) =>
    decodeControl(answerTo({ id: 9, op: "add", args: [1, 2] }, perform).payload).body;
  assert.deepEqual(answer((op, args) => ({ op, args })), {
    request_id: 9,
    op: "add",
    data: { op: "add", args: [1, 2] },
  });
  assert.deepEqual(answer(() => undefined), { request_id: 9, op: "add" });
  assert.deepEqual(
    answer(() => {
      throw new ControlError("cannot add");
    }),
    { request_id: 9, op: "add", error: "cannot add" },
  );
});
