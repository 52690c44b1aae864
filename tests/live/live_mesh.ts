/**
 * A mesh that is changed while it runs: its manifest in a folder, its manager, and the
 * commands that find it.
 *
 * @module
 */
import { NOROUTER } from "../harness/scene/mesh.ts";
import type { Namespace } from "../harness/scene/namespace.ts";
import type { Process } from "../harness/scene/process.ts";
import type { Scene } from "../harness/scene/scene.ts";
import { until } from "../harness/scene/wait.ts";

/** The result of a command. */
export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end. */
export async function ran(...command: readonly string[]): Promise<Ran> {
  const [program, ...args] = command;
  const { code, stdout, stderr } = await new Deno.Command(program!, {
    args,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { status: code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** A mesh of this machine and of what its manifest names. */
export class LiveMesh {
  readonly #scene: Scene;
  readonly path: string;
  readonly name: string;
  readonly here: Namespace;
  readonly there: Namespace;
  readonly #args: readonly string[];
  manager!: Process;

  private constructor(
    scene: Scene,
    path: string,
    places: [Namespace, Namespace],
    args: readonly string[],
  ) {
    this.#scene = scene;
    this.path = path;
    const named = args.indexOf("--name");
    this.name = named >= 0
      ? args[named + 1]!
      : path.slice(path.lastIndexOf("/") + 1).replace(".yaml", "");
    [this.here, this.there] = places;
    this.#args = args;
  }

  /** A mesh with the host `web`, whose VIP listens on `port`; all of it is ready. */
  static async start(
    scene: Scene,
    port = 8080,
    ...args: readonly string[]
  ): Promise<LiveMesh> {
    // Others use the machine too, and their meshes are called "mesh".
    const folder = `${await scene.folder()}/${crypto.randomUUID().slice(0, 8)}`;
    await Deno.mkdir(folder);
    const path = `${folder}/live-${crypto.randomUUID().slice(0, 8)}.yaml`;
    const places: [Namespace, Namespace] = [
      await scene.namespace(),
      await scene.namespace(),
    ];
    const mesh = new LiveMesh(scene, path, places, args);
    await Deno.writeTextFile(path, mesh.text(port));
    await mesh.begin();
    return mesh;
  }

  /** Starts the manager, behind a prefix, and waits until commands find it. */
  async begin(...prefix: readonly string[]): Promise<void> {
    const command = [...prefix, ...NOROUTER, ...this.#args, this.path];
    const options = { namespace: this.here, env: { NO_COLOR: "1" } };
    this.manager = this.#scene.start(`manager of ${this.name}`, command, options);
    await this.manager.line(/Every host is ready/);
    if (this.#args.includes("--control=off")) return;
    await until("the control socket", () => exists(this.socket));
  }

  /** The manifest with that port of `web`, and further lines of hosts. */
  text(port: number, more = ""): string {
    return `hostTemplate: { stateDir: { disable: true } }
hosts:
  local: { vip: 127.0.42.100 }
  web: ${this.host(`ports: ["${port}:127.0.0.1:80"]`)}
${more}`;
  }

  /** A host whose agent runs there, as what stands behind its name. */
  host(more = ""): string {
    const cmd = JSON.stringify(this.there.command(...NOROUTER));
    return `{ cmd: ${cmd}, loopback: { disable: true }${more && `, ${more}`} }`;
  }

  get socket(): string {
    return `/tmp/norouter-${Deno.uid()}/${this.name}/control`;
  }

  /** Waits for a line of the manager behind what was there when `act` began. */
  async tells(pattern: RegExp, act: () => unknown): Promise<void> {
    const { mark } = this.manager;
    await act();
    await this.manager.line(pattern, { after: mark });
  }

  /** Runs a command about this mesh. */
  async command(...args: readonly string[]): Promise<Ran> {
    return await ran(...NOROUTER, ...args, "--mesh", this.name);
  }

  /** Asks its socket. */
  async curl(path: string, ...args: readonly string[]): Promise<Ran> {
    const options = ["-s", "--max-time", "20", "--unix-socket", this.socket];
    return await ran("curl", ...options, ...args, `http://localhost${path}`);
  }
}

export function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}
