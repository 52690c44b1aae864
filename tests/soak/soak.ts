/**
 * A soak: traffic by seed through a mesh whose agents are killed and frozen, every byte
 * checked and every loss accounted for; at the end all is as before.
 *
 * Warm-up, base line, traffic under disturbances, quiet, comparison, end. The soak keeps
 * to its time as long as the machine does.
 *
 * @module
 */
import { readyLine } from "../harness/scene/mesh.ts";
import type { Process } from "../harness/scene/process.ts";
import type { Scene } from "../harness/scene/scene.ts";
import { pause, until, within } from "../harness/scene/wait.ts";
import { CHANGES } from "./changes.ts";
import { CUTS } from "./cuts.ts";
import { type Disturbance, DISTURBANCES } from "./disturbances.ts";
import { Ledger } from "./ledger.ts";
import { Random } from "./random.ts";
import { describe, excess, holdings, openConnections, strangers } from "./resources.ts";
import { REMOTE, World } from "./world.ts";

/** Options of {@linkcode soak}. */
export interface SoakOptions {
  readonly minutes: number;
  readonly seed: number;
  /** Links are cut, and no agent is lost: so no connection may be. */
  readonly chaos?: boolean;
  /** The manifest changes, and agents are killed besides. */
  readonly live?: boolean;
  /** One packet of so many is spoiled on each link. */
  readonly loss?: number;
  /** Takes a line for people. */
  readonly print: (line: string) => void;
}

/** Transfers at a time of each client. */
const LANES = 3;
const PRINT_EVERY_MS = 30_000;
const READ_EVERY_MS = 200;
/** Between two disturbances. */
const GAP_MS = { least: 1_000, more: 4_000 };
/** Of the main part, whatever the start took: each disturbance once. */
const LEAST_TRAFFIC_MS = 35_000;
/** For transfers under way at the end, beside their share of the time. */
const SETTLE_LIMIT_MS = 120_000;
/** Lines of a manager that tell of a fault in the manager. */
const FAULT = /uncaught|unhandled|assertion|\b(Type|Range|Reference|Syntax)Error\b/i;

/** Runs a soak in a scene; gives the violations. Rejects if the soak could not be run. */
export async function soak(
  scene: Scene,
  options: SoakOptions,
): Promise<readonly string[]> {
  const { chaos = false, loss, seed } = options;
  const world = await World.make(scene, { isFar: chaos, loss, seed });
  return await new Soak(world, options).run();
}

class Soak {
  readonly #world: World;
  readonly #totalMs: number;
  readonly #seed: number;
  readonly #print: (line: string) => void;
  readonly #began = performance.now();
  readonly #ledger = new Ledger();
  /** How far each peer's output has been read. */
  readonly #marks = new Map<Process, number>();
  readonly #disturbances: readonly Disturbance[];
  readonly #disturbed = new Map<string, number>();

  constructor(world: World, { minutes, seed, chaos, live, print }: SoakOptions) {
    this.#world = world;
    this.#totalMs = minutes * 60_000;
    this.#seed = seed;
    this.#disturbances = live ? CHANGES : chaos ? CUTS : DISTURBANCES;
    this.#print = print;
    for (const server of world.servers) this.#marks.set(server, server.mark);
  }

  async run(): Promise<readonly string[]> {
    const world = this.#world;
    const warmMs = between(6_000, this.#totalMs * 0.1, 60_000);
    // Transfers under way at the end, the comparison, and the mesh's end.
    const tailMs = between(10_000, this.#totalMs * 0.1, 45_000);
    const reading = setInterval(() => this.#read(), READ_EVERY_MS);
    const printing = setInterval(() => this.#print(this.#figures()), PRINT_EVERY_MS);
    try {
      await this.#finish(this.#startClients(this.#seed, warmMs), warmMs);
      await until("the connections to end", () => openConnections(world) === 0, {
        limitMs: SETTLE_LIMIT_MS,
      });
      const base = holdings(world);
      this.#print(`base line  ${describe(base)}`);

      const trafficMs = Math.max(
        LEAST_TRAFFIC_MS,
        this.#totalMs - this.#elapsed - tailMs,
      );
      const end = performance.now() + trafficMs;
      const clients = this.#startClients(this.#seed + 100, trafficMs);
      await this.#disturb(end);
      await this.#finish(clients, Math.max(0, end - performance.now()));

      let left: string[] = [];
      await until("everything to be as it was", () => {
        left = excess(world, base);
        return left.length === 0;
      }, { limitMs: SETTLE_LIMIT_MS / 2, everyMs: 500 }).catch(() => {});
      this.#ledger.violations.push(...left);
      this.#print(`at the end ${describe(holdings(world))}`);
      await this.#end();
    } finally {
      clearInterval(reading);
      clearInterval(printing);
    }
    this.#report();
    return this.#ledger.violations;
  }

  get #elapsed(): number {
    return performance.now() - this.#began;
  }

  #startClients(seed: number, runMs: number): readonly Process[] {
    const clients = this.#world.startClients(seed, runMs / 1000, LANES);
    for (const client of clients) this.#marks.set(client, 0);
    return clients;
  }

  /** Waits for clients to end, and for the servers' side of all that they did. */
  async #finish(clients: readonly Process[], runMs: number): Promise<void> {
    const ends = clients.map((client) => client.end(runMs + SETTLE_LIMIT_MS));
    for (const { code } of await Promise.all(ends)) {
      if (code !== 0) this.#ledger.violations.push(`a client ended with status ${code}`);
    }
    this.#read();
    for (const client of clients) this.#marks.delete(client);
    await until("the servers' reports", () => {
      this.#read();
      return this.#ledger.waiting === 0;
    }, { limitMs: 10_000 }).catch(() => {});
    this.#ledger.close();
  }

  /** Reads the output of clients and servers since the last time. */
  #read(): void {
    for (const [peer, from] of this.#marks) {
      const { mark } = peer;
      for (const line of peer.since(from).split("\n")) {
        if (/^\{"event":"(transfer|served)"/.test(line)) {
          this.#ledger.take(JSON.parse(line));
        }
      }
      this.#marks.set(peer, mark);
    }
  }

  /** Disturbs in sequence; each kind once, then by chance. */
  async #disturb(end: number): Promise<void> {
    const random = new Random(this.#seed);
    const due = [...this.#disturbances];
    for (;;) {
      await pause(GAP_MS.least + random.below(GAP_MS.more));
      const leftMs = end - performance.now();
      const next = due.shift() ?? random.pick(this.#disturbances);
      const fits = next.takesMs < leftMs;
      if (!fits && this.#disturbances.every(({ takesMs }) => takesMs >= leftMs)) return;
      if (!fits) continue;
      await next.run(this.#world, this.#ledger, random);
      this.#disturbed.set(next.name, (this.#disturbed.get(next.name) ?? 0) + 1);
    }
  }

  /** Ends the mesh, of which nothing may be left. */
  async #end(): Promise<void> {
    const { manager, servers } = this.#world;
    const { violations, outages } = this.#ledger;
    const log = manager.since();
    for (const host of REMOTE) {
      const times = log.match(new RegExp(readyLine(host), "g"))?.length ?? 0;
      const wanted = 1 +
        outages.filter((outage) =>
          outage.host === host && !outage.isOfLink && !outage.isOfPolicy
        ).length;
      if (times !== wanted) {
        violations.push(`${host} was made ready ${times} times, not ${wanted}`);
      }
    }
    manager.signal("SIGTERM");
    const { code } = await within("the manager's end", manager.end());
    if (code !== 0) violations.push(`the manager ended with status ${code}`);
    const faults = manager.since().split("\n").filter((line) => FAULT.test(line));
    violations.push(...faults.map((line) => `the manager said: ${line}`));
    const ours = servers.map(({ pid }) => pid);
    const left = () => strangers(this.#world, ours);
    await until("the end of all processes", () => left().length === 0, {
      limitMs: this.#world.isFar ? 5_000 : 0,
    }).catch(() => violations.push(`processes are left: ${left().join(", ")}`));
    const files = this.#world.keptFolders();
    if (files.length > 0) violations.push(`folders are left: ${files.join(", ")}`);
  }

  #figures(): string {
    const { whole, reset, lost, bytes, violations } = this.#ledger;
    const losses = [...lost.values()].reduce((sum, count) => sum + count, 0);
    const disturbed = [...this.#disturbed].map(([name, count]) => `${count} × ${name}`);
    return [
      `${Math.round(this.#elapsed / 1000)} s`.padStart(7),
      `${whole} whole`,
      `${reset} reset as planned`,
      `${losses} lost to a host's end`,
      `${(bytes / 2 ** 30).toFixed(2)} GiB`,
      ...disturbed,
      `${violations.length} violations`,
    ].join(", ");
  }

  #report(): void {
    this.#print(this.#figures());
    for (const [kind, count] of this.#ledger.lost) {
      this.#print(`   lost ${count} × ${kind}`);
    }
    for (const violation of this.#ledger.violations) {
      this.#print(`VIOLATION ${violation}`);
    }
  }
}

function between(least: number, value: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
