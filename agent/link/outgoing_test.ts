/**
 * The output to a link is fitted to the window of the link.
 *
 * @module
 */
import assert from "node:assert/strict";
import { until } from "../../tests/harness/scene/wait.ts";
import { encodeCredit } from "../../wire/credit.ts";
import type { LivingStack } from "../living_stack.ts";
import { Outgoing } from "./outgoing.ts";

/** A segment that fills a frame of 64 KiB. */
const WHOLE_SEGMENT = 65_488;

/** A stack that always has more to send, in the segments that it was told to make. */
class EagerStack {
  segment = WHOLE_SEGMENT;
  limit = 256 * 1024;
  fits = 0;
  readonly current = {
    creditTaken: 0,
    waiting: () => ({ bytes: this.limit, credit: 0 }),
    putCredit: () => {},
  };

  takeOutput(isFirst = false): Uint8Array | undefined {
    return isFirst ? undefined : new Uint8Array(this.limit);
  }

  limitOutput(limit: number, segment: number): void {
    this.fits++;
    this.limit = Math.min(limit, 256 * 1024);
    this.segment = segment;
  }

  attempt<Result>(work: (current: EagerStack["current"]) => Result): Result {
    return work(this.current);
  }
}

Deno.test("on a fast link frames are whole again when the window's start is over", async () => {
  const stack = new EagerStack();
  const out = new Outgoing({
    stack: stack as unknown as LivingStack,
    onOpened: () => {},
    last: undefined,
  });
  let sent = 0;
  const acknowledge = () => out.came(encodeCredit({ taken: sent, every: 4096 }).payload);
  acknowledge();
  assert.ok(stack.segment < WHOLE_SEGMENT, "the first window is small");
  await until("whole frames", () => {
    for (let i = 0; i < 64; i++) {
      const output = out.take();
      if (output) sent += output.length;
      else acknowledge();
    }
    acknowledge();
    return stack.segment >= WHOLE_SEGMENT;
  });
  assert.ok(stack.fits < 100, `fitted ${stack.fits} times`);
  out.stop();
});
