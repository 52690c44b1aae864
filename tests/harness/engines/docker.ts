/**
 * A real Docker engine: the machine's own or, where there is none, an engine that a test
 * starts with nothing in common with the machine's.
 *
 * The test's engine has no network, and no image but those that tests make of files.
 *
 * @module
 */
import { type Executable, portableTest, ran } from "../packages/executable.ts";
import { type Process, run } from "../scene/process.ts";
import type { Scene, SceneOptions } from "../scene/scene.ts";
import { until } from "../scene/wait.ts";

/** A container that runs. */
export class Container {
  readonly name: string;
  readonly #engine: DockerEngine;

  constructor(engine: DockerEngine, name: string) {
    this.#engine = engine;
    this.name = name;
  }

  /** Wraps `command` to run in the container. */
  command(...command: string[]): string[] {
    return this.#engine.command("exec", "--interactive", this.name, ...command);
  }

  /** Runs a command in the container; gives the output. */
  exec(...command: string[]): Promise<string> {
    return run(this.command(...command));
  }
}

/** The particulars of a container. */
export interface ContainerOptions {
  /** Further arguments of `docker create`. */
  readonly options?: readonly string[];
  /** Files put there before the start, as by `docker cp`: from here, to there. */
  readonly files?: readonly (readonly [here: string, there: string])[];
}

/** An engine, for a test. */
export class DockerEngine implements AsyncDisposable {
  readonly #scene: Scene;
  readonly #host: string | undefined;
  readonly #daemon: Process | undefined;
  readonly #containers: string[] = [];
  readonly #images: string[] = [];
  #made = 0;

  private constructor(scene: Scene, host?: string, daemon?: Process) {
    this.#scene = scene;
    this.#host = host;
    this.#daemon = daemon;
  }

  /** The machine's engine, or a new engine. */
  static async open(scene: Scene): Promise<DockerEngine> {
    if (isThere()) return new DockerEngine(scene);
    const folder = `${await scene.folder()}/docker`;
    await Deno.mkdir(folder);
    const host = `unix://${folder}/socket`;
    const daemon = scene.start("dockerd", [
      "dockerd",
      "--iptables=false",
      "--ip6tables=false",
      "--bridge=none",
      "--storage-driver=vfs",
      "--log-level=error",
      `--data-root=${folder}/data`,
      `--exec-root=${folder}/exec`,
      `--pidfile=${folder}/pid`,
      `--host=${host}`,
    ]);
    await until("the Docker engine", () => {
      if (daemon.hasExited) throw new Error("dockerd ended at once");
      return isThere(host);
    });
    return new DockerEngine(scene, host, daemon);
  }

  /** A command of docker's client to this engine. */
  command(...args: string[]): string[] {
    return ["docker", ...this.#host === undefined ? [] : ["--host", this.#host], ...args];
  }

  /** Makes an image with the files of a folder and nothing else; gives its name. */
  async image(folder: string): Promise<string> {
    const name = this.#name();
    const tar = `${await this.#scene.folder()}/${name}.tar`;
    await run(["tar", "--create", "--file", tar, "--directory", folder, "."]);
    await run(this.command("import", tar, name));
    await Deno.remove(tar);
    this.#images.push(name);
    return name;
  }

  /** Starts a container without any network. */
  async container(
    image: string,
    command: readonly string[],
    { options = [], files = [] }: ContainerOptions = {},
  ): Promise<Container> {
    const name = this.#name();
    const create = ["create", "--name", name, "--network", "none", ...options, image];
    await run(this.command(...create, ...command));
    this.#containers.push(name);
    for (const [here, there] of files) {
      await run(this.command("cp", here, `${name}:${there}`));
    }
    await run(this.command("start", name));
    return new Container(this, name);
  }

  /** Runs a command in a container of its own, which `options` describe, to its end. */
  ran(image: string, options: readonly string[], command: readonly string[]) {
    const run = this.command("run", "--rm", "--network", "none", ...options, image);
    return ran([...run, ...command]);
  }

  /** Removes images and containers made here, and ends a test's own engine. */
  async [Symbol.asyncDispose](): Promise<void> {
    const remove = async (command: string[], names: readonly string[]) => {
      if (names.length > 0) await run(this.command(...command, "--force", ...names));
    };
    await remove(["rm"], this.#containers);
    await remove(["image", "rm"], this.#images);
    this.#daemon?.signal("SIGTERM");
    await this.#daemon?.end();
  }

  #name(): string {
    return `norouter-test-${Deno.pid}-${this.#made++}`;
  }
}

/** Whether an engine answers. */
function isThere(host?: string): boolean {
  const args = [...host === undefined ? [] : ["--host", host], "version"];
  try {
    return new Deno.Command("docker", { args }).outputSync().success;
  } catch {
    return false; // no client
  }
}

/** The programs that are needed: to start an engine, if the machine has none. */
function programs(): string[] {
  return ["docker", "tar", ...isThere() ? [] : ["dockerd", "containerd", "runc"]];
}

/** Registers a test with an engine; skipped, except in CI, where no engine can start. */
export function dockerTest(
  sentence: string,
  test: (docker: DockerEngine, scene: Scene, executable: Executable) => Promise<void>,
  options: SceneOptions = {},
): void {
  portableTest(sentence, async (scene, executable) => {
    let docker: DockerEngine;
    try {
      docker = await DockerEngine.open(scene);
    } catch (error) {
      if (Deno.env.get("CI") === "true") throw error;
      console.log(`left out: ${sentence}: ${(error as Error).message}`);
      console.log(scene.transcript);
      return;
    }
    await using _ = docker;
    await test(docker, scene, executable);
  }, { ...options, needs: [...options.needs ?? [], "namespaces", ...programs()] });
}
