/**
 * The disturbances of chaos: links are cut in every way, and the agents stay, so that no
 * connection that had reached its server may be lost.
 *
 * Each is an entry of {@linkcode CUTS}.
 *
 * @module
 */
import { isAlive } from "../harness/scene/proc.ts";
import { kill } from "../harness/scene/process.ts";
import { pause, until } from "../harness/scene/wait.ts";
import type { Disturbance } from "./disturbances.ts";
import type { Ledger } from "./ledger.ts";
import type { Random } from "./random.ts";
import { type HostName, REMOTE, type World } from "./world.ts";

const BACK_LIMIT_MS = 90_000;
/** A link is given up after 15 s of silence. */
const SHORT_STOP_MS = { least: 500, more: 10_000 };
const UNREACHABLE_MS = { least: 500, more: 12_000 };
/** Deaths of commands in a row, each at most so long after the last. */
const ROW = { least: 2, more: 4, apartMs: 1_500 };

/** Sends a signal to the command that leads to a host; gives its process. */
async function strike(
  world: World,
  host: HostName,
  signal: Deno.Signal,
): Promise<number> {
  const pid = await until(`the command of ${host}`, () => world.command(host), {
    limitMs: BACK_LIMIT_MS,
  });
  kill(pid, signal);
  return pid;
}

/**
 * Cuts the link to a host somehow, and waits until the host is back. The manager may not tell
 * so, of a host that is often away: the host has to answer over a link of its own.
 */
async function cut(
  world: World,
  ledger: Ledger,
  host: HostName,
  how: () => Promise<unknown>,
): Promise<void> {
  const over = ledger.begin(host, { isOfLink: true });
  await how();
  await until(`${host} to be back`, () => world.answers(host, "laptop"), {
    limitMs: BACK_LIMIT_MS,
  });
  over();
}

async function kills(world: World, host: HostName): Promise<void> {
  const pid = await strike(world, host, "SIGKILL");
  await until(`the end of process ${pid}`, () => !isAlive(pid));
}

async function killsInARow(world: World, host: HostName, random: Random): Promise<void> {
  const count = ROW.least + random.below(ROW.more);
  for (let time = 0; time < count; time++) {
    await kills(world, host);
    await pause(random.below(ROW.apartMs));
  }
  await kills(world, host);
}

/** The longest first: so that a short run has each of them. */
export const CUTS: readonly Disturbance[] = [
  {
    name: "stop to the end",
    takesMs: 25_000,
    run(world, ledger, random) {
      const host = random.pick(REMOTE);
      return cut(world, ledger, host, () => strike(world, host, "SIGSTOP"));
    },
  },
  {
    name: "unreachable",
    takesMs: 30_000,
    async run(world, ledger, random) {
      const host = random.pick(REMOTE);
      const socket = await world.socket(host);
      await cut(world, ledger, host, async () => {
        await Deno.rename(socket, `${socket}.away`);
        await kills(world, host);
        await pause(UNREACHABLE_MS.least + random.below(UNREACHABLE_MS.more));
        await Deno.rename(`${socket}.away`, socket);
      });
    },
  },
  {
    name: "kills in a row",
    takesMs: 30_000,
    run(world, ledger, random) {
      const host = random.pick(REMOTE);
      return cut(world, ledger, host, () => killsInARow(world, host, random));
    },
  },
  {
    name: "kill of all",
    takesMs: 8_000,
    async run(world, ledger) {
      await Promise.all(
        REMOTE.map((host) => cut(world, ledger, host, () => kills(world, host))),
      );
    },
  },
  {
    name: "kill",
    takesMs: 5_000,
    run(world, ledger, random) {
      const host = random.pick(REMOTE);
      return cut(world, ledger, host, () => kills(world, host));
    },
  },
  {
    name: "stop",
    takesMs: 12_000,
    async run(world, ledger, random) {
      const host = random.pick(REMOTE);
      const over = ledger.begin(host, { isOfLink: true });
      const pid = await strike(world, host, "SIGSTOP");
      await pause(SHORT_STOP_MS.least + random.below(SHORT_STOP_MS.more));
      kill(pid, "SIGCONT");
      over();
    },
  },
  {
    name: "freeze of an agent",
    takesMs: 12_000,
    async run(world, ledger, random) {
      const host = random.pick(REMOTE);
      const over = ledger.begin(host, { isOfLink: true });
      const pid = world.agent(host);
      kill(pid, "SIGSTOP");
      await pause(SHORT_STOP_MS.least + random.below(SHORT_STOP_MS.more));
      kill(pid, "SIGCONT");
      over();
    },
  },
];
