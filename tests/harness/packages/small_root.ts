/**
 * A root folder with nothing but busybox, for a test: which folders there are, who owns
 * them and how they are mounted is the test's choice.
 *
 * @module
 */
import { run } from "../scene/process.ts";
import type { Scene } from "../scene/scene.ts";
import { type Ending, ran, Started } from "./executable.ts";

/** How to run a command in there. */
export interface RootOptions {
  /** User and group; root by default. */
  readonly user?: number;
  readonly env?: Record<string, string>;
  /** Commands of a shell that mount something, `$root` being the folder. */
  readonly mounts?: readonly string[];
}

/** Mounts are seen by the command alone, and gone with the command. */
const ENTER = `
set -e
root=$0
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
for device in null zero urandom; do mount --bind /dev/$device "$root/dev/$device"; done
eval "$1"
user=$2
shift 2
cd /
exec chroot --userspec="$user:$user" "$root" /bin/busybox env -i PATH=/bin "$@"
`;

/** A folder with busybox, as the root of processes. */
export class SmallRoot {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /**
   * Makes a root with the executable in /opt; without a home, without any folder for
   * caches.
   */
  static async make(scene: Scene, file: string): Promise<SmallRoot> {
    const root = new SmallRoot(`${await scene.folder()}/root`);
    await root.folder("bin");
    for (const name of ["proc", "dev", "opt"]) await root.folder(name);
    for (const name of ["null", "zero", "urandom"]) {
      await Deno.writeTextFile(`${root.path}/dev/${name}`, "");
    }
    const busybox = (await run(["which", "busybox"])).trim();
    await Deno.copyFile(busybox, `${root.path}/bin/busybox`);
    await run(["chroot", root.path, "/bin/busybox", "--install", "-s", "/bin"]);
    await Deno.copyFile(file, `${root.path}/opt/norouter`);
    await Deno.chmod(`${root.path}/opt`, 0o755);
    return root;
  }

  /** Makes a folder, or changes its owner and mode. */
  async folder(path: string, { user = 0, mode = 0o755 } = {}): Promise<string> {
    const full = `${this.path}/${path}`;
    await Deno.mkdir(full, { recursive: true });
    await Deno.chown(full, user, user);
    await Deno.chmod(full, mode);
    return full;
  }

  #command(command: readonly string[], options: RootOptions): string[] {
    const { user = 0, env = {}, mounts = [] } = options;
    const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    const enter = ["unshare", "--mount", "sh", "-c", ENTER, this.path];
    return [...enter, mounts.join("\n"), `${user}`, ...variables, ...command];
  }

  /** Runs a command in there to its end. */
  ran(command: readonly string[], options: RootOptions = {}): Promise<Ending> {
    return ran(this.#command(command, options));
  }

  /** Starts a command in there; its process has the id of the started process. */
  start(command: readonly string[], options: RootOptions = {}): Started {
    return new Started(this.#command(command, options));
  }
}
