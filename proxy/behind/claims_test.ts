import assert from "node:assert/strict";
import fc from "fast-check";
import { within } from "../../tests/harness/scene/wait.ts";
import { Claims } from "./claims.ts";

const ADDRESS = 0x0a000001;
const [ONE, TWO, THREE] = [1, 2, 3];

/** Claims whose holders a test lets go, and a record of who held together. */
class Scene {
  readonly claims = new Claims();
  /** Names of those that hold, in the order in which they came to. */
  readonly holding: string[] = [];
  /** Everyone who came to hold, in order. */
  readonly held: string[] = [];
  readonly #done = new Map<string, PromiseWithResolvers<void>>();

  hold(
    name: string,
    { address = ADDRESS, via = ONE, signal = new AbortController().signal } = {},
  ): Promise<string> {
    const done = Promise.withResolvers<void>();
    this.#done.set(name, done);
    return this.claims.hold({ address, via, signal }, async () => {
      this.holding.push(name);
      this.held.push(name);
      try {
        await done.promise;
        return name;
      } finally {
        this.holding.splice(this.holding.indexOf(name), 1);
      }
    });
  }

  /** Lets the holder's work end. */
  end(name: string): void {
    this.#done.get(name)!.resolve();
  }

  /** Lets the holder's work fail. */
  fail(name: string): void {
    this.#done.get(name)!.reject(new Error(`${name} failed`));
  }
}

/** Until all that has to happen by itself has happened: there are no timers here. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

Deno.test("those for the same address and host hold it together", async () => {
  const scene = new Scene();
  const all = [scene.hold("a"), scene.hold("b"), scene.hold("c")];
  await settled();
  assert.deepEqual(scene.holding, ["a", "b", "c"]);
  for (const name of ["a", "b", "c"]) scene.end(name);
  assert.deepEqual(await Promise.all(all), ["a", "b", "c"]);
  assert.equal(scene.claims.size, 0);
});

Deno.test("the work of who need not wait begins at once", () => {
  const scene = new Scene();
  scene.hold("a");
  assert.deepEqual(scene.holding, ["a"]);
});

Deno.test("different addresses do not wait for each other", async () => {
  const scene = new Scene();
  const all = [scene.hold("a"), scene.hold("b", { address: ADDRESS + 1, via: TWO })];
  await settled();
  assert.deepEqual(scene.holding, ["a", "b"]);
  assert.equal(scene.claims.size, 2);
  scene.end("a");
  scene.end("b");
  await Promise.all(all);
  assert.equal(scene.claims.size, 0);
});

Deno.test("the same address behind another host waits until all holders are done", async () => {
  const scene = new Scene();
  const all = [scene.hold("a"), scene.hold("b"), scene.hold("x", { via: TWO })];
  await settled();
  assert.deepEqual(scene.holding, ["a", "b"]);
  scene.end("a");
  await settled();
  assert.deepEqual(scene.holding, ["b"]);
  scene.end("b");
  await settled();
  assert.deepEqual(scene.holding, ["x"]);
  scene.end("x");
  await Promise.all(all);
  assert.equal(scene.claims.size, 0);
});

Deno.test("who comes while another host is waited for waits behind", async () => {
  const scene = new Scene();
  const all = [scene.hold("a"), scene.hold("x", { via: TWO }), scene.hold("b")];
  await settled();
  assert.deepEqual(scene.holding, ["a"]);
  scene.end("a");
  await settled();
  assert.deepEqual(scene.holding, ["x"]);
  scene.end("x");
  await settled();
  assert.deepEqual(scene.holding, ["b"]);
  scene.end("b");
  await Promise.all(all);
});

Deno.test("all who wait for a host go together when it is its turn", async () => {
  const scene = new Scene();
  const all = [
    scene.hold("a"),
    scene.hold("x", { via: TWO }),
    scene.hold("p", { via: THREE }),
    scene.hold("b"),
    scene.hold("y", { via: TWO }),
  ];
  await settled();
  scene.end("a");
  await settled();
  assert.deepEqual(scene.holding, ["x", "y"]);
  scene.end("x");
  scene.end("y");
  await settled();
  assert.deepEqual(scene.holding, ["p"]);
  scene.end("p");
  await settled();
  assert.deepEqual(scene.holding, ["b"]);
  scene.end("b");
  await Promise.all(all);
  assert.equal(scene.claims.size, 0);
});

Deno.test("two bastions with the same address alternate, however eager one is", async () => {
  const claims = new Claims();
  const { signal } = new AbortController();
  const order: number[] = [];
  const loop = async (via: number) => {
    for (let round = 0; round < 20; round++) {
      await claims.hold({ address: ADDRESS, via, signal }, async () => {
        order.push(via);
        await settled();
      });
      // and asks again in the very moment that it has it no more
    }
  };
  await Promise.all([loop(ONE), loop(TWO)]);
  assert.deepEqual(order, Array.from({ length: 40 }, (_, at) => at % 2 ? TWO : ONE));
  assert.equal(claims.size, 0);
});

Deno.test("a stream of newcomers of one host does not starve another", async () => {
  const scene = new Scene();
  const all = [scene.hold("0")];
  const waiting = scene.hold("x", { via: TWO });
  // There is always a holder, and always one who asks for the same host.
  for (let at = 1; at <= 10; at++) {
    all.push(scene.hold(`${at}`));
    scene.end(`${at}`);
  }
  await settled();
  assert.deepEqual(scene.held, ["0"]);
  scene.end("0");
  await settled();
  assert.deepEqual(scene.holding, ["x"]);
  scene.end("x");
  await within("all the others", Promise.all([...all, waiting]));
  assert.equal(scene.claims.size, 0);
});

Deno.test("work that fails lets the next one go", async () => {
  const scene = new Scene();
  const failing = assert.rejects(scene.hold("a"), { message: "a failed" });
  const next = scene.hold("x", { via: TWO });
  scene.fail("a");
  await failing;
  scene.end("x");
  assert.equal(await within("the next", next), "x");
  assert.equal(scene.claims.size, 0);
});

Deno.test("work that throws at once leaves nothing behind", async () => {
  const claims = new Claims();
  const { signal } = new AbortController();
  const work = () => {
    throw new Error("at once");
  };
  const held = claims.hold({ address: ADDRESS, via: ONE, signal }, work);
  await assert.rejects(held, { message: "at once" });
  assert.equal(claims.size, 0);
});

Deno.test("who is aborted while waiting gives up with the reason, and never works", async () => {
  const scene = new Scene();
  const first = scene.hold("a");
  const abort = new AbortController();
  const given = scene.hold("x", { via: TWO, signal: abort.signal });
  const reason = new Error("enough");
  abort.abort(reason);
  await assert.rejects(given, (error) => error === reason);
  scene.end("a");
  await first;
  await settled();
  assert.deepEqual(scene.held, ["a"]);
  assert.equal(scene.claims.size, 0);
});

Deno.test("who is aborted before its turn does not begin to wait", async () => {
  const scene = new Scene();
  const first = scene.hold("a");
  const reason = new Error("before");
  const given = scene.hold("x", { via: TWO, signal: AbortSignal.abort(reason) });
  await assert.rejects(given, (error) => error === reason);
  const second = scene.hold("b"); // nobody is in its way
  assert.deepEqual(scene.holding, ["a", "b"]);
  scene.end("a");
  scene.end("b");
  await Promise.all([first, second]);
});

Deno.test("those behind one that gave up go if nobody else was in their way", async () => {
  const scene = new Scene();
  const abort = new AbortController();
  const first = scene.hold("a");
  const given = scene.hold("x", { via: TWO, signal: abort.signal });
  const behind = [scene.hold("b"), scene.hold("p", { via: THREE }), scene.hold("c")];
  await settled();
  assert.deepEqual(scene.holding, ["a"]);
  abort.abort();
  await assert.rejects(given);
  await settled();
  assert.deepEqual(scene.holding, ["a", "b", "c"]);
  for (const name of ["a", "b", "c"]) scene.end(name);
  await settled();
  assert.deepEqual(scene.holding, ["p"]);
  scene.end("p");
  await Promise.all([first, ...behind]);
  assert.equal(scene.claims.size, 0);
});

Deno.test("one of several that gives up leaves the others their turn", async () => {
  const scene = new Scene();
  const abort = new AbortController();
  const first = scene.hold("a");
  const given = scene.hold("x", { via: TWO, signal: abort.signal });
  const next = scene.hold("y", { via: TWO });
  abort.abort();
  await assert.rejects(given);
  assert.deepEqual(scene.holding, ["a"]);
  scene.end("a");
  await settled();
  assert.deepEqual(scene.holding, ["y"]);
  scene.end("y");
  await Promise.all([first, next]);
  assert.equal(scene.claims.size, 0);
});

Deno.test("an abort in the moment of its turn does not lose the address", async () => {
  const scene = new Scene();
  const abort = new AbortController();
  const claims = scene.claims;
  const { signal } = new AbortController();
  const first = claims.hold({ address: ADDRESS, via: ONE, signal }, () => settled());
  const second = scene.hold("x", { via: TWO, signal: abort.signal });
  const third = scene.hold("b");
  // It listens for the abort until its turn; the first to see that is over aborts then.
  const remove = abort.signal.removeEventListener;
  abort.signal.removeEventListener = function (...args: unknown[]) {
    abort.abort();
    Reflect.apply(remove, this, args);
  };
  await first;
  await settled();
  assert.deepEqual(scene.holding, ["x"]);
  scene.end("x");
  scene.end("b");
  assert.deepEqual(await within("both", Promise.all([second, third])), ["x", "b"]);
  assert.equal(scene.claims.size, 0);
});

Deno.test("signals keep no listener of those that are done or gave up", async () => {
  const scene = new Scene();
  const abort = new AbortController();
  let listeners = 0;
  const { signal } = abort;
  const { addEventListener: add, removeEventListener: remove } = signal;
  signal.addEventListener = function (...args: unknown[]) {
    listeners++;
    Reflect.apply(add, this, args);
  };
  signal.removeEventListener = function (...args: unknown[]) {
    listeners--;
    Reflect.apply(remove, this, args);
  };
  const all = [scene.hold("a", { signal }), scene.hold("x", { via: TWO, signal })];
  assert.equal(listeners, 1);
  scene.end("a");
  scene.end("x");
  await Promise.all(all);
  assert.equal(listeners, 0);
  const first = scene.hold("b", { signal });
  const given = scene.hold("y", { via: TWO, signal });
  abort.abort();
  await assert.rejects(given);
  assert.equal(listeners, 0);
  scene.end("b");
  await first;
});

Deno.test("in any order of things nobody shares with another host, and all get their turn", async () => {
  const step = fc.record({
    via: fc.constantFrom(ONE, TWO, THREE),
    address: fc.constantFrom(ADDRESS, ADDRESS + 1),
    turns: fc.nat(4),
    isAborted: fc.boolean(),
    fails: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
      const claims = new Claims();
      const holding = new Map<number, number[]>();
      let worked = 0;
      let gaveUp = 0;
      const all = steps.map(async ({ via, address, turns, isAborted, fails }, index) => {
        for (let at = 0; at < index % 7; at++) await null;
        const abort = new AbortController();
        const held = claims.hold({ address, via, signal: abort.signal }, async () => {
          const others = holding.get(address) ?? [];
          holding.set(address, [...others, via]);
          assert.ok(others.every((other) => other === via), "two hosts at once");
          for (let at = 0; at < turns; at++) await null;
          holding.set(address, holding.get(address)!.slice(1));
          worked++;
          if (fails) throw new Error("failed");
        });
        const done = held.catch((error) => {
          if (error === "gave up") gaveUp++;
          else if (error.message !== "failed") throw error;
        });
        if (isAborted) {
          for (let at = 0; at < turns * 2; at++) await null;
          abort.abort("gave up");
        }
        await done;
      });
      await within("everyone", Promise.all(all), 5000);
      assert.equal(worked + gaveUp, steps.length);
      assert.equal(claims.size, 0);
    }),
    { seed: 42, numRuns: 500 },
  );
});
