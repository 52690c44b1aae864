/**
 * A mesh of hosts that are reached in real ways, each with the servers of connections that
 * have to last.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Lasting, LASTING_PUBLISHED, serveLasting } from "../peers/lasting.ts";
import type { Peer } from "../peers/peer_process.ts";
import { TellingManager, type Told } from "../scene/events.ts";
import { isAlive } from "../scene/proc.ts";
import type { Scene } from "../scene/scene.ts";
import { withoutTerminal } from "../scene/terminal.ts";
import { until } from "../scene/wait.ts";
import { type Centre, type Reached, strike } from "./reached.ts";

/** A host of the mesh, with the servers there. */
export interface ReachedHost {
  readonly name: string;
  readonly reached: Reached;
  readonly vip: string;
  readonly server: Peer;
  /** Processes that were there before the mesh. */
  readonly before: readonly number[];
}

/** The wishes for a mesh. */
export interface ReachedOptions {
  /** The words of the manager; NoRouter from the checkout by default. */
  readonly program?: readonly string[];
  /** Arguments behind the manifest. */
  readonly args?: readonly string[];
  /** Fields of every host. */
  readonly template?: Record<string, unknown>;
  /** Further fields, by host. */
  readonly more?: Readonly<Record<string, Record<string, unknown>>>;
}

/** A manager and its hosts. */
export class ReachedMesh {
  readonly centre: Centre;
  readonly hosts: readonly ReachedHost[];
  /** The path of the manifest. */
  readonly manifest: string;
  manager: TellingManager;
  readonly #scene: Scene;
  readonly #options: ReachedOptions;

  private constructor(
    scene: Scene,
    centre: Centre,
    { hosts, manifest, options }: {
      hosts: readonly ReachedHost[];
      manifest: string;
      options: ReachedOptions;
    },
  ) {
    this.#scene = scene;
    this.centre = centre;
    this.hosts = hosts;
    this.manifest = manifest;
    this.#options = options;
    this.manager = this.#start();
  }

  /** Starts the servers and the mesh; nothing is waited for. */
  static async start(
    scene: Scene,
    centre: Centre,
    { ways, ...options }: ReachedOptions & { readonly ways: readonly Reached[] },
  ): Promise<ReachedMesh> {
    const hosts: ReachedHost[] = [];
    for (const [index, reached] of ways.entries()) {
      const server = await serveLasting(scene, reached.place);
      const before = reached.processes();
      const { name } = reached;
      hosts.push({ name, reached, vip: `127.0.42.${101 + index}`, server, before });
    }
    const { template = {}, more = {} } = options;
    const manifest = `${await scene.folder()}/mesh.yaml`;
    await Deno.writeTextFile(
      manifest,
      JSON.stringify({
        hostTemplate: {
          stateDir: { disable: true },
          ports: LASTING_PUBLISHED,
          ...template,
        },
        hosts: {
          local: { vip: "127.0.42.100" },
          ...Object.fromEntries(hosts.map(({ name, reached, vip }) => {
            return [name, { vip, ...reached.fields, ...more[name] }];
          })),
        },
      }),
    );
    return new ReachedMesh(scene, centre, { hosts, manifest, options });
  }

  /** The manager is started again, after its end. */
  restart(): void {
    assert.ok(this.manager.hasExited);
    this.manager = this.#start();
  }

  #start(): TellingManager {
    const { program, args } = this.#options;
    const { home } = this.centre.near;
    return this.#scene.keep(
      new TellingManager(this.manifest, {
        namespace: withoutTerminal(this.centre.place),
        env: { HOME: home, NOROUTER_CACHE: `${home}/cache`, DENO_DIR: DENO_DIR },
        ...program && { program },
        ...args && { args },
      }),
    );
  }

  host(name: string): ReachedHost {
    return this.hosts.find((host) => host.name === name)!;
  }

  /** Waits until each host is ready; `resume` is what each says of that. */
  async ready(resume: unknown = { on: true, seconds: 300 }): Promise<void> {
    for (const { name } of this.hosts) {
      assert.deepEqual((await this.manager.told("ready", name)).resume, resume, name);
    }
  }

  /** Opens connections from a host to another; `local` for the manager's. */
  flow(from: string, to: string, rate?: number): Promise<Lasting> {
    const place = from === "local" ? this.centre.place : this.host(from).reached.place;
    return Lasting.open(this.#scene, place, this.host(to), rate);
  }

  /** Kills what reaches a host, and waits until the host is ready again. */
  async strike(name: string): Promise<Told> {
    const { mark } = this.manager;
    await strike(this.manager, this.host(name).reached, "SIGKILL");
    return await this.manager.told("ready", name, { after: mark });
  }

  /** Ends the mesh, of which nothing is left anywhere. */
  async end(): Promise<void> {
    this.manager.signal("SIGTERM");
    assert.equal((await this.manager.end()).code, 0);
    for (const host of this.hosts) await leavesNothing(host);
  }
}

const { denoDir: DENO_DIR } = JSON.parse(
  new TextDecoder().decode(
    new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).outputSync().stdout,
  ),
);

/** Waits until neither a process nor a file of an agent is there. */
export async function leavesNothing(
  { name, reached, before }: ReachedHost,
): Promise<void> {
  const left = () => reached.processes().filter((pid) => !before.includes(pid));
  await until(`the agent on ${name} to end`, () => !left().some(isAlive));
  let kept: string[] = [];
  await until(`the files of the agent on ${name} to go`, async () => {
    kept = await reached.kept();
    return kept.length === 0;
  }).catch((error) => {
    throw new Error(`${error.message}: ${kept}`);
  });
}
