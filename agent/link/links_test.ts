import assert from "node:assert/strict";
import { encodeControl } from "../../wire/control/control.ts";
import type { Keeper, KeepHooks, LentLink } from "../keeper/keeper.ts";
import { Links } from "./links.ts";
import type { LivingStack } from "../living_stack.ts";
import type { AgentPort } from "./port.ts";
import type { Pump } from "./pump.ts";

const wish = {
  id: "0".repeat(16),
  secret: "0".repeat(32),
  seconds: 9,
  mesh: "m",
  host: "h",
};
const port = (name: string) => ({ name }) as unknown as AgentPort;

/** Links with a pump and a stack that only note what is wanted of them. */
function scene({ isKept = true } = {}) {
  const log: string[] = [];
  const ends: ((fault?: Error) => void)[] = [];
  const given: ((link: LentLink | undefined) => void)[] = [];
  let onRead: (() => void) | undefined;
  let hooks: KeepHooks | undefined;
  const pump = {
    failure: undefined,
    input: { reads: 5, onNextRead: (run: () => void) => onRead = run },
    carry(port: AgentPort & { name: string }, begin?: { begun?: () => void }) {
      log.push(`carry ${port.name}`);
      begin?.begun?.();
      return new Promise<Error | undefined>((resolve) => ends.push(resolve));
    },
    leave: () => log.push("leave"),
    send: ({ payload }: { payload: Uint8Array }) =>
      log.push(new TextDecoder().decode(payload)),
    takeLost: () => 0,
  };
  const keeper = {
    hasNewer: false,
    next: () => new Promise<LentLink | undefined>((resolve) => given.push(resolve)),
    heard: () => log.push("heard"),
    close: () => Promise.resolve(void given.splice(0).forEach((give) => give(undefined))),
  };
  const links = new Links({
    pump: pump as unknown as Pump,
    stack: {
      hold: (network: number, prefix: number) => log.push(`hold ${network}/${prefix}`),
      resume: (network: number, prefix: number) =>
        log.push(`resume ${network}/${prefix}`),
    } as unknown as LivingStack,
    keep: isKept
      ? (_wish, theirs) => {
        hooks = theirs;
        return Promise.resolve(keeper as unknown as Keeper);
      }
      : "because",
    answer: () => encodeControl({ type: "event", body: { type: "x" } }),
    warn: (message) => log.push(message),
  });
  return {
    links,
    log,
    end: (fault?: Error) => ends.pop()!(fault),
    give: (name: string) =>
      given.pop()!({ port: port(name), taken: 0 } as unknown as LentLink),
    hooks: () => hooks!,
    read: () => onRead!(),
  };
}

const turn = () => new Promise((resolve) => setTimeout(resolve));

Deno.test("without a keeper the end of the link is the end, and its fault is told", async () => {
  const { links, end } = scene({ isKept: false });
  assert.deepEqual(await links.keep(wish), { off: "because" });
  const carrying = links.carry(port("a"));
  end();
  await carrying;
  const again = links.carry(port("a"));
  end(new Error("EIO"));
  await assert.rejects(again, /EIO/);
});

Deno.test("timers stand still from the end of a link to the begin of the next", async () => {
  const { links, log, end, give } = scene();
  assert.deepEqual(await links.keep(wish), { seconds: 9 });
  const carrying = links.carry(port("a"));
  end(new Error("EPIPE"));
  await turn();
  give("b");
  await turn();
  links.bye();
  end();
  await carrying;
  assert.deepEqual(log, [
    "carry a",
    "The link broke: EPIPE",
    "hold 0/0",
    "carry b",
    "resume 0/0",
  ]);
});

Deno.test("`bye` counts for the link that brings it", async () => {
  const { links, log, end, give } = scene();
  await links.keep(wish);
  const carrying = links.carry(port("a"));
  end();
  await turn();
  give("b");
  await turn();
  end();
  await turn();
  links.bye(); // too late, behind the end of the link
  give("c");
  await turn();
  end();
  await turn();
  assert.equal(log.at(-1), "hold 0/0");
  await links.end();
  await carrying;
});

Deno.test("a silent link is held until its next byte", async () => {
  const { links, log, end, hooks, read } = scene();
  await links.keep(wish);
  const carrying = links.carry(port("a"));
  hooks().onSilent();
  assert.deepEqual(log.splice(0), ["carry a", "hold 0/0"]);
  read();
  assert.deepEqual(log, ["heard", "resume 0/0"]);
  assert.equal(hooks().reads(), 5);
  hooks().onLent();
  assert.equal(log.at(-1), "leave");
  links.bye();
  end();
  await carrying;
});

Deno.test("hosts that are away are held until they are back, or all is", async () => {
  const { links, log, end, give } = scene();
  await links.keep(wish);
  const carrying = links.carry(port("a"));
  log.length = 0;
  links.hold({ network: 1, prefix: 32 });
  links.hold({ network: 2, prefix: 24 });
  links.release({ network: 1, prefix: 32 });
  links.release({ network: 1, prefix: 32 }); // not held any more
  assert.deepEqual(log.splice(0), ["hold 1/32", "hold 2/24", "resume 1/32"]);
  end();
  await turn();
  give("b");
  await turn();
  // Whoever is away still is told of by the manager once more.
  assert.deepEqual(log, ["hold 0/0", "carry b", "resume 2/24", "resume 0/0"]);
  await links.end();
  end();
  await carrying;
});
