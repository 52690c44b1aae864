/**
 * A mesh under test: a manifest written from a plan, a manager in a namespace and the
 * agents in others.
 *
 * @module
 */
import type { Namespace } from "./namespace.ts";
import { descendants, processesIn } from "./proc.ts";
import { Process } from "./process.ts";
import type { Scene } from "./scene.ts";

/** The program under test. */
export const CLI = new URL("../../../cli.ts", import.meta.url).pathname;

/** The command that is NoRouter; the manager appends `agent --automated`. */
export const NOROUTER: readonly string[] = [Deno.execPath(), "run", "--quiet", "-A", CLI];

/** A test's wishes for a host; every other field of a manifest's host may be added. */
export interface HostPlan {
  readonly ports?: readonly string[];
  /** The command, given the host's namespace; by default an agent in there. */
  readonly cmd?: (namespace: Namespace) => string | readonly string[];
  readonly [field: string]: unknown;
}

/** The line that says that a host is ready, for the first time or again. */
export function readyLine(host: string): RegExp {
  return new RegExp(`\\b${host}\\s+Ready( again)? at\\b`);
}

/** A manager that was started with some manifest. */
export class Manager extends Process {
  readonly manifest: string;
  readonly namespace: Namespace;

  constructor(manifest: string, namespace: Namespace) {
    super("manager", [...NOROUTER, manifest], { namespace, env: { NO_COLOR: "1" } });
    this.manifest = manifest;
    this.namespace = namespace;
  }

  /**
   * Waits until a host is ready; `after` a mark (see {@linkcode Process.mark}) to wait
   * anew.
   */
  async ready(host: string, after = 0): Promise<void> {
    await this.line(readyLine(host), { after });
  }
}

/** Writes the manifest into `folder` and starts a manager. */
export async function startManager(
  manifest: string,
  namespace: Namespace,
  folder: string,
): Promise<Manager> {
  // A mesh that runs would go by another manifest in the place of its own.
  for (let number = 1;; number++) {
    const path = `${folder}/mesh${number > 1 ? `-${number}` : ""}.yaml`;
    const before = await Deno.readTextFile(path).catch(() => undefined);
    if (before !== undefined && before !== manifest) continue;
    if (before === undefined) await Deno.writeTextFile(path, manifest);
    return new Manager(path, namespace);
  }
}

/** A host of a mesh under test. */
export interface TestHost {
  readonly name: string;
  readonly vip: string;
  readonly namespace: Namespace;
}

/** A mesh whose first host is the manager's own. */
export class TestMesh<Name extends string = string> {
  readonly manager: Manager;
  readonly hosts: Readonly<Record<Name, TestHost>>;

  constructor(manager: Manager, hosts: Readonly<Record<Name, TestHost>>) {
    this.manager = manager;
    this.hosts = hosts;
  }

  /** The process of a host's agent; the manager's own agent is the manager. */
  agent(name: Name): number {
    const { namespace } = this.hosts[name];
    if (namespace === this.manager.namespace) return this.manager.pid;
    const there = new Set(processesIn(namespace.name));
    const agents = descendants(this.manager.pid).filter((pid) => there.has(pid));
    if (agents.length !== 1) {
      throw new Error(`${name} should have one agent, but there are ${agents.length}`);
    }
    return agents[0]!;
  }
}

/** The manifest for a plan; its hosts are numbered from 127.0.42.100. */
export function manifestOf(hosts: Record<string, TestHost & { plan: HostPlan }>): string {
  // Agents of tests leave the home of whoever runs them alone.
  const lines = ["hostTemplate: { stateDir: { disable: true } }", "hosts:"];
  for (const [index, { name, vip, namespace, plan }] of Object.values(hosts).entries()) {
    const { cmd, ...fields } = plan;
    const command = cmd?.(namespace) ?? namespace.command(...NOROUTER);
    lines.push(`  ${name}:`, `    vip: ${vip}`);
    if (index > 0) lines.push(`    cmd: ${JSON.stringify(command)}`);
    for (const [field, value] of Object.entries(fields)) {
      lines.push(`    ${field}: ${JSON.stringify(value)}`);
    }
  }
  return lines.join("\n") + "\n";
}

/** A route of the manifest. */
export interface RoutePlan {
  readonly via: string;
  readonly to: readonly string[];
}

/** Starts a mesh in a scene and waits until each of its hosts is ready. */
export async function startMesh<Name extends string>(
  scene: Scene,
  plans: Record<Name, HostPlan>,
  routes: readonly RoutePlan[] = [],
): Promise<TestMesh<Name>> {
  const hosts = {} as Record<Name, TestHost & { plan: HostPlan }>;
  let number = 100;
  for (const name of Object.keys(plans) as Name[]) {
    hosts[name] = {
      name,
      plan: plans[name],
      vip: `127.0.42.${number++}`,
      namespace: await scene.namespace(),
    };
  }
  const [local] = Object.values<TestHost>(hosts);
  const manifest = `${manifestOf(hosts)}routes: ${JSON.stringify(routes)}\n`;
  const manager = await scene.manager(manifest, local!.namespace);
  for (const name of Object.keys(hosts)) await manager.ready(name);
  return new TestMesh(manager, hosts);
}
