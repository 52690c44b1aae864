/**
 * A manager with a policy, for tests: see `manager.ts`.
 *
 * @module
 */
import type { MeshEvent, MeshStatus } from "../../mod.ts";
import type { Namespace } from "../harness/scene/namespace.ts";
import { Process } from "../harness/scene/process.ts";
import type { Scene } from "../harness/scene/scene.ts";

const PROGRAM = new URL("./manager.ts", import.meta.url).pathname;

/** A manifest without its policy. */
export interface Policed {
  readonly hosts: object;
  readonly [field: string]: unknown;
}

/** The manager of a mesh under test. */
export class PolicyManager extends Process {
  readonly #path: string;
  readonly #manifest: Policed;

  private constructor(namespace: Namespace, path: string, manifest: Policed) {
    const command = [Deno.execPath(), "run", "--quiet", "-A", PROGRAM, path];
    super("manager", command, { namespace });
    this.#path = path;
    this.#manifest = manifest;
  }

  /** Starts a mesh under these rules, and waits until its hosts are ready. */
  static async start(
    scene: Scene,
    namespace: Namespace,
    { manifest, rules }: { manifest: Policed; rules: readonly string[] },
  ): Promise<PolicyManager> {
    const path = `${await scene.folder()}/mesh.yaml`;
    await Deno.writeTextFile(path, textOf(manifest, rules));
    const manager = scene.keep(new PolicyManager(namespace, path, manifest));
    for (const host of Object.keys(manifest.hosts)) {
      await manager.line(new RegExp(`"type":"ready".*"host":"${host}"`));
    }
    return manager;
  }

  /** The place of a rule, from 1, as the manager writes it. */
  placeOf(rule: number): string {
    return `${this.#path}:${rule + 1}:5`;
  }

  /** Goes by other rules from now on. */
  async swap(...rules: readonly string[]): Promise<void> {
    const { mark } = this;
    await Deno.writeTextFile(this.#path, textOf(this.#manifest, rules));
    this.signal("SIGUSR1");
    await this.line(/"type":"swapped"/, { after: mark });
  }

  /** Its status. */
  async status(): Promise<MeshStatus> {
    const { mark } = this;
    this.signal("SIGUSR2");
    await this.line(/^\{"status":/, { after: mark });
    const line = this.since(mark).split("\n").find((line) =>
      line.startsWith('{"status":')
    );
    return JSON.parse(line!).status;
  }

  /** The events of a type so far. */
  events<Type extends MeshEvent["type"]>(type: Type): (MeshEvent & { type: Type })[] {
    return this.since().split("\n").filter((line) => line.startsWith(`{"type":"${type}"`))
      .map((line) => JSON.parse(line));
  }
}

/** The manifest, whose first line begins the policy with a rule in each of the next. */
function textOf(manifest: Policed, rules: readonly string[]): string {
  const policy = rules.length === 0
    ? " []"
    : rules.map((rule) => `\n  - ${rule}`).join("");
  const rest = Object.entries(manifest).map(([field, value]) =>
    `${field}: ${JSON.stringify(value)}\n`
  );
  return `policy:${policy}\n${rest.join("")}`;
}
