/**
 * A machine with real sshd's, and a home whose ssh configuration, keys and login shell
 * are nobody else's.
 *
 * The client runs there too, so `~/.ssh/config` applies as for users.
 *
 * @module
 */
import { type Machine, makeMachine } from "../scene/machine.ts";
import type { Process } from "../scene/process.ts";
import { run } from "../scene/process.ts";
import type { Scene } from "../scene/scene.ts";

/** sshd insists on being started by its full path, and on this folder of its own. */
const SSHD = "/usr/sbin/sshd";
const SSHD_FOLDER = "/run/sshd";

/** Programs that tests with ssh need of the machine. */
export const SSH_NEEDS = ["ssh", "sshd", "ssh-keygen"];

/** The particulars of a server. */
export interface SshdOptions {
  /** Further lines of its configuration. */
  readonly config?: string;
  /** Where it listens: 127.0.0.1 by default. */
  readonly address?: string;
}

/** A server that listens. */
export interface Sshd {
  readonly port: number;
  readonly process: Process;
  /** The server's line of known_hosts. */
  readonly knownHost: string;
}

/** A machine of a single user, root, whose home is a folder of the test. */
export class SshMachine {
  readonly machine: Machine;
  readonly home: string;
  readonly #scene: Scene;
  #port = 2200;

  private constructor(scene: Scene, machine: Machine, home: string) {
    this.#scene = scene;
    this.machine = machine;
    this.home = home;
  }

  /** A machine without keys, configuration or servers. */
  static async make(scene: Scene): Promise<SshMachine> {
    const machine = await makeMachine(scene);
    const home = `${await scene.folder()}/home`;
    await Deno.mkdir(`${home}/.ssh`, { recursive: true, mode: 0o700 });
    await Deno.chmod(home, 0o700);
    const passwd = `${machine.etc}/passwd`;
    const users = await Deno.readTextFile(passwd);
    const mine = users.replace(/^(root:.*):[^:]*:[^:]*$/m, `$1:${home}:/bin/bash`);
    await Deno.writeTextFile(passwd, mine);
    return new SshMachine(scene, machine, home);
  }

  /** Makes a key; gives its path in the home. */
  async key(name: string, passphrase = ""): Promise<string> {
    const path = `${this.home}/.ssh/${name}`;
    await run([
      "ssh-keygen",
      "-q",
      "-t",
      "ed25519",
      "-N",
      passphrase,
      "-C",
      name,
      "-f",
      path,
    ]);
    return path;
  }

  /** Whoever has this key may log in. */
  async authorize(key: string): Promise<void> {
    const line = await Deno.readTextFile(`${key}.pub`);
    await this.write("authorized_keys", line, { append: true });
  }

  /** The client knows this server. */
  async trust(...servers: Sshd[]): Promise<void> {
    for (const { knownHost } of servers) {
      await this.write("known_hosts", knownHost + "\n", { append: true });
    }
  }

  /** Writes a file of the user's `~/.ssh`; gives its path. */
  async write(name: string, text: string, options?: Deno.WriteFileOptions) {
    const path = `${this.home}/.ssh/${name}`;
    await Deno.writeTextFile(path, text, { mode: 0o600, ...options });
    return path;
  }

  /** Starts a server. */
  async sshd(
    { config = "", address = "127.0.0.1" }: SshdOptions = {},
  ): Promise<Sshd> {
    const port = ++this.#port;
    const folder = `${await this.#scene.folder()}/sshd-${address}-${port}`;
    await Deno.mkdir(folder, { mode: 0o700 });
    await Deno.mkdir(SSHD_FOLDER, { recursive: true, mode: 0o755 });
    await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", `${folder}/key`]);
    await Deno.writeTextFile(
      `${folder}/config`,
      // Of a setting given twice sshd takes the first.
      `${config}
Port ${port}
ListenAddress ${address}
HostKey ${folder}/key
AuthorizedKeysFile ${this.home}/.ssh/authorized_keys
PidFile none
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
LogLevel VERBOSE
`,
    );
    const process = this.#scene.start(
      `sshd-${port}`,
      [SSHD, "-D", "-e", "-f", `${folder}/config`],
      { namespace: this.machine },
    );
    await process.line(/^Server listening on/);
    const [type, key] = (await Deno.readTextFile(`${folder}/key.pub`)).split(" ");
    return { port, process, knownHost: `[${address}]:${port} ${type} ${key}` };
  }
}
