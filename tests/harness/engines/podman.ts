/**
 * Real containers of Podman, where Podman can start them: with storage of the test's own,
 * and this machine's programs, read-only, as their contents.
 *
 * @module
 */
import { CLI } from "../scene/mesh.ts";
import type { Namespace } from "../scene/namespace.ts";
import { run } from "../scene/process.ts";
import { until } from "../scene/wait.ts";

/** Folders of this machine that a container sees, so that Deno runs there. */
const SYSTEM = ["usr", "bin", "sbin", "lib", "lib64"];

/** Podman with storage of its own, and a running container. */
export class PodmanContainer implements AsyncDisposable {
  /** The client with the options that place its storage. */
  readonly program: readonly string[];
  readonly name = "api";
  readonly #folder: string;

  private constructor(program: readonly string[], folder: string) {
    this.program = program;
    this.#folder = folder;
  }

  /** Starts a container without a network. Rejects with Podman's words on failure. */
  static async start(folder: string): Promise<PodmanContainer> {
    const container = new PodmanContainer([
      "podman",
      `--root=${folder}/storage`,
      `--runroot=${folder}/run`,
      `--tmpdir=${folder}/tmp`,
      "--storage-driver=vfs",
      // Options for containers inside of containers, where there is no systemd.
      "--cgroup-manager=cgroupfs",
      "--runtime=runc",
    ], folder);
    const root = `${folder}/root`;
    for (const name of ["etc", "dev", "proc", "sys", "tmp", "run"]) {
      await Deno.mkdir(`${root}/${name}`, { recursive: true });
    }
    const mounts: string[] = [];
    for (const name of SYSTEM) {
      const { isSymlink } = await Deno.lstat(`/${name}`);
      if (isSymlink) {
        await Deno.symlink(await Deno.readLink(`/${name}`), `${root}/${name}`);
      } else mounts.push(`/${name}`);
    }
    const { denoDir } = JSON.parse(await run([Deno.execPath(), "info", "--json"]));
    mounts.push(denoDir, new URL("../", `file://${CLI}`).pathname);
    const deno = await Deno.realPath(Deno.execPath());
    if (!deno.startsWith("/usr/")) mounts.push(deno);
    await run([
      ...container.program,
      "run",
      "--detach",
      `--name=${container.name}`,
      "--network=none",
      // Not more than this machine may give, which could be less than Podman's defaults.
      "--ulimit=nofile=1024:1024",
      "--ulimit=nproc=4096:4096",
      `--env=DENO_DIR=${denoDir}`,
      ...mounts.map((path) => `--volume=${path}:${path}:ro`),
      "--rootfs",
      root,
      "sleep",
      "infinity",
    ]);
    return container;
  }

  /** The container as a place in which tests can run programs. */
  get namespace(): Namespace {
    return {
      name: this.name,
      command: (...words) => [...this.program, "exec", "-i", this.name, ...words],
      limitKernelBuffers: () => Promise.reject(new Error("not in a container")),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }

  async stop(): Promise<void> {
    await run([...this.program, "kill", this.name]);
  }

  async restart(): Promise<void> {
    await run([...this.program, "start", this.name]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run([...this.program, "rm", "--force", "--time=0", this.name]);
    // The container's monitor cleans up last, and would write to a removed folder.
    await until("the end of Podman's processes", () => !isMentioned(this.#folder));
  }
}

/** Whether a process runs with this text in its command line. */
function isMentioned(text: string): boolean {
  return [...Deno.readDirSync("/proc")].some(({ name }) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return Deno.readTextFileSync(`/proc/${name}/cmdline`).includes(text);
    } catch {
      return false; // The process has ended.
    }
  });
}

/** A namespace for clients of Podman: `ip netns exec` would hide the control groups. */
export function keepingMounts(namespace: Namespace): Namespace {
  const net = `--net=/run/netns/${namespace.name}`;
  return {
    name: namespace.name,
    command: (...words) => ["nsenter", net, ...words],
    limitKernelBuffers: () => namespace.limitKernelBuffers(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Why no container can be started on this machine, or nothing if Podman works. */
export async function lackOfPodman(): Promise<string | undefined> {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return "Linux and root";
  const folder = await Deno.makeTempDir({ prefix: "norouter-podman-" });
  try {
    await using _container = await PodmanContainer.start(folder);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
