/**
 * Hosts that are reached in each real way, and how the link to each breaks: by Docker, by
 * ssh with a key, by ssh through another machine, by kubectl, and by a command.
 *
 * @module
 */
import type { Namespace } from "../scene/namespace.ts";
import { commandLine, descendants, processesBeside, processesIn } from "../scene/proc.ts";
import { kill, type Process, run } from "../scene/process.ts";
import { Cable } from "../scene/cable.ts";
import { NOROUTER } from "../scene/mesh.ts";
import type { Scene } from "../scene/scene.ts";
import { until } from "../scene/wait.ts";
import { Cluster } from "./cluster.ts";
import type { Container, DockerEngine } from "./docker.ts";
import { busyboxRoot } from "./image_root.ts";
import { type Sshd, SshMachine } from "./sshd.ts";

const REMOTE = new URL("../peers/remote.ts", import.meta.url).pathname;

/** A host of the mesh. */
export interface Reached {
  readonly name: string;
  /** The fields of the host that say how it is reached. */
  readonly fields: Record<string, unknown>;
  /** Where its programs run. */
  readonly place: Namespace;
  /** Words that only the command has that reaches it. */
  readonly mark: string;
  /** All processes there. */
  processes(): number[];
  /** Other ways to end its link than the death of the command, by what is done. */
  readonly breaks: Readonly<Record<string, () => Promise<void>>>;
  /** The names of folders of agents that stay, which are there now. */
  kept(): Promise<string[]>;
}

/** Where agents leave their folders. */
const PLACES = ["/tmp", "/var/tmp", "/dev/shm"];

/** The folders of agents that see `root` as their root. */
function foldersIn(root: string): string[] {
  const namesIn = (folder: string) => {
    try {
      return [...Deno.readDirSync(folder)].map(({ name }) => `${folder}/${name}`);
    } catch {
      return [];
    }
  };
  return PLACES.flatMap((place) => namesIn(root + place))
    .filter((folder) => /\/norouter-\d+$/.test(folder)).flatMap(namesIn);
}

function pidIn(folder: string): number {
  try {
    return Number.parseInt(Deno.readTextFileSync(`${folder}/pid`));
  } catch {
    return 0;
  }
}

/** Folders of agents that were seen in a namespace, as far as they are still there. */
function keptIn(processes: () => number[]): () => Promise<string[]> {
  const seen = new Set<string>();
  return () => {
    const theirs = processes();
    for (const folder of foldersIn("")) {
      if (theirs.includes(pidIn(folder))) seen.add(folder);
    }
    return Promise.resolve([...seen].filter((folder) => {
      try {
        return Deno.lstatSync(folder).isDirectory;
      } catch {
        return false;
      }
    }));
  };
}

/** The machine of the manager, with the clients that reach the others. */
export class Centre {
  readonly near: SshMachine;
  readonly key: string;
  readonly #scene: Scene;
  #cables = 0;

  private constructor(scene: Scene, near: SshMachine, key: string) {
    this.#scene = scene;
    this.near = near;
    this.key = key;
  }

  static async make(scene: Scene): Promise<Centre> {
    const near = await SshMachine.make(scene);
    const key = await near.key("mine");
    await near.authorize(key);
    return new Centre(scene, near, key);
  }

  /** The namespace of the manager. */
  get place(): Namespace {
    return this.near.machine;
  }

  /** A container with busybox, in which nothing is installed. */
  async docker(
    engine: DockerEngine,
    { name = "docker", options = [] }: { name?: string; options?: readonly string[] } =
      {},
  ): Promise<Reached & { container: Container }> {
    const root = `${await this.#scene.folder()}/${name}`;
    await busyboxRoot(root);
    const image = await engine.image(root);
    const container = await engine.container(image, ["sleep", "100000"], { options });
    return await this.container(engine, container, name);
  }

  /** A container that runs. */
  async container(
    engine: DockerEngine,
    container: Container,
    name: string,
  ): Promise<Reached & { container: Container }> {
    const main = Number(
      await run(engine.command("inspect", "--format", "{{.State.Pid}}", container.name)),
    );
    return {
      container,
      name,
      fields: {
        docker: { container: container.name, program: engine.command() },
      },
      place: {
        name: container.name,
        command: (...words) => ["nsenter", `--net=/proc/${main}/ns/net`, ...words],
        limitKernelBuffers: () => Promise.reject(new Error("not in a container")),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      },
      mark: `exec -i ${container.name}`,
      processes: () => processesBeside(main).filter((pid) => pid !== main),
      breaks: {},
      kept: () => Promise.resolve(foldersIn(`/proc/${main}/root`)),
    };
  }

  /** A machine behind ssh at the other end of a cable. */
  async ssh(): Promise<
    Reached & { cable: Cable; sshd: Sshd; far: SshMachine; loginPort: string }
  > {
    const far = await SshMachine.make(this.#scene);
    const cable = await this.#cable(this.place, far.machine);
    const sshd = await far.sshd({ address: cable.far });
    await this.near.trust(sshd);
    const processes = () => processesIn(far.machine.name);
    return {
      cable,
      sshd,
      far,
      name: "ssh",
      fields: { ssh: { host: `${cable.far}:${sshd.port}`, identity: this.key } },
      loginPort: `${cable.far}:${sshd.port}`,
      place: far.machine,
      mark: `-p ${sshd.port} -i ${this.key} -o BatchMode=yes ${cable.far} --`,
      processes,
      breaks: { "death of sshd's process": () => killSession(sshd.process) },
      kept: keptIn(processes),
    };
  }

  /** A machine that is reached through another. */
  async jump(gate: { far: SshMachine; sshd: Sshd; cable: Cable }): Promise<Reached> {
    const inner = await SshMachine.make(this.#scene);
    const cable = await this.#cable(gate.far.machine, inner.machine);
    const sshd = await inner.sshd({ address: cable.far });
    await this.near.trust(sshd);
    // The jump host gets its key from the configuration.
    await this.near.write("config", `Host *\n  IdentityFile ${this.key}\n`);
    const processes = () => processesIn(inner.machine.name);
    return {
      name: "jump",
      fields: {
        ssh: {
          host: `${cable.far}:${sshd.port}`,
          jump: `${gate.cable.far}:${gate.sshd.port}`,
        },
      },
      place: inner.machine,
      mark: `-J ${gate.cable.far}:${gate.sshd.port}`,
      processes,
      breaks: { "death of sshd's process": () => killSession(sshd.process) },
      kept: keptIn(processes),
    };
  }

  /** A pod of a cluster of the test. */
  async kubectl(): Promise<Reached & { cluster: Cluster }> {
    const app = await this.#scene.namespace();
    const plan = {
      pods: { "shop/web-0": { ready: true, containers: { app: app.name } } },
    };
    const cluster = await Cluster.make(this.#scene, plan, this.place);
    const processes = () => processesIn(app.name);
    return {
      cluster,
      name: "kubectl",
      fields: {
        kubectl: cluster.spec({ pod: "web-0" }),
        installPath: `${await this.#scene.folder()}/pod`,
      },
      place: app,
      mark: "web-0",
      processes,
      breaks: {
        "restart of the API server": async () => {
          cluster.server.signal("SIGKILL");
          await cluster.server.end();
          await cluster.start();
        },
      },
      kept: keptIn(processes),
    };
  }

  /** A host that some other command reaches; there, Deno starts the agent. */
  async cmd(name = "cmd"): Promise<Reached & { socket: string }> {
    const place = await this.#scene.namespace();
    const socket = `${await this.#scene.folder()}/${place.name}`;
    const remote = [Deno.execPath(), "run", "--quiet", "-A", REMOTE];
    const server = this.#scene.start(`machine ${place.name}`, [
      ...remote,
      "serve",
      socket,
    ], { namespace: place });
    await server.line(/"listening"/);
    const processes = () => processesIn(place.name).filter((pid) => pid !== server.pid);
    return {
      socket,
      name,
      fields: { cmd: [...remote, "run", socket, ...NOROUTER] },
      place,
      mark: `run ${socket}`,
      processes,
      breaks: {},
      kept: keptIn(processes),
    };
  }

  async #cable(one: Namespace, two: Namespace): Promise<Cable> {
    return await Cable.lay(one, two, `10.77.${++this.#cables}`);
  }
}

/** The command of a manager that reaches a host now, if there is one. */
export function commandOf(manager: Process, { mark }: Reached): number | undefined {
  return descendants(manager.pid).find((pid) => commandLine(pid).includes(mark));
}

/** Waits for the command that reaches a host, and sends it a signal. */
export async function strike(
  manager: Process,
  reached: Reached,
  signal: Deno.Signal,
): Promise<number> {
  const pid = await until(
    `the command that reaches ${reached.name}`,
    () => commandOf(manager, reached),
  );
  kill(pid, signal);
  return pid;
}

/** The agent there: the process of the first command, however its links were begun. */
export function agentOf(reached: Reached): number {
  const agents = agentsOf(reached);
  if (agents.length !== 1) {
    const found = reached.processes().map(commandLine).join("\n");
    throw new Error(`${reached.name} has ${agents.length} agents:\n${found}`);
  }
  return agents[0]!;
}

/** All agents there. */
export function agentsOf(reached: Reached): number[] {
  return reached.processes().filter((pid) => isAgent(commandLine(pid)));
}

function isAgent(words: string): boolean {
  return /deno.* agent --automated$/.test(words);
}

/** Kills the process of sshd whose descendants are of NoRouter. */
async function killSession(sshd: Process): Promise<void> {
  const session = await until("the connection's process of sshd", () => {
    const all = descendants(sshd.pid);
    return all.find((pid) =>
      /^sshd: /.test(commandLine(pid)) &&
      descendants(pid).some((each) =>
        / norouter$|agent --automated/.test(commandLine(each))
      )
    );
  });
  kill(session, "SIGKILL");
}
