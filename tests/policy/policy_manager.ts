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

/** The manager of a mesh under test. */
export class PolicyManager extends Process {
  readonly #rules: string;

  private constructor(namespace: Namespace, manifest: string, rules: string) {
    const command = [Deno.execPath(), "run", "--quiet", "-A", PROGRAM, manifest, rules];
    super("manager", command, { namespace });
    this.#rules = rules;
  }

  /** Starts a mesh under these rules, and waits until its hosts are ready. */
  static async start(
    scene: Scene,
    namespace: Namespace,
    { manifest, rules }: { manifest: { readonly hosts: object }; rules: string[] },
  ): Promise<PolicyManager> {
    const folder = await scene.folder();
    const paths = [`${folder}/mesh.yaml`, `${folder}/policy`] as const;
    await Deno.writeTextFile(paths[0], JSON.stringify(manifest));
    await Deno.writeTextFile(paths[1], rules.join("\n"));
    const manager = scene.keep(new PolicyManager(namespace, ...paths));
    for (const host of Object.keys(manifest.hosts)) {
      await manager.line(new RegExp(`"type":"ready".*"host":"${host}"`));
    }
    return manager;
  }

  /** Goes by other rules from now on. */
  async swap(...rules: string[]): Promise<void> {
    const { mark } = this;
    await Deno.writeTextFile(this.#rules, rules.join("\n"));
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
