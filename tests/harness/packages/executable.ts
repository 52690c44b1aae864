/**
 * The portable executable for Linux under test: built if need be, and started in any way.
 *
 * @module
 */
import type { SceneOptions } from "../scene/scene.ts";
import { Scene } from "../scene/scene.ts";
import { needs, type Verdict } from "../scene/requirements.ts";
import { within } from "../scene/wait.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;
const NAME = `norouter-linux-${Deno.build.arch === "aarch64" ? "arm64" : "x64"}`;
/** Both forms, where `deno task portable` leaves them. */
const FILE = `${ROOT}dist/${NAME}`;
const FOLDER = `${ROOT}dist/folders/${NAME}`;
/** A build from nothing compresses for a minute and downloads. */
const BUILD_LIMIT_MS = 400_000;

/** Both forms of the portable executable, as files of a test that nobody else changes. */
export interface Executable {
  readonly file: string;
  readonly folder: string;
}

let built: Promise<void> | undefined;

/**
 * Puts both forms into a folder, built anew if a source is younger than the last build. The
 * file has a name of its own for its content, so that no copy unpacked elsewhere is
 * found.
 */
export async function executableIn(folder: string): Promise<Executable> {
  built ??= buildIfOld();
  await built;
  const executable = { file: `${folder}/norouter`, folder: `${folder}/${NAME}` };
  await Deno.copyFile(FILE, executable.file);
  await rename(executable.file);
  await cloneFolder(FOLDER, executable.folder);
  return executable;
}

/** Gives the file's content another name. */
async function rename(path: string): Promise<void> {
  using file = await Deno.open(path, { read: true, write: true });
  const head = new Uint8Array(4096);
  await file.read(head);
  const at = new TextDecoder("latin1").decode(head).indexOf("\nhash=");
  if (at < 0) throw new Error(`${path} has no line "hash="`);
  const name = crypto.randomUUID().replaceAll("-", "").slice(0, 16);
  await file.seek(at + "\nhash=".length, Deno.SeekMode.Start);
  await file.write(new TextEncoder().encode(name));
}

async function buildIfOld(): Promise<void> {
  if (await newestSource() <= await buildTime()) return;
  const { success, stderr } = await within(
    "deno task portable",
    new Deno.Command(Deno.execPath(), {
      args: ["task", "--quiet", "portable", NAME.replace("norouter-linux-", "")],
      cwd: ROOT,
      stdout: "null",
      stderr: "piped",
    }).output(),
    BUILD_LIMIT_MS,
  );
  if (success) return;
  throw new Error(`deno task portable failed\n${new TextDecoder().decode(stderr)}`);
}

/** When the file was written; 0 if there is none. */
async function buildTime(): Promise<number> {
  const times = await Promise.all(
    [FILE, `${FOLDER}/norouter`].map((path) =>
      Deno.stat(path).then(({ mtime }) => Number(mtime), () => 0)
    ),
  );
  return Math.min(...times);
}

/** When a source of the executable was last changed. */
async function newestSource(folder = ROOT): Promise<number> {
  let newest = 0;
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}${name}`;
    if (isDirectory) {
      if (/^(\.|dist$|docs$|tests$|bench$|examples$|scripts$)/.test(name)) continue;
      newest = Math.max(newest, await newestSource(`${path}/`));
    } else if (/(?<!_test)\.(ts|js|sh|c|h)$|^(deno\.|NOTICE|LICENSE)/.test(name)) {
      newest = Math.max(newest, Number((await Deno.stat(path)).mtime));
    }
  }
  return newest;
}

/** A copy of a folder whose files share their content with the original: replace, never write. */
export async function cloneFolder(from: string, to: string): Promise<void> {
  const { success } = await new Deno.Command("cp", { args: ["-al", from, to] }).output();
  if (success) return;
  // On another disk.
  const args = ["-a", from, to];
  const { success: copied, stderr } = await new Deno.Command("cp", { args }).output();
  if (!copied) throw new Error(new TextDecoder().decode(stderr));
}

/** A program that tells how it was started, and performs the act named by `PROBE`. */
const PROBE = `
const [act, operand] = (Deno.env.get("PROBE") ?? "tell").split(" ");
switch (act) {
  case "tell":
    console.log(JSON.stringify({
      args: Deno.args,
      env: Deno.env.toObject(),
      pid: Deno.pid,
      umask: Deno.umask(),
      cwd: Deno.cwd(),
    }));
    break;
  case "copy":
    for await (const chunk of Deno.stdin.readable) {
      for (let at = 0; at < chunk.length;) at += await Deno.stdout.write(chunk.subarray(at));
    }
    break;
  case "exit":
    Deno.exit(Number(operand));
    break;
  case "wait":
    Deno.addSignalListener(operand, () => {
      console.log("got " + operand);
      Deno.exit(7);
    });
    console.log("waiting");
    setInterval(() => {}, 1000);
}
`;

/** The report of {@linkcode placeProbe}'s program. */
export interface Told {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly pid: number;
  readonly umask: number;
  readonly cwd: string;
}

/** Exchanges the program in an unpacked folder for the program {@linkcode PROBE}. */
export async function placeProbe(folder: string): Promise<void> {
  // Removed first: the file may share its content with others.
  await Deno.remove(`${folder}/app/cli.js`);
  await Deno.writeTextFile(`${folder}/app/cli.js`, PROBE);
}

/** Starts the file once, to unpack below `cache`; gives the unpacked folder. */
export async function unpackIn(cache: string, file: string): Promise<string> {
  const { code, err } = await ran([file, "--version"], {
    env: { NOROUTER_CACHE: cache },
  });
  if (code !== 0) throw new Error(`${file} ended with ${code}\n${err}`);
  const names = [...Deno.readDirSync(cache)].map(({ name }) => name);
  if (names.length !== 1) throw new Error(`${cache} has ${names.join(", ")}`);
  return `${cache}/${names[0]}`;
}

/** How to start a program. */
export interface StartOptions {
  /** All of its environment but PATH. */
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  /** Standard input; empty by default. */
  readonly stdin?: Uint8Array<ArrayBuffer>;
  /** Milliseconds until the end at the latest. */
  readonly limitMs?: number;
}

/** How a program ended, and its output. */
export interface Ending {
  readonly pid: number;
  readonly code: number;
  readonly signal: Deno.Signal | null;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly out: string;
  readonly err: string;
}

/** A program that runs. */
export class Started {
  readonly pid: number;
  readonly ending: Promise<Ending>;
  readonly #child: Deno.ChildProcess;

  constructor([program, ...args]: readonly string[], options: StartOptions = {}) {
    const { env, stdin, limitMs = 60_000, ...rest } = options;
    this.#child = new Deno.Command(program!, {
      args,
      ...rest,
      clearEnv: true,
      env: { PATH: Deno.env.get("PATH")!, ...env },
      stdin: stdin === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.pid = this.#child.pid;
    this.ending = this.#end(stdin, limitMs);
  }

  async #end(stdin: StartOptions["stdin"], limitMs: number): Promise<Ending> {
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), limitMs);
    try {
      const [{ code, signal }, bytes, err] = await Promise.all([
        this.#child.status,
        new Response(this.#child.stdout).bytes(),
        new Response(this.#child.stderr).text(),
        stdin && new Blob([stdin]).stream().pipeTo(this.#child.stdin),
      ]);
      return {
        pid: this.pid,
        code,
        signal,
        bytes,
        out: new TextDecoder().decode(bytes),
        err,
      };
    } finally {
      clearTimeout(timer);
    }
  }

  /** Sends a signal to the program. */
  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }
}

/** Runs a program to its end. */
export function ran(command: readonly string[], options?: StartOptions): Promise<Ending> {
  return new Started(command, options).ending;
}

const linux: Verdict = needs("dd", "cp", "sh");

/** Registers a test of the executable, which gets a scene with a folder that has both forms. */
export function portableTest(
  sentence: string,
  test: (scene: Scene, executable: Executable) => Promise<void>,
  { needs: wanted = [], limitMs = 60_000 }: SceneOptions = {},
): void {
  const verdict = needs(...wanted);
  const missing = [...linux.missing, ...verdict.missing];
  const isLinux = Deno.build.os === "linux";
  const ignore = !isLinux || linux.ignore || verdict.ignore;
  if (ignore) {
    const lack = isLinux ? missing.join("; ") : "Linux";
    console.log(`left out: ${sentence}: this machine lacks ${lack}`);
  }
  Deno.test({ name: sentence, ignore }, async () => {
    if (missing.length > 0) throw new Error(`This machine lacks ${missing.join("; ")}`);
    await using scene = new Scene();
    const executable = await executableIn(await scene.folder());
    try {
      await within("the whole test", test(scene, executable), limitMs);
    } catch (error) {
      console.log(scene.transcript);
      throw error;
    }
  });
}
