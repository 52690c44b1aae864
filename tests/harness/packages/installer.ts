/**
 * Runs the install script in a real shell, against a release that the test serves.
 *
 * @module
 */
import assert from "node:assert/strict";
import { installer } from "../../../cli/commands/installer.ts";
import { within } from "../scene/wait.ts";

/** Programs that the script needs besides a client and a program for sums. */
const ESSENTIALS = [
  ...[
    "chmod",
    "dd",
    "head",
    "id",
    "mkdir",
    "mv",
    "rm",
    "rmdir",
    "sed",
    "sleep",
    "uname",
    "wc",
  ],
] as const;

/** A shell, with the tools that usually come along. */
export interface Shell {
  readonly name: string;
  readonly command: readonly string[];
  /** Whether the tools are busybox's. */
  readonly isBusybox: boolean;
}

/** The shells that the script is made for. */
export const SHELLS: readonly Shell[] = [
  { name: "dash", command: ["/bin/dash"], isBusybox: false },
  { name: "bash", command: ["/bin/bash"], isBusybox: false },
  { name: "busybox sh", command: ["/bin/busybox", "sh"], isBusybox: true },
];

/** The result of a run. */
export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How to run the script. */
export interface RunOptions {
  readonly shell?: Shell;
  /** Programs on PATH besides the essentials; `curl` and `sha256sum` by default. */
  readonly tools?: readonly string[];
  /** Programs on PATH in the place of real ones, as scripts of sh. */
  readonly fakes?: Readonly<Record<string, string>>;
  /** Folders on PATH behind that of the programs. */
  readonly path?: readonly string[];
  /** Variables; undefined values are not set. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The script; that of the served release by default. */
  readonly script?: string;
  /** Words before the shell, such as a program that changes the user. */
  readonly before?: readonly string[];
}

/** The program of the served release, which does nothing but tell its version. */
export const PROGRAM = `#!/bin/sh
[ "$*" = --version ] && echo "norouter 1.2.3 (a fake)"
`;

/** More bytes than a client keeps before a write. */
const BLOCK_BYTES = 2 ** 16;

/** A served release, and a home to install into; gone when the test is. */
export class Release implements AsyncDisposable {
  /** A folder of this test. Everybody may read there, but not write. */
  readonly folder: string;
  /** `HOME` of the script. */
  readonly home: string;
  /** The URL of the release. */
  readonly base: string;
  /** The served files, by name; change them for a broken release. */
  readonly files = new Map<string, string | Handler>();
  /** The paths that were asked for, in order. */
  readonly asked: string[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #endless = new Set<() => void>();
  #runs = 0;

  private constructor(folder: string, tls?: Certificate) {
    this.folder = folder;
    this.home = `${folder}/home`;
    Deno.mkdirSync(this.home);
    Deno.chmodSync(folder, 0o755);
    const options = { hostname: "127.0.0.1", port: 0, onListen() {}, ...tls };
    this.#server = Deno.serve(options, (request) => this.#answer(request));
    const { port } = this.#server.addr;
    this.base = `${tls ? "https" : "http"}://127.0.0.1:${port}/v1.2.3`;
  }

  /** Serves a release of a single program, {@linkcode PROGRAM}. */
  static async serve(tls?: Certificate): Promise<Release> {
    const release = new Release(await Deno.makeTempDir(), tls);
    await release.publish(PROGRAM);
    return release;
  }

  /** Serves another program, for all systems. */
  async publish(program: string): Promise<void> {
    const sum = await sha256(program);
    const names = ["linux-x64", "linux-arm64", "macos-arm64", "windows-x64.exe"]
      .map((name) => `norouter-${name}`);
    for (const name of names) this.files.set(name, program);
    this.files.set("SHA256SUMS", names.map((name) => `${sum}  ${name}\n`).join(""));
  }

  /** The name of the executable for this machine. */
  get asset(): string {
    return `norouter-linux-${Deno.build.arch === "aarch64" ? "arm64" : "x64"}`;
  }

  /** The default place of the installed program. */
  get target(): string {
    return `${this.home}/.local/bin/norouter`;
  }

  /** The script, which would install the version 1.2.3 of the served program. */
  get script(): string {
    const releases = this.base.replace("/v1.2.3", "");
    return installer({ version: "1.2.3", releases });
  }

  /** Runs the script, piped into the shell as users do. */
  async run(options: RunOptions = {}): Promise<Outcome> {
    const { child, output } = this.start(options);
    try {
      return await within("the end of the script", output);
    } catch (error) {
      child.kill("SIGTERM");
      await output;
      throw error;
    }
  }

  /** Starts the script. */
  start(
    options: RunOptions = {},
  ): { child: Deno.ChildProcess; output: Promise<Outcome> } {
    const { shell = SHELLS[0]!, env = {}, before = [], path = [] } = options;
    const bin = this.#makePath(options);
    const variables = {
      HOME: this.home,
      PATH: [bin, ...path].join(":"),
      SHELL: "/bin/sh",
      ...env,
    };
    const [program, ...args] = [...before, ...shell.command];
    const child = new Deno.Command(program!, {
      args,
      cwd: this.folder,
      clearEnv: true,
      env: Object.fromEntries(
        Object.entries(variables).flatMap(([name, value]) =>
          value === undefined ? [] : [[name, value]]
        ),
      ),
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const collect = async (): Promise<Outcome> => {
      const [{ code, stdout, stderr }] = await Promise.all([
        child.output(),
        feed(child.stdin, options.script ?? this.script),
      ]);
      const decoder = new TextDecoder();
      return {
        status: code,
        stdout: decoder.decode(stdout),
        stderr: decoder.decode(stderr),
      };
    };
    return { child, output: collect() };
  }

  /**
   * An answer that ends with the test: perhaps a block at once, then some at intervals.
   */
  endless({ begins = false, everyMs }: { begins?: boolean; everyMs?: number }): Response {
    let end = () => {};
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        const send = () => controller.enqueue(new Uint8Array(BLOCK_BYTES));
        if (begins) send();
        const timer = everyMs === undefined ? undefined : setInterval(send, everyMs);
        end = () => {
          clearInterval(timer);
          this.#endless.delete(end);
          controller.error(new Error("The test is over"));
        };
        this.#endless.add(end);
      },
      cancel: () => end(),
    });
    return new Response(body);
  }

  /** Asserts that the program was installed, may be run by all, and lies there alone. */
  assertInstalled(target: string = this.target): void {
    assert.equal(Deno.readTextFileSync(target), PROGRAM);
    assert.equal(Deno.statSync(target).mode! & 0o7777, 0o755);
    const name = target.slice(target.lastIndexOf("/") + 1);
    assert.deepEqual(namesIn(target.slice(0, -name.length)), [name]);
  }

  /** Asserts that nothing was installed, and nothing else left in the folder. */
  assertNothing(): void {
    assert.deepEqual(namesIn(`${this.home}/.local/bin`), []);
  }

  /** A folder of links to programs, for PATH. */
  #makePath(
    { shell, tools = ["curl", "sha256sum"], fakes = {} }: RunOptions,
  ): string {
    const bin = `${this.folder}/bin-${++this.#runs}`;
    Deno.mkdirSync(bin);
    for (const name of [...ESSENTIALS, ...tools]) {
      if (name in fakes) continue;
      const isApplet = shell?.isBusybox && !NO_APPLETS.includes(name);
      Deno.symlinkSync(isApplet ? "/bin/busybox" : whereIs(name), `${bin}/${name}`);
    }
    for (const [name, body] of Object.entries(fakes)) {
      Deno.writeTextFileSync(`${bin}/${name}`, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
    }
    return bin;
  }

  #answer(request: Request): Response | Promise<Response> {
    const { pathname } = new URL(request.url);
    this.asked.push(pathname);
    const file = this.files.get(pathname.replace(/^\/v1\.2\.3\//, ""));
    if (file === undefined) return new Response("Not here", { status: 404 });
    return typeof file === "string" ? new Response(file) : file(request);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#endless) end();
    await this.#server.shutdown();
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** Answers a request. */
export type Handler = (request: Request) => Response | Promise<Response>;

/** For HTTPS. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

const NO_APPLETS = ["curl", "openssl", "shasum"];

function whereIs(program: string): string {
  for (const folder of ["/usr/bin", "/bin", "/usr/sbin", "/sbin"]) {
    try {
      return Deno.realPathSync(`${folder}/${program}`);
    } catch { /* Not in this one. */ }
  }
  throw new Error(`There is no program ${program}`);
}

/** The SHA-256 of a text, in hexadecimal. */
export async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(digest).toHex();
}

/** Names in a folder; none if the folder is absent. */
export function namesIn(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

async function feed(stdin: WritableStream<Uint8Array>, text: string): Promise<void> {
  const writer = stdin.getWriter();
  try {
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
  } catch {
    // A shell that gave up does not read the rest.
  }
}
