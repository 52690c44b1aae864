/**
 * The other side of the protocol, in Python: an agent and a manager as NoRouter 0.6 has
 * them.
 *
 * @module
 */
import assert from "node:assert/strict";
import { NOROUTER } from "../harness/scene/mesh.ts";
import type { Namespace } from "../harness/scene/namespace.ts";
import { Process, run } from "../harness/scene/process.ts";
import type { Scene } from "../harness/scene/scene.ts";
import { until } from "../harness/scene/wait.ts";

/** The features that NoRouter 0.6 announces. */
export const FEATURES_06 =
  "loopback tcp http loopback.disable socks hostaliases etchosts routes dns".split(" ");

/** The command for a program of this folder. */
export function python(program: string, ...args: string[]): string[] {
  return ["python3", "-B", new URL(program, import.meta.url).pathname, ...args];
}

/** What agent.py saw until its end. */
export interface AgentReport {
  /** Why it failed, or null: nothing was wrong. */
  readonly failure: string | null;
  /** The messages that came. */
  readonly messages: string[];
  /** Arguments of its configuration. */
  readonly args: Record<string, unknown>;
  /** Packets that came. */
  readonly packets: number;
  /** What the SYNs of the other side announced, each kind once. */
  readonly handshakes: {
    mss: number | null;
    scale: number | null;
    sackPermitted: boolean;
    timestamps: boolean;
  }[];
}

/** A command for an agent in Python, and the report that it writes at its end. */
export class PythonAgent {
  readonly #report: string;
  readonly #options: readonly string[];

  constructor(folder: string, name: string, ...options: string[]) {
    this.#report = `${folder}/${name}.report`;
    this.#options = options;
  }

  /** The command, for a namespace to run. */
  get command(): string[] {
    return python("agent.py", "--report", this.#report, ...this.#options);
  }

  /** The command in a namespace, for a manifest. */
  readonly cmd = (namespace: Namespace): string[] => namespace.command(...this.command);

  /** Waits for the report, which comes at the agent's end. */
  async report(): Promise<AgentReport> {
    return await until("the report of an agent in Python", async () => {
      try {
        return JSON.parse(await Deno.readTextFile(this.#report)) as AgentReport;
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return undefined;
        throw error;
      }
    });
  }
}

/** Asserts that nothing was wrong, and that only what NoRouter 0.6 knows was said. */
export function assertContent(report: AgentReport): void {
  assert.equal(report.failure, null);
  assert.deepEqual(report.messages, ["request configure"]);
  for (const { mss, scale, sackPermitted } of report.handshakes) {
    assert.ok(mss! > 65_000 && mss! <= 65_495, `an MSS of ${mss}`);
    assert.deepEqual({ scale, sackPermitted }, { scale: 6, sackPermitted: true });
  }
}

/** The addresses of a name, asked of a name server over TCP from within a namespace. */
export async function ask(
  namespace: Namespace,
  server: string,
  name: string,
): Promise<string> {
  const answer = await run(python("ask.py", server, name), { namespace });
  return answer.trim();
}

/** What manager.py tells of itself on its standard output. */
export type ManagerReport = { event: string } & Record<string, unknown>;

/** What manager.py is told of a host: as in a manifest, but with the namespace it is in. */
export interface PythonManagerHost {
  readonly vip: string;
  readonly namespace: Namespace;
  /** The command, given the namespace; by default an agent of ours in there. */
  readonly cmd?: (namespace: Namespace) => readonly string[];
  readonly [field: string]: unknown;
}

/** A manager in Python that was started with some hosts. */
export class PythonManager extends Process {
  /** What it has told, oldest first. */
  get reports(): ManagerReport[] {
    return this.since().split("\n").filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line));
  }

  /** Waits until it tells of `event`, for a host if one is given. */
  async report(event: string, host?: string): Promise<ManagerReport> {
    const isWanted = (each: ManagerReport) =>
      each.event === event && (host === undefined || each.host === host);
    return await until(`"${event}" from ${this.name}`, () => {
      const ended = this.isComplete;
      const found = this.reports.find(isWanted);
      if (found === undefined && ended) throw new Error(`${this.name} ended before`);
      return found;
    });
  }
}

/** Starts a manager in Python in a namespace, and waits until its agents are ready. */
export async function startPythonManager(
  scene: Scene,
  hosts: Record<string, PythonManagerHost>,
  routes: readonly { via: string; to: readonly string[] }[] = [],
): Promise<PythonManager> {
  const path = `${await scene.folder()}/manifest.json`;
  const described = Object.fromEntries(
    Object.entries(hosts).map(([name, { namespace, cmd, ...host }]) => [
      name,
      { ...host, cmd: cmd?.(namespace) ?? namespace.command(...NOROUTER) },
    ]),
  );
  await Deno.writeTextFile(path, JSON.stringify({ hosts: described, routes }));
  const manager = scene.keep(
    new PythonManager("manager.py", python("manager.py", path)),
  );
  for (const name of Object.keys(hosts)) await manager.report("ready", name);
  return manager;
}
