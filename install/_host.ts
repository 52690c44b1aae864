/**
 * A host of a test: a shell with some programs and a home, in mounts of its own, where
 * nothing of the machine's own places for agents is seen or written.
 *
 * And an agent that is a few lines of a shell.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { openProcess } from "../transports/command/process.ts";
import type { Link, OpenContext, Progress, Transport } from "../transports/mod.ts";
import {
  needs,
  type Requirement,
  type Verdict,
} from "../tests/harness/scene/requirements.ts";
import { within } from "../tests/harness/scene/wait.ts";
import { type AgentFile, contentOf, packOf } from "./agents.ts";
import { type InstallOptions, openInstalled } from "./open.ts";

/** The programs that every host has, and those that some have. */
const TOOLS = ["cat", "chmod", "head", "ls", "mkdir", "mv", "rm", "wc"];
const MORE_TOOLS = [
  "sha256sum",
  "df",
  "find",
  "id",
  "uname",
  "mkfifo",
  "readlink",
  "rmdir",
  "setsid",
  "sleep",
  "stat",
];

/** Path of a host's own folder for programs that run there. */
const INSIDE = "/mnt";
/** Folders that take the place of the machine's, by their names in the host's folder. */
const PLACES = { "tmp": "/tmp", "var-tmp": "/var/tmp", "shm": "/dev/shm" };

/** Which shell, and whose programs. */
export type Shell = "dash" | "busybox" | "bash";
export const SHELLS: readonly Shell[] = ["dash", "busybox", "bash"];

/** The particulars of a host. */
export interface TestHostOptions {
  readonly shell?: Shell;
  /** Programs that the host lacks. */
  readonly without?: readonly string[];
  /** Programs of its own, as lines of a shell. */
  readonly programs?: Readonly<Record<string, string>>;
  /** Commands before anything else, as root, in its mounts: to spoil places. */
  readonly prepare?: string;
  /** The number of its user. */
  readonly uid?: number;
  /** Instead of HOME=/mnt/home. */
  readonly env?: readonly string[];
}

/** A host, and all that its transport told. */
export class TestHost implements AsyncDisposable {
  /** Its folder, as this machine sees it. */
  readonly root: string;
  readonly logged: string[] = [];
  readonly progress: Progress[] = [];
  /** The process of the last link. */
  pid = 0;
  readonly #options: TestHostOptions;
  readonly #stop = new AbortController();
  readonly #links: Link[] = [];

  private constructor(root: string, options: TestHostOptions) {
    this.root = root;
    this.#options = options;
  }

  static async make(options: TestHostOptions = {}): Promise<TestHost> {
    const root = await Deno.makeTempDir({ prefix: "norouter-host-" });
    await Deno.chmod(root, 0o755);
    const host = new TestHost(root, options);
    const { shell = "dash", without = [], programs = {}, uid = 0 } = options;
    for (const name of ["bin", "home", ...Object.keys(PLACES)]) {
      await Deno.mkdir(`${root}/${name}`);
    }
    for (const name of Object.keys(PLACES)) await Deno.chmod(`${root}/${name}`, 0o1777);
    await Deno.chown(`${root}/home`, uid, uid);
    for (const name of ["sh", ...TOOLS, ...MORE_TOOLS]) {
      if (without.includes(name) || name in programs) continue;
      const target = shell === "busybox" ? "busybox" : name === "sh" ? shell : name;
      await Deno.symlink(pathOf(target), `${root}/bin/${name}`);
    }
    for (const [name, lines] of Object.entries({ deno: "exit 127", ...programs })) {
      if (lines.startsWith("/")) await Deno.symlink(lines, `${root}/bin/${name}`);
      else {
        await Deno.writeTextFile(`${root}/bin/${name}`, `#!/bin/sh\n${lines}\n`, {
          mode: 0o755,
        });
      }
    }
    return host;
  }

  /** The command of this machine that runs `words` there. */
  command(words: readonly string[]): string[] {
    const { prepare = ":", uid, env = [`HOME=${INSIDE}/home`] } = this.#options;
    const mounts = [
      `set -e`,
      `mount --bind "$0" ${INSIDE}`,
      ...Object.entries(PLACES).map(([name, place]) =>
        `mount --bind ${INSIDE}/${name} ${place}`
      ),
      `cd ${INSIDE}`,
      prepare,
      `exec "$@"`,
    ].join("\n");
    const user = uid === undefined
      ? []
      : ["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups"];
    return [
      ...["unshare", "--mount", "sh", "-c", mounts, this.root],
      ...[...user, "env", "-i", `PATH=${INSIDE}/bin`, ...env, ...words],
    ];
  }

  /** Reaches the host by a command; `around` may put words in front. */
  transport(around: readonly string[] = []): Transport {
    return {
      name: "test",
      parse: (spec) => spec,
      describe: () => "a test",
      open: () => Promise.reject(new Error("not by this")),
      exec: (_options, words, context) => {
        const link = openProcess(this.command([...around, ...words]), context);
        this.#links.push(link);
        return Promise.resolve(link);
      },
    };
  }

  get context(): OpenContext {
    return {
      host: "web",
      signal: this.#stop.signal,
      log: (line) => this.logged.push(line),
      alive: () => {},
      progress: (progress) => this.progress.push(progress),
    };
  }

  /** Opens a link with an installed agent. */
  open(
    install: Partial<InstallOptions>,
    { around = [], context = this.context }: {
      around?: readonly string[];
      context?: OpenContext;
    } = {},
  ): Promise<Link> {
    const all: InstallOptions = { mode: "auto", ...install };
    return within("a link", openInstalled(this.transport(around), {}, all, context));
  }

  /** Opens a link, lets its agent speak, and ends the link; gives the agent's words. */
  async speak(
    install: Partial<InstallOptions>,
    around: readonly string[] = [],
  ): Promise<string> {
    return await heard(await this.open(install, { around }));
  }

  /** Names in the host's folder below `path`, sorted. */
  list(path: string): string[] {
    try {
      return [...Deno.readDirSync(`${this.root}/${path}`)].map(({ name }) => name).sort();
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  }

  /** The text of a file of the host; nothing if the file is absent. */
  read(path: string): string {
    try {
      return Deno.readTextFileSync(`${this.root}/${path}`);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return "";
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error("the test is over"));
    await Promise.all(this.#links.map(async (link) => {
      await link.closed;
      if (!link.readable.locked) await link.readable.cancel().catch(() => {});
      if (!link.writable.locked) await link.writable.abort().catch(() => {});
    }));
    await Deno.remove(this.root, { recursive: true });
  }
}

/** All that the test agent says in answer to "hello", to the end. */
export async function heard(link: Link): Promise<string> {
  const writer = link.writable.getWriter();
  await writer.write(new TextEncoder().encode("hello"));
  await writer.close();
  const words = await within("the agent's words", textOfStream(link.readable));
  await within("the agent's end", link.closed);
  return words;
}

/** All that is left of a stream. */
export async function textOfStream(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
  return await new Blob(await Array.fromAsync(stream)).text();
}

/** The result of {@linkcode heard} with {@linkcode testAgent}. */
export const WORDS = "agent --automated says hello";

let made = 0;
/** A name that no other agent has. */
function newName(check: number): string {
  return `${(Date.now() * 1000 + made++).toString(16).padStart(16, "0")}-${check}`;
}

/** An agent that says its arguments and its input; `bytes` of random data follow. */
export function testAgent(bytes = 0, lines = ""): AgentFile & { reads: number } {
  const script = `#!/bin/sh\n${lines}\nprintf "%s says " "$*"\nexec cat\nexit\n`;
  const random = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += 65536) {
    crypto.getRandomValues(random.subarray(at, at + 65536));
  }
  const head = new TextEncoder().encode(script);
  const all = new Uint8Array(head.length + bytes);
  all.set(head);
  all.set(random, head.length);
  return fileOf(all, newName(all.length));
}

/** The same for deno. */
export async function testPack(): Promise<AgentFile & { reads: number }> {
  const program = `import { says } from "./word.js";
    await Deno.stdout.write(new TextEncoder().encode(Deno.args.join(" ") + says));
    await Deno.stdin.readable.pipeTo(Deno.stdout.writable);`;
  const files = { "app/cli.js": program, "app/word.js": `export const says = " says ";` };
  const bytes = await packOf(
    Object.entries(files).map(([name, text]) => [name, new TextEncoder().encode(text)]),
  );
  const content = createHash("sha256").update(contentOf(bytes)).digest("hex");
  return Object.assign(fileOf(bytes, newName(Object.keys(files).length)), {
    contentSha256: () => Promise.resolve(content),
  });
}

/** A file in memory that counts its reads. */
export function fileOf(bytes: Uint8Array, name: string): AgentFile & { reads: number } {
  return {
    reads: 0,
    name,
    bytes: bytes.length,
    sha256: () => Promise.resolve(createHash("sha256").update(bytes).digest("hex")),
    async *read() {
      this.reads++;
      for (let at = 0; at < bytes.length; at += 65536) {
        yield bytes.slice(at, at + 65536);
        await Promise.resolve();
      }
    },
  };
}

function pathOf(program: string): string {
  for (const folder of `${Deno.env.get("PATH")}:/usr/sbin:/sbin`.split(":")) {
    const path = `${folder}/${program}`;
    try {
      if (Deno.statSync(path).isFile) return path;
    } catch { /* not here */ }
  }
  throw new Error(`no ${program} on this machine`);
}

const always: Verdict = needs(
  "namespaces",
  "unshare",
  "setpriv",
  "mount",
  "dash",
  "bash",
);

/** Registers a test with a host; skipped, or failed under CI, where a need is missing. */
export function hostTest(
  sentence: string,
  options: TestHostOptions,
  test: (host: TestHost) => Promise<void>,
  ...programs: Requirement[]
): void {
  const wanted = options.shell === "busybox" ? ["busybox", ...programs] : programs;
  const verdict = needs(...wanted);
  const missing = [...always.missing, ...verdict.missing];
  const ignore = always.ignore || verdict.ignore;
  Deno.test({ name: sentence, ignore }, async () => {
    if (missing.length > 0) throw new Error(`This machine lacks ${missing.join("; ")}`);
    await using host = await TestHost.make(options);
    try {
      await test(host);
    } catch (error) {
      console.log(host.logged.join("\n"));
      throw error;
    }
  });
}
