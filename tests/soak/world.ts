/**
 * The mesh of a soak: this machine's host `laptop` with the manager, the hosts `web` and
 * `db`, and the bastion `gate` with a network behind it; each a network namespace with a
 * server of ours, and all with proxies.
 *
 * @module
 */
import { makeMachine } from "../harness/scene/machine.ts";
import { type Manager, NOROUTER } from "../harness/scene/mesh.ts";
import type { Namespace } from "../harness/scene/namespace.ts";
import { commandLine, descendants, processesIn } from "../harness/scene/proc.ts";
import { type Process, run } from "../harness/scene/process.ts";
import type { Scene } from "../harness/scene/scene.ts";
import { attachSite } from "../harness/web/site.ts";
import { PROXIES } from "../harness/web/ways.ts";
import type { ClientPlan } from "./client.ts";
import { HTTP_PORT, PLAIN_PORT, type Target } from "./ways.ts";

const NETWORK = "192.168.95";
const INSIDE_ADDRESS = `${NETWORK}.10`;
const INSIDE_NAME = "soak.inside.example";
const VIPS = {
  laptop: "127.0.42.100",
  web: "127.0.42.101",
  db: "127.0.42.102",
  gate: "127.0.42.103",
} as const;

/** A host of the mesh. */
export type HostName = keyof typeof VIPS;

/** Those with an agent of their own, which can be killed. */
export const REMOTE: readonly HostName[] = ["web", "db", "gate"];

const INSIDE: readonly Target[] = [INSIDE_ADDRESS, INSIDE_NAME].map((name) => {
  return { hosts: ["gate"], name };
});

/** A program of this folder in a namespace. */
function program(
  scene: Scene,
  file: string,
  namespace: Namespace,
  argument: string,
): Process {
  const path = new URL(`./${file}`, import.meta.url).pathname;
  const command = [Deno.execPath(), "run", "--quiet", "-A", path, argument];
  return scene.start(`${file} in ${namespace.name}`, command, { namespace });
}

const LOSSY = new URL("../harness/peers/lossy_link.ts", import.meta.url).pathname;
const REMOTE_PROGRAM = new URL("../harness/peers/remote.ts", import.meta.url).pathname;

/** A mesh that has changed by its manifest has to tell so within this time. */
const REWRITE_LIMIT_MS = 30_000;

/** The manifest of the world, as the YAML has it. */
export interface SoakManifest {
  readonly hosts: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly routes: readonly { readonly via: string; readonly to: readonly string[] }[];
  readonly policy?: readonly unknown[];
  readonly hostTemplate: unknown;
}

/** In which somebody who asks a server has its answer. */
const ANSWER_SECONDS = 10;

/** Options of {@linkcode World.make}. */
export interface WorldOptions {
  /** See {@linkcode World.isFar}. Default false. */
  readonly isFar?: boolean;
  /** One packet of so many is spoiled on each link; none if absent. */
  readonly loss?: number | undefined;
  /** For the choice of those packets. */
  readonly seed?: number;
}

/** A running mesh with its servers. */
export class World {
  /** Agents are no children of the manager: a command leads to them, which may die alone. */
  readonly isFar: boolean;
  readonly manager: Manager;
  readonly servers: readonly Process[];
  readonly #scene: Scene;
  readonly #namespaces: Readonly<Record<HostName, Namespace>>;

  /** What the mesh was started with. */
  readonly #manifest: SoakManifest;
  /** Folders of the agents that stay when their link is cut. */
  readonly #kept: readonly string[];

  private constructor(
    scene: Scene,
    namespaces: Readonly<Record<HostName, Namespace>>,
    { manager, servers, isFar, manifest }: {
      manager: Manager;
      servers: readonly Process[];
      isFar: boolean;
      manifest: SoakManifest;
    },
  ) {
    this.#scene = scene;
    this.#manifest = manifest;
    this.#namespaces = namespaces;
    this.manager = manager;
    this.servers = servers;
    this.isFar = isFar;
    const agents = REMOTE.map((name) => this.agent(name));
    this.#kept = isFar ? foldersOf(agents) : [];
  }

  /** Starts the world, in a scene that ends it. */
  static async make(
    scene: Scene,
    { isFar = false, loss, seed = 1 }: WorldOptions = {},
  ): Promise<World> {
    const namespaces = {
      laptop: await makeMachine(scene),
      web: await makeMachine(scene),
      db: await makeMachine(scene),
      gate: await makeMachine(scene, { nameServer: INSIDE_ADDRESS }),
    };
    const names = { [INSIDE_NAME]: INSIDE_ADDRESS };
    const site = { name: "inside", network: NETWORK, names };
    const inside = await attachSite(scene, namespaces.gate, site);
    const servers = [
      program(scene, "server.ts", inside, "0.0.0.0"),
      ...Object.values(namespaces).map((namespace) =>
        program(scene, "server.ts", namespace, "127.0.0.1")
      ),
    ];
    for (const server of servers) await server.line(/"listening"/);
    const ports = [PLAIN_PORT, HTTP_PORT].map((port) => `${port}:127.0.0.1:${port}`);
    const host = (name: HostName) => ({ vip: VIPS[name], ports, ...PROXIES });
    const commands = new Map<HostName, readonly string[]>();
    for (const name of REMOTE) {
      if (!isFar) {
        commands.set(name, namespaces[name].command(...NOROUTER));
        continue;
      }
      const socket = socketOf(await scene.folder(), name);
      const words = [Deno.execPath(), "run", "--quiet", "-A", REMOTE_PROGRAM];
      const machine = scene.start(`machine of ${name}`, [...words, "serve", socket], {
        namespace: namespaces[name],
      });
      await machine.line(/"listening"/);
      servers.push(machine);
      commands.set(name, [...words, "run", socket, ...NOROUTER]);
    }
    const hosts = {
      laptop: host("laptop"),
      ...Object.fromEntries(REMOTE.map((name) => {
        const cmd = commands.get(name);
        const lossy = { transport: LOSSY, with: { cmd, oneIn: loss, seed } };
        return [name, { ...host(name), ...(loss === undefined ? { cmd } : lossy) }];
      })),
    };
    const manifest: SoakManifest = {
      hostTemplate: { stateDir: { disable: true } },
      hosts,
      routes: [{ via: "gate", to: [`${NETWORK}.0/24`, "*.inside.example"] }],
    };
    const manager = await scene.manager(JSON.stringify(manifest), namespaces.laptop);
    for (const name of Object.keys(hosts)) await manager.ready(name);
    return new World(scene, namespaces, { manager, servers, isFar, manifest });
  }

  /**
   * Writes another manifest than that of the start, or that one if nothing is to change,
   * and waits until the mesh tells so.
   */
  async rewrite(
    change: (manifest: SoakManifest) => SoakManifest = (manifest) => manifest,
  ): Promise<void> {
    const { manager } = this;
    const { mark } = manager;
    await Deno.writeTextFile(manager.manifest, JSON.stringify(change(this.#manifest)));
    await manager.line(/The mesh has changed/, {
      after: mark,
      limitMs: REWRITE_LIMIT_MS,
    });
  }

  /** The namespace of a host. */
  namespace(name: HostName): Namespace {
    return this.#namespaces[name];
  }

  /** The process of a host's agent, which for the manager's host is the manager. */
  agent(name: HostName): number {
    if (name === "laptop") return this.manager.pid;
    const there = processesIn(this.#namespaces[name].name);
    const children = descendants(this.manager.pid);
    const agents = there.filter((pid) =>
      this.isFar ? / agent --automated$/.test(commandLine(pid)) : children.includes(pid)
    );
    if (agents.length !== 1) {
      throw new Error(`${name} has ${agents.length} agents, not one`);
    }
    return agents[0]!;
  }

  /** The process of the command that leads to a far host, if there is one now. */
  command(name: HostName): number | undefined {
    const mark = new RegExp(` run \\S+/machine-${name} `);
    return descendants(this.manager.pid).find((pid) => mark.test(commandLine(pid)));
  }

  /** Whether a host's server answers to another host, which may take some seconds. */
  async answers(to: HostName, from: HostName): Promise<boolean> {
    const url = `http://${VIPS[to]}:${HTTP_PORT}/`;
    const options = ["--silent", "--fail", "--max-time", `${ANSWER_SECONDS}`];
    try {
      await run(["curl", ...options, url], { namespace: this.#namespaces[from] });
      return true;
    } catch {
      return false;
    }
  }

  /** Where a far host can be reached; while it is elsewhere, nobody gets there. */
  async socket(name: HostName): Promise<string> {
    return socketOf(await this.#scene.folder(), name);
  }

  /** Folders of agents that are there still. */
  keptFolders(): string[] {
    return this.#kept.filter((folder) => {
      try {
        return Deno.lstatSync(folder).isDirectory;
      } catch {
        return false;
      }
    });
  }

  /** Starts a client on each host, for some seconds. */
  startClients(seed: number, seconds: number, lanes: number): Process[] {
    return (Object.keys(VIPS) as HostName[]).map((host, index) => {
      const hosts = (Object.keys(VIPS) as HostName[]).filter((other) => other !== host);
      const targets = hosts.flatMap((other): Target[] =>
        [other, VIPS[other]].map((name) => {
          return { hosts: other === "laptop" ? [] : [other], name, vip: VIPS[other] };
        })
      );
      const plan: ClientPlan = {
        host,
        through: host === "laptop" ? [] : [host],
        seed: seed + index,
        seconds,
        lanes,
        // The bastion reaches the network behind it without us.
        targets: host === "gate" ? targets : [...targets, ...INSIDE, ...INSIDE],
      };
      return program(
        this.#scene,
        "client.ts",
        this.#namespaces[host],
        JSON.stringify(plan),
      );
    });
  }
}

function socketOf(folder: string, name: HostName): string {
  return `${folder}/machine-${name}`;
}

/** The folders of agents with these processes. */
function foldersOf(agents: readonly number[]): string[] {
  const place = `/tmp/norouter-${Deno.uid()}`;
  return [...Deno.readDirSync(place)].map(({ name }) => `${place}/${name}`)
    .filter((folder) => {
      try {
        return agents.includes(Number.parseInt(Deno.readTextFileSync(`${folder}/pid`)));
      } catch {
        return false; // of somebody else, who just ends
      }
    });
}
