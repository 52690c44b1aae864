/**
 * Gets packages from the Debian mirror of this machine, as any user, beside its own apt.
 *
 * @module
 */

/** Longest time that a command may take. */
const LIMIT_MS = 180_000;

/** Runs a command; rejects with its last output if the command fails. */
export async function run(
  command: string[],
  options: { cwd: string; stdin?: Uint8Array },
): Promise<void> {
  const [program, ...args] = command as [string, ...string[]];
  const child = new Deno.Command(program, {
    args,
    cwd: options.cwd,
    stdin: options.stdin ? "piped" : "null",
    stdout: "null",
    stderr: "piped",
    signal: AbortSignal.timeout(LIMIT_MS),
  }).spawn();
  if (options.stdin) {
    const writer = child.stdin.getWriter();
    await writer.write(options.stdin);
    await writer.close();
  }
  const { success, code, stderr } = await child.output();
  if (success) return;
  const said = new TextDecoder().decode(stderr).trim().split("\n").slice(-3).join("; ");
  throw new Error(`${program} exited with status ${code}: ${said}`);
}

/** The Debian mirror this machine uses, from apt's own configuration. */
async function debianMirror(): Promise<{ uri: string; keyring: string } | undefined> {
  const texts: string[] = [];
  const read = async (path: string) => {
    try {
      texts.push(await Deno.readTextFile(path));
    } catch { /* not there, or not ours to read */ }
  };
  await read("/etc/apt/sources.list");
  try {
    for await (const entry of Deno.readDir("/etc/apt/sources.list.d")) {
      await read(`/etc/apt/sources.list.d/${entry.name}`);
    }
  } catch { /* no such folder */ }
  const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
  try {
    await Deno.stat(keyring);
  } catch {
    return undefined;
  }
  for (const text of texts) {
    const uri =
      /^\s*(?:deb\s(?:\[[^\]]*\]\s*)?|URIs:\s*)(https?:\/\/\S*\/debian)\/?(?=\s|$)/m
        .exec(text)?.[1];
    if (uri !== undefined) return { uri, keyring };
  }
  return undefined;
}

/** The wishes for a mirror. */
export interface DebianOptions {
  /** The release, such as `trixie`. */
  readonly suite: string;
  /** Sources or binaries. */
  readonly kind: "deb" | "deb-src";
  /** Debian's name of an architecture, if not this machine's. */
  readonly architecture?: string;
}

/** apt-get with lists of its own; the system's are untouched. */
export class Debian {
  readonly #work: string;
  readonly #settings: readonly string[];

  private constructor(work: string, settings: readonly string[]) {
    this.#work = work;
    this.#settings = settings;
  }

  /** Fetches the lists into `work`. Rejects where there is no Debian mirror, or no answer. */
  static async setUp(work: string, options: DebianOptions): Promise<Debian> {
    const { suite, kind, architecture } = options;
    const mirror = await debianMirror();
    if (mirror === undefined) throw new Error("no Debian mirror is set up here");
    const folder = `${work}/apt`;
    for (const each of ["lists/partial", "cache/archives/partial"]) {
      await Deno.mkdir(`${folder}/${each}`, { recursive: true });
    }
    const arch = architecture ? `arch=${architecture} ` : "";
    await Deno.writeTextFile(
      `${folder}/sources.list`,
      `${kind} [${arch}signed-by=${mirror.keyring}] ${mirror.uri} ${suite} main\n`,
    );
    await Deno.writeTextFile(`${folder}/status`, "");
    const debian = new Debian(
      work,
      [
        `Dir::Etc::sourcelist=${folder}/sources.list`,
        "Dir::Etc::sourceparts=/dev/null",
        `Dir::State::lists=${folder}/lists`,
        `Dir::State::status=${folder}/status`,
        `Dir::Cache=${folder}/cache`,
        ...architecture
          ? [`APT::Architecture=${architecture}`, `APT::Architectures=${architecture}`]
          : [],
        "APT::Sandbox::User=",
        "Acquire::http::Timeout=30",
        "Acquire::Retries=2",
      ].flatMap((setting) => ["-o", setting]),
    );
    await debian.get("update");
    return debian;
  }

  /** `apt-get` with these arguments; downloads land in the work folder. */
  async get(...args: string[]): Promise<void> {
    await run(["apt-get", ...this.#settings, "-qq", ...args], { cwd: this.#work });
  }
}
