/**
 * An end-to-end test: its resources, the report of a failure, and the cleaning up.
 *
 * @module
 */
import { Namespace } from "./namespace.ts";
import { Peer } from "../peers/peer_process.ts";
import { isAlive, processesIn } from "./proc.ts";
import { kill, Process, type ProcessOptions } from "./process.ts";
import {
  type HostPlan,
  type Manager,
  type RoutePlan,
  startManager,
  startMesh,
  type TestMesh,
} from "./mesh.ts";
import { needs, type Requirement } from "./requirements.ts";
import { until, within } from "./wait.ts";

export interface SceneOptions {
  /** Needs from the machine; `namespaces` is always needed. */
  readonly needs?: readonly Requirement[];
  /** Milliseconds after which the test fails; 60 000 by default. */
  readonly limitMs?: number;
}

/** Makes namespaces, processes and files for a test, and removes them afterwards. */
export class Scene implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack();
  readonly #processes: Process[] = [];
  #folder: string | undefined;

  /** An empty folder of this test's own. */
  async folder(): Promise<string> {
    if (this.#folder === undefined) {
      const folder = await Deno.makeTempDir({ prefix: "norouter-test-" });
      this.#stack.defer(() => Deno.remove(folder, { recursive: true }));
      this.#folder = folder;
    }
    return this.#folder;
  }

  /** A namespace; processes that still run there at the end are killed, by id. */
  async namespace(): Promise<Namespace> {
    const namespace = this.#stack.use(await Namespace.make());
    this.#stack.defer(async () => {
      const left = processesIn(namespace.name);
      for (const pid of left) kill(pid, "SIGKILL");
      await until("killed processes to end", () => !left.some(isAlive));
    });
    return namespace;
  }

  /** A process that is ended with the test, its output shown if the test fails. */
  start(name: string, command: readonly string[], options?: ProcessOptions): Process {
    return this.keep(new Process(name, command, options));
  }

  /** A serving peer (see peer_servers.ts) that already listens. */
  async server(namespace: Namespace, role: string, ...args: (string | number)[]) {
    const peer = this.keep(new Peer(namespace, role, ...args));
    await peer.report("listening");
    return peer;
  }

  /** A dialling peer (see peer_clients.ts), just started. */
  client(namespace: Namespace, role: string, ...args: (string | number)[]): Peer {
    return this.keep(new Peer(namespace, role, ...args));
  }

  /** A manager with this manifest; nothing is waited for. */
  async manager(manifest: string, namespace: Namespace): Promise<Manager> {
    return this.keep(await startManager(manifest, namespace, await this.folder()));
  }

  /** A mesh of these hosts, all of them ready, each in a namespace of its own. */
  mesh<Name extends string>(
    hosts: Record<Name, HostPlan>,
    routes: readonly RoutePlan[] = [],
  ): Promise<TestMesh<Name>> {
    return startMesh(this, hosts, routes);
  }

  keep<P extends Process>(process: P): P {
    this.#processes.push(process);
    return this.#stack.use(process);
  }

  /** The output of every process, for the report of a failure. */
  get transcript(): string {
    return this.#processes.map((process) => process.transcript).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** Registers an end-to-end test: a sentence, and the proof. */
export function e2e(
  sentence: string,
  test: (scene: Scene) => Promise<void>,
  { needs: programs = [], limitMs = 60_000 }: SceneOptions = {},
): void {
  const { ignore, missing } = needs("namespaces", ...programs);
  if (ignore) {
    console.log(`left out: ${sentence}: this machine lacks ${missing.join("; ")}`);
  }
  Deno.test({ name: sentence, ignore }, async () => {
    if (missing.length > 0) throw new Error(`This machine lacks ${missing.join("; ")}`);
    await using scene = new Scene();
    try {
      await within("the whole test", test(scene), limitMs);
    } catch (error) {
      console.log(scene.transcript);
      throw error;
    }
  });
}
