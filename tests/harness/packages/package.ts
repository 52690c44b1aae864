/**
 * The package as users get one: published by `deno publish` to a registry of the
 * tests, installed from there into a project of its own with a cache of its own.
 *
 * @module
 */
import { dirname } from "node:path";
import { filesIn } from "./registry.ts";
import type { Namespace } from "../scene/namespace.ts";
import { type Process, run } from "../scene/process.ts";
import type { Scene } from "../scene/scene.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;
const REGISTRY = new URL("./registry.ts", import.meta.url).pathname;
/** Each namespace has its own. */
const PORT = 4873;

const config = JSON.parse(Deno.readTextFileSync(`${ROOT}deno.json`));
/** The package's name. */
export const NAME: string = config.name;
/** The version that is published. */
export const VERSION: string = config.version;
/** The exports of the package, such as `./mod`. */
export const EXPORTS: readonly string[] = Object.keys(config.exports);

/** Made once for all tests of a process. */
interface Published {
  /** Where the registry keeps the package. */
  readonly folder: string;
  /** The output of `deno publish`. */
  readonly output: string;
}

interface Graph {
  readonly modules: readonly { readonly specifier: string; readonly error?: string }[];
}

let published: Published | undefined;
const shared = Deno.makeTempDirSync({ prefix: "norouter-package-" });
globalThis.addEventListener("unload", () => Deno.removeSync(shared, { recursive: true }));

/** A project that uses the package, in a namespace without any network. */
export class Project {
  /** Variables by which processes find the package, and nothing but the package. */
  static readonly ENV: Record<string, string> = {
    JSR_URL: `http://127.0.0.1:${PORT}/`,
    NPM_CONFIG_REGISTRY: `http://127.0.0.1:${PORT}/npm/`,
    DENO_DIR: `${shared}/cache`,
    PATH: `${dirname(Deno.execPath())}:${Deno.env.get("PATH")}`,
    HOME: shared, // whose .npmrc may name another registry
    NO_COLOR: "1",
  };

  /** The folder of the project. */
  readonly folder: string;
  /** The folder of the packed copy: the very files that a registry serves. */
  readonly packed = `${shared}/registry/${NAME}/${VERSION}`;
  /** The output of publishing. */
  readonly output: string;
  /** The address of the packed copy. */
  readonly url = `${Project.ENV.JSR_URL}${NAME}/${VERSION}`;
  readonly #namespace: Namespace;

  private constructor(folder: string, output: string, namespace: Namespace) {
    this.folder = folder;
    this.output = output;
    this.#namespace = namespace;
  }

  /** A project with nothing but the dependency. */
  static async make(scene: Scene, namespace: Namespace): Promise<Project> {
    await registry(scene, namespace);
    published ??= await publish(namespace);
    const folder = `${await scene.folder()}/project`;
    await run(["cp", "--recursive", published.folder, folder]);
    return new Project(folder, published.output, namespace);
  }

  /** The files of the package, each path beginning with "/". */
  get files(): string[] {
    return filesIn(this.packed);
  }

  /** Writes a file of the project. */
  async write(name: string, text: string): Promise<void> {
    await Deno.writeTextFile(`${this.folder}/${name}`, text);
  }

  /** Runs `deno` in the project; fails unless the exit status is 0. */
  deno(...args: string[]): Promise<string> {
    return run([Deno.execPath(), ...args], this.options);
  }

  /** The files of the package that an import of `specifier` can lead to. */
  async reached(specifier: string): Promise<string[]> {
    const command = [Deno.execPath(), "info", "--json", specifier];
    const [program, ...args] = this.#namespace.command(...command);
    const { namespace: _, ...options } = this.options;
    const { stdout } = await new Deno.Command(program!, { args, ...options }).output();
    const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as Graph;
    const ours = modules.filter(({ specifier }) => specifier.startsWith(`${this.url}/`));
    for (const { error } of ours) if (error) throw new Error(`${specifier}: ${error}`);
    return ours.map(({ specifier }) => specifier.slice(this.url.length));
  }

  /** How a process is started in the project. */
  get options() {
    return { namespace: this.#namespace, cwd: this.folder, env: Project.ENV };
  }
}

/** Serves published packages, and takes new ones, in a further namespace. */
export async function registry(scene: Scene, namespace: Namespace): Promise<Process> {
  const folder = `${shared}/registry`;
  await Deno.mkdir(folder, { recursive: true });
  const { npmCache } = JSON.parse(await run([Deno.execPath(), "info", "--json"]));
  const args = [REGISTRY, folder, String(PORT), npmCache];
  const command = [Deno.execPath(), "run", "-A", ...args];
  const server = scene.start("registry", command, { namespace });
  await server.line(/^listening$/);
  return server;
}

async function publish(namespace: Namespace): Promise<Published> {
  // The registry is the tests' own, there is no way to another one, and the token is
  // none. Types were checked by whoever runs these tests.
  const options = ["--no-check", "--allow-dirty", "--no-provenance", "--token", "none"];
  const output = await run([Deno.execPath(), "publish", ...options], {
    namespace,
    cwd: ROOT,
    env: { JSR_URL: Project.ENV.JSR_URL!, NO_COLOR: "1" },
  });
  const folder = await install(namespace);
  return { folder, output };
}

/** A project as `deno add jsr:@norouter/cli` leaves it, with all of the package in the cache. */
async function install(namespace: Namespace): Promise<string> {
  const folder = `${shared}/project`;
  await Deno.mkdir(folder, { recursive: true });
  const imports = { [NAME]: `jsr:${NAME}@${VERSION}` };
  await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify({ imports }));
  const specifiers = EXPORTS.map((name) => `jsr:${NAME}@${VERSION}${name.slice(1)}`);
  await run([Deno.execPath(), "cache", ...specifiers], {
    namespace,
    cwd: folder,
    env: Project.ENV,
  });
  return folder;
}
