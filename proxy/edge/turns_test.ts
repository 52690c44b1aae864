import assert from "node:assert/strict";
import { systemPace } from "../../link/pace.ts";
import { Turns } from "./turns.ts";

/** Works for so many milliseconds. */
function work(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;);
}

/** The longest time for which the event loop did not get to its timers, until stopped. */
function gaps(): { stop(): number } {
  let longest = 0;
  let last = performance.now();
  const look = () => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  };
  const timer = setInterval(look, 1);
  return {
    stop() {
      clearInterval(timer);
      look();
      return longest;
    },
  };
}

/** As whoever reads a stream that always has bytes. */
async function consume(turns: Turns, { pieces, ms }: { pieces: number; ms: number }) {
  for (let done = 0; done < pieces; done++) {
    await Promise.resolve();
    const turn = turns.next();
    if (turn) await turn;
    work(ms);
  }
}

for (
  const [sentence, count, pieces] of [["one", 1, 1000], ["a thousand", 1000, 1]] as const
) {
  Deno.test(`timers go on beside ${sentence} whose bytes are always there`, async () => {
    const turns = new Turns(systemPace);
    const beside = gaps();
    await Promise.all(
      Array.from({ length: count }, () => consume(turns, { pieces, ms: 0.5 })),
    );
    const longest = beside.stop();
    assert.ok(longest < 250, `nothing else ran for ${longest} ms of 500 ms of work`);
  });
}

Deno.test("pieces that cost nothing leave others their time as well", async () => {
  const turns = new Turns(systemPace);
  let isOver = false;
  const consuming = (async () => {
    while (!isOver) await consume(turns, { pieces: 1, ms: 0 });
  })();
  await new Promise((resolve) => setTimeout(resolve, 5));
  isOver = true;
  await consuming;
});

Deno.test("who comes back stands behind those who wait", async () => {
  const turns = new Turns(systemPace);
  const order: string[] = [];
  const one = async (name: string) => {
    for (let done = 0; done < 40; done++) {
      const turn = turns.next();
      if (turn) await turn;
      order.push(name);
    }
  };
  await Promise.all([one("a"), one("b"), one("c")]);
  // The turn was a's own until it was over; then each is at most one piece ahead.
  const together = order.slice(order.indexOf("b"), order.lastIndexOf("a"));
  for (let at = 0; at + 3 <= together.length; at += 3) {
    assert.equal(new Set(together.slice(at, at + 3)).size, 3, order.join(""));
  }
});

Deno.test("nobody waits while the event loop goes on by itself", async () => {
  let rests = 0;
  const turns = new Turns({
    now: () => systemPace.now(),
    rest: () => {
      rests++;
      return systemPace.rest();
    },
  });
  for (let done = 0; done < 500; done++) {
    await new Promise((resolve) => setTimeout(resolve, 0));
    assert.equal(turns.next(), undefined);
  }
  assert.equal(rests, 0);
});
