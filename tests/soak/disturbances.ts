/**
 * The disturbances of a mesh under traffic.
 *
 * Each is an entry of {@linkcode DISTURBANCES}.
 *
 * @module
 */
import { isAlive } from "../harness/scene/proc.ts";
import { kill } from "../harness/scene/process.ts";
import { pause, until } from "../harness/scene/wait.ts";
import type { Ledger } from "./ledger.ts";
import type { Random } from "./random.ts";
import { type HostName, REMOTE, type World } from "./world.ts";

/** A kind of disturbance. */
export interface Disturbance {
  readonly name: string;
  /** The most milliseconds of a disturbance on a machine that is not slow. */
  readonly takesMs: number;
  /** Disturbs, tells the ledger of hosts that go away, and waits until all is well again. */
  run(world: World, ledger: Ledger, random: Random): Promise<void>;
}

const READY_LIMIT_MS = 90_000;
/** Freezes that are to pass unnoticed: an agent is given up after 15 s of silence. */
const SHORT_FREEZE_MS = { least: 500, more: 6_000 };

/** Sends a signal to an agent, so that its host goes away, and waits for its return. */
async function lose(
  world: World,
  ledger: Ledger,
  host: HostName,
  signal: Deno.Signal,
): Promise<void> {
  const { mark } = world.manager;
  const pid = world.agent(host);
  const over = ledger.begin(host);
  kill(pid, signal);
  // A frozen agent is noticed after 15 s.
  const back = new RegExp(`\\b${host}\\s+Ready again at\\b`);
  await world.manager.line(back, { after: mark, limitMs: READY_LIMIT_MS });
  await until(`the end of ${host}'s last agent`, () => !isAlive(pid));
  over();
}

/** The longest first: so that a short run has each of them. */
export const DISTURBANCES: readonly Disturbance[] = [
  {
    name: "freeze to the end",
    takesMs: 20_000,
    run: (world, ledger, random) => lose(world, ledger, random.pick(REMOTE), "SIGSTOP"),
  },
  {
    name: "kill",
    takesMs: 5_000,
    run: (world, ledger, random) => lose(world, ledger, random.pick(REMOTE), "SIGKILL"),
  },
  {
    name: "freeze",
    takesMs: 8_000,
    async run(world, _ledger, random) {
      const pid = world.agent(random.pick(REMOTE));
      kill(pid, "SIGSTOP");
      await pause(SHORT_FREEZE_MS.least + random.below(SHORT_FREEZE_MS.more));
      kill(pid, "SIGCONT");
    },
  },
];
