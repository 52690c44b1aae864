/**
 * A machine of a test: a namespace with an /etc of its own, so that its files
 * and its choice of name servers affect nobody else.
 *
 * @module
 */
import type { Namespace } from "./namespace.ts";
import type { Scene } from "./scene.ts";

/** The system's files that programs look for in /etc; copied where they exist. */
const COPIED = ["passwd", "group", "ld.so.cache"];
/** A machine's hosts file unless the test wants another. */
export const PLAIN_HOSTS = "127.0.0.1\tlocalhost\n";

/** The particulars of a machine. */
export interface MachineOptions {
  /** The name server that its programs ask; none by default. */
  readonly nameServer?: string;
  /** Its hosts file. */
  readonly hosts?: string;
  /**
   * The hosts file is a mount of its own, as in a container: nothing can take its place.
   * If `read-only`, writing fails too.
   */
  readonly hostsMount?: "writable" | "read-only";
}

/** A namespace with an /etc of its own. */
export class Machine implements Namespace {
  readonly name: string;
  /** The folder that is /etc for the programs in here. */
  readonly etc: string;
  /** The hosts file as seen by the programs in here. */
  readonly hosts: string;
  readonly #namespace: Namespace;
  readonly #mounts: string;

  constructor(namespace: Namespace, etc: string, options: MachineOptions) {
    const { hostsMount } = options;
    this.name = namespace.name;
    this.#namespace = namespace;
    this.etc = etc;
    this.hosts = `${etc}/hosts`;
    const mounts = ['mount --bind "$0" /etc'];
    if (hostsMount !== undefined) {
      this.hosts = `${etc}.hosts`;
      mounts.push('mount --bind "$0.hosts" /etc/hosts');
      if (hostsMount === "read-only") mounts.push("mount -o remount,bind,ro /etc/hosts");
    }
    this.#mounts = [...mounts, 'exec "$@"'].join(" && ");
  }

  /** Wraps `command` to run in here; the process keeps the id of its start. */
  command(...command: string[]): string[] {
    // `ip netns exec` gives each process mounts of its own, so nobody else sees these.
    return this.#namespace.command("sh", "-c", this.#mounts, this.etc, ...command);
  }

  limitKernelBuffers(): Promise<void> {
    return this.#namespace.limitKernelBuffers();
  }

  /** Nothing to do: the scene that made the machine removes it. */
  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

/** Makes a machine that is removed with the scene. */
export async function makeMachine(
  scene: Scene,
  options: MachineOptions = {},
): Promise<Machine> {
  // Asked for first, to be removed after the processes of the namespace.
  const folder = await scene.folder();
  const namespace = await scene.namespace();
  const machine = new Machine(namespace, `${folder}/${namespace.name}.etc`, options);
  const { nameServer, hosts = PLAIN_HOSTS } = options;
  await Deno.mkdir(machine.etc);
  const files = {
    "resolv.conf": nameServer === undefined ? "" : `nameserver ${nameServer}\n`,
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    hosts,
  };
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${machine.etc}/${name}`, text);
  }
  if (machine.hosts !== `${machine.etc}/hosts`) {
    await Deno.writeTextFile(machine.hosts, hosts);
  }
  for (const name of COPIED) {
    await Deno.copyFile(`/etc/${name}`, `${machine.etc}/${name}`).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
  }
  return machine;
}
