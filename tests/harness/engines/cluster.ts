/**
 * A cluster that is an API server of the test, with network namespaces for containers, and
 * the real kubectl to reach them.
 *
 * @module
 */
import type { Manager } from "../scene/mesh.ts";
import type { Namespace } from "../scene/namespace.ts";
import type { Process } from "../scene/process.ts";
import type { Scene } from "../scene/scene.ts";
import type { ClusterPlan } from "./kube_api.ts";
import { findKubectl } from "./kubectl.ts";

const KUBECTL = await findKubectl();
/** What tests with a cluster need of the machine. */
export const CLUSTER_NEEDS: readonly string[] = KUBECTL === undefined
  ? ["kubectl 1.31"]
  : [];
const API = new URL("./kube_api.ts", import.meta.url).pathname;
const PORT = 6443;

/** A cluster, and a machine from which it can be reached. */
export class Cluster {
  readonly near: Namespace;
  readonly #scene: Scene;
  readonly #folder: string;
  #server: Process | undefined;

  constructor(scene: Scene, near: Namespace, folder: string) {
    this.#scene = scene;
    this.near = near;
    this.#folder = folder;
  }

  /** A cluster that is reached from `near`, a namespace of its own if not given. */
  static async make(
    scene: Scene,
    plan: ClusterPlan,
    near?: Namespace,
  ): Promise<Cluster> {
    const place = near ?? await scene.namespace();
    const cluster = new Cluster(scene, place, await scene.folder());
    await cluster.change(plan);
    const cluster_ = { server: `http://127.0.0.1:${PORT}` };
    const context = { cluster: "test", user: "me", namespace: "shop" };
    await Deno.writeTextFile(
      cluster.config,
      JSON.stringify({
        apiVersion: "v1",
        kind: "Config",
        clusters: [{ name: "test", cluster: cluster_ }],
        users: [{ name: "me", user: { token: "any" } }],
        contexts: [{ name: "here", context }],
      }),
    );
    await cluster.start();
    return cluster;
  }

  get config(): string {
    return `${this.#folder}/kubeconfig`;
  }

  /** What is in the cluster from now on. */
  async change(plan: ClusterPlan): Promise<void> {
    await Deno.writeTextFile(`${this.#folder}/plan`, JSON.stringify(plan));
  }

  async start(): Promise<Process> {
    const command = [
      Deno.execPath(),
      "run",
      "-A",
      API,
      `${this.#folder}/plan`,
      `${PORT}`,
    ];
    this.#server = this.#scene.start("API server", command, { namespace: this.near });
    await this.#server.line(/listening/);
    return this.#server;
  }

  get server(): Process {
    return this.#server!;
  }

  /** The manifest's value for a host that these options choose. */
  spec(options: Record<string, unknown>): Record<string, unknown> {
    return {
      kubeconfig: this.config,
      context: "here",
      program: [KUBECTL!, `--cache-dir=${this.#folder}/cache`],
      ...options,
    };
  }

  /** Starts a manager whose host `pod` is reached by these options. */
  async manager(options: Record<string, unknown>, more = {}): Promise<Manager> {
    const kubectl = this.spec(options);
    const pod = { vip: "127.0.42.101", ports: ["8080:127.0.0.1:80"], kubectl, ...more };
    return await this.#scene.manager(
      JSON.stringify({
        hostTemplate: { stateDir: { disable: true } },
        hosts: { local: { vip: "127.0.42.100" }, pod },
      }),
      this.near,
    );
  }
}
