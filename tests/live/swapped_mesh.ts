/**
 * A mesh whose manifest changes while connections go on.
 *
 * @module
 */
import assert from "node:assert/strict";
import { NOROUTER } from "../harness/scene/mesh.ts";
import type { Namespace } from "../harness/scene/namespace.ts";
import { descendants, processesIn } from "../harness/scene/proc.ts";
import type { Process } from "../harness/scene/process.ts";
import type { Scene } from "../harness/scene/scene.ts";
import { until } from "../harness/scene/wait.ts";

const PROGRAM = new URL("./live_manager.ts", import.meta.url).pathname;

/** The fields of a manifest, hosts without `vip` and the way to them. */
export interface LivePlan {
  readonly hosts: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly routes?: readonly unknown[];
}

/** A manager, and the hosts that it can have. */
export class SwappedMesh {
  readonly places: ReadonlyMap<string, Namespace>;
  readonly #manager: Process;
  readonly #path: string;
  readonly #cmds: Readonly<Record<string, readonly string[]>>;

  private constructor(
    manager: Process,
    { path, places, cmds }: {
      path: string;
      places: ReadonlyMap<string, Namespace>;
      cmds: Readonly<Record<string, readonly string[]>>;
    },
  ) {
    this.#manager = manager;
    this.#path = path;
    this.places = places;
    this.#cmds = cmds;
  }

  /** Starts a mesh of hosts, `local` first, each in its place; all of them are ready. */
  static async start(
    scene: Scene,
    places: ReadonlyMap<string, Namespace>,
    { cmds = {}, ...plan }: LivePlan & {
      /** Commands of agents, by host; agents of this version by default. */
      readonly cmds?: Readonly<Record<string, readonly string[]>>;
    },
  ): Promise<SwappedMesh> {
    const path = `${await scene.folder()}/mesh.json`;
    write(path, { places, cmds }, plan);
    const words = [Deno.execPath(), "run", "--quiet", "-A", PROGRAM, path];
    const manager = scene.start("manager", words, { namespace: places.get("local") });
    const mesh = new SwappedMesh(manager, { path, places, cmds });
    for (const name of Object.keys(plan.hosts)) await mesh.told("ready", name);
    return mesh;
  }

  vip(name: string): string {
    return `127.0.42.${100 + [...this.places.keys()].indexOf(name)}`;
  }

  /** Goes by another plan; returns the report of the swap. */
  async swap(plan: LivePlan): Promise<Record<string, unknown>> {
    const { mark } = this.#manager;
    write(this.#path, { places: this.places, cmds: this.#cmds }, plan);
    this.#manager.signal("SIGUSR2");
    const pattern = /^(\{"type":"(?:swapped|failed)".*)$/;
    const [line] = await this.#manager.line(pattern, { after: mark });
    const { type: _, ...report } = JSON.parse(line!);
    return report;
  }

  /** Events of a type so far. */
  events(type: string): { host: string; message: string }[] {
    return this.#manager.since().split("\n").filter((line) =>
      line.startsWith("{") && line.includes(`"type":"${type}"`)
    ).map((line) => JSON.parse(line));
  }

  async told(type: string, host: string, after = 0): Promise<void> {
    const pattern = new RegExp(`^\\{(?=.*"type":"${type}")(?=.*"host":"${host}")`);
    await this.#manager.line(pattern, { after });
  }

  get mark(): number {
    return this.#manager.mark;
  }

  /** The processes of a host's agent. */
  agent(name: string): number[] {
    const there = new Set(processesIn(this.places.get(name)!.name));
    return descendants(this.#manager.pid).filter((pid) => there.has(pid));
  }

  async end(): Promise<void> {
    this.#manager.signal("SIGTERM");
    await until("the end of the manager", () => this.#manager.hasExited);
    assert.equal((await this.#manager.exited).code, 0);
  }
}

function write(
  path: string,
  { places, cmds }: {
    places: ReadonlyMap<string, Namespace>;
    cmds: Readonly<Record<string, readonly string[]>>;
  },
  { hosts, routes = [] }: LivePlan,
): void {
  const names = [...places.keys()];
  const entries = Object.entries(hosts).map(([name, fields]) => {
    const cmd = places.get(name)!.command(...cmds[name] ?? NOROUTER);
    const way = name === "local" ? {} : { cmd };
    return [name, { vip: `127.0.42.${100 + names.indexOf(name)}`, ...way, ...fields }];
  });
  const hostTemplate = { stateDir: { disable: true } };
  const shape = { hostTemplate, hosts: Object.fromEntries(entries), routes };
  Deno.writeTextFileSync(path, JSON.stringify(shape));
}
