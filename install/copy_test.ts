/**
 * Copying an agent to hosts without a shell; here they are folders of this machine.
 *
 * @module
 */
import assert from "node:assert/strict";
import { until } from "../tests/harness/scene/wait.ts";
import { openProcess } from "../transports/command/process.ts";
import type { HostFiles, Link, OpenContext, Transport } from "../transports/mod.ts";
import { heard, WORDS } from "./_host.ts";
import { AGENTS_VARIABLE } from "./agents.ts";
import { openInstalled } from "./open.ts";
import { WayBack } from "./way_back.ts";

/** A loader that knows what to do with deno's arguments: it is asked for a file, or runs. */
const LOADER = `#!/bin/sh
[ "$1" = --library-path ] && [ "$2" = "\${0%/*}/lib" ] && [ "$3" = "\${0%/*}/deno" ] || exit 9
case $4 in
eval) shift 3; exec "${Deno.execPath()}" "$@" ;;
run) shift 9; printf "%s says " "$*"; exec cat ;;
esac
`;

const ignore = Deno.build.os !== "linux";

class CopyHost implements AsyncDisposable {
  readonly root: string;
  readonly logged: string[] = [];
  readonly copied: string[] = [];
  /** What was done there: `machine`, `look`, or the command that ran. */
  readonly done: string[] = [];
  readonly wayBack = new WayBack();
  alive = 0;
  machine = "x86_64";
  /** What is in the way of the next copy. */
  fault: ((from: string) => Promise<void>) | undefined;
  readonly stop = new AbortController();
  readonly #before = Deno.env.get(AGENTS_VARIABLE);

  private constructor(root: string) {
    this.root = root;
    this.path = `${root}/host`;
    Deno.env.set(AGENTS_VARIABLE, root);
  }

  static async make(): Promise<CopyHost> {
    const root = await Deno.makeTempDir();
    const folder = `${root}/norouter-linux-x64`;
    await Deno.mkdir(`${folder}/lib`, { recursive: true });
    await Deno.writeTextFile(`${folder}/ld.so`, LOADER, { mode: 0o755 });
    await Deno.writeTextFile(`${folder}/ok`, "0123456789abcdef\n");
    // Left by a program that runs from it.
    await Deno.mkdir(`${folder}/deno-dir`);
    await Deno.mkdir(`${root}/host`);
    return new CopyHost(root);
  }

  /** The folder that the agent is kept in. */
  path: string;

  get home(): string {
    return `${this.path}/norouter-agent-0123456789abcdef`;
  }

  open(
    mode: "auto" | "always" = "auto",
    about: Pick<OpenContext, "attach" | "answered"> = {},
  ): Promise<Link> {
    const context: OpenContext = {
      ...about,
      host: "web",
      signal: this.stop.signal,
      log: (line) => this.logged.push(line),
      alive: () => this.alive++,
    };
    const files: HostFiles<unknown> = {
      machine: () => {
        this.done.push("machine");
        return Promise.resolve(this.machine);
      },
      put: async (_, from, to) => {
        await this.fault?.(from);
        // As `docker cp` does, it goes into a folder that is there.
        const { success } = await new Deno.Command("cp", { args: ["-a", from, to] })
          .output();
        if (!success) throw new Error(`Could not find the file of ${to}`);
        this.copied.push(to.slice(this.path.length));
      },
    };
    const transport: Transport = {
      name: "test",
      parse: (spec) => spec,
      describe: () => "a test",
      open: () => Promise.reject(new Error("not by this")),
      exec: (_, words, context) => {
        const noShell =
          `echo 'exec failed: exec: "sh": executable file not found'; exit 126`;
        const script = words[0] === "sh" ? noShell : `exec "$@"`;
        const command = ["sh", "-c", script, "client", ...words];
        this.done.push(words[0] === "sh" ? "sh" : words[4]!);
        return Promise.resolve(openProcess(command, context));
      },
      files,
    };
    const { path, wayBack } = this;
    return openInstalled(transport, {}, { mode, path, wayBack }, context);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop.abort(new Error("the test is over"));
    if (this.#before === undefined) Deno.env.delete(AGENTS_VARIABLE);
    else Deno.env.set(AGENTS_VARIABLE, this.#before);
    await Deno.remove(this.root, { recursive: true });
  }
}

const HOME = "/norouter-agent-0123456789abcdef";
const MARK = `${HOME}.ok`;

Deno.test({
  name: "a host without a shell gets the folder once, and its loader starts the agent",
  ignore,
  async fn() {
    await using host = await CopyHost.make();
    assert.equal(await heard(await host.open()), WORDS);
    const [first, ...more] = host.copied;
    assert.deepEqual([first, ...more.sort()], [
      HOME,
      MARK,
      `${HOME}/ld.so`,
      `${HOME}/lib`,
    ]);
    assert.deepEqual(host.logged, [
      `copying the agent to ${host.home}, for the host has no shell`,
    ]);
    assert.equal(await heard(await host.open()), WORDS);
    assert.equal(host.copied.length, 4);
    assert.equal(await heard(await host.open("always")), WORDS);
    assert.equal(host.copied.length, 8);
    const names = Array.from(Deno.readDirSync(host.home), ({ name }) => name).sort();
    assert.deepEqual(names, ["ld.so", "lib"]);
    assert.equal((await Deno.stat(host.home)).mode! & 0o777, 0o755);
  },
});

Deno.test({
  name:
    "the program that is there is told which agent to go back to, and not copied again",
  ignore,
  async fn() {
    await using host = await CopyHost.make();
    assert.equal(await heard(await host.open()), WORDS);
    const attach = "0123456789abcdef";
    const said = await heard(await host.open("auto", { attach }));
    assert.equal(said, WORDS.replace("says", `--attach ${attach} says`));
    assert.equal(host.copied.length, 4);
  },
});

Deno.test({
  name:
    "the way back to an agent that answered is taken at once, and only as long as it leads there",
  ignore,
  async fn() {
    await using host = await CopyHost.make();
    const attach = "0123456789abcdef";
    const LONG = ["sh", "machine", "eval", "run"];
    const SHORT = ["run"];
    const isAnswered = Promise.resolve();
    const isSilent = new Promise<void>(() => {});
    const goBack = async (answered: Promise<void>) => {
      host.done.length = 0;
      await heard(await host.open("auto", { attach, answered }));
      return host.done;
    };
    await heard(await host.open("auto", { answered: isAnswered }));
    assert.deepEqual(await goBack(isAnswered), SHORT);
    assert.deepEqual(await goBack(isSilent), SHORT);
    assert.deepEqual(await goBack(isSilent), LONG, "the last way led to no agent");
    assert.deepEqual(await goBack(isAnswered), LONG, "and nor did this one");
    assert.deepEqual(await goBack(isAnswered), SHORT);
    host.done.length = 0;
    await heard(await host.open("auto", { answered: isAnswered }));
    assert.deepEqual(host.done, LONG, "a new agent is compared");
    const words = host.wayBack.take()!.words;
    const inspect = () => Promise.reject(new Error("others may change it"));
    host.wayBack.keep({ words, inspect }, isAnswered);
    assert.deepEqual(await goBack(isAnswered), LONG, "what others may change is not run");
  },
});

Deno.test({
  name: "a program that is not there any more is put there by the attempt after the next",
  ignore,
  async fn() {
    await using host = await CopyHost.make();
    const attach = "0123456789abcdef";
    await heard(await host.open("auto", { answered: Promise.resolve() }));
    await Deno.remove(host.home, { recursive: true });
    const link = await host.open("auto", { attach });
    await Promise.allSettled([link.writable.close(), link.readable.cancel()]);
    assert.equal((await link.closed).ok, false);
    const said = await heard(await host.open("auto", { attach }));
    assert.equal(said, WORDS.replace("says", `--attach ${attach} says`));
  },
});

Deno.test({
  name: "a copy that was cut is made whole by the next",
  ignore,
  async fn() {
    await using host = await CopyHost.make();
    host.fault = (from) =>
      from.endsWith("/ok")
        ? Promise.reject(new Error("docker cp was cut"))
        : Promise.resolve();
    await assert.rejects(host.open(), { message: "docker cp was cut" });
    assert.equal(host.copied.length, 3);
    host.fault = undefined;
    assert.equal(await heard(await host.open()), WORDS);
    assert.equal(host.copied.length, 7);
    assert.equal(host.copied.at(-1), MARK);
  },
});

Deno.test({
  name: "the folders that installPath lacks are made, those that are there stay",
  ignore,
  async fn() {
    await using host = await CopyHost.make();
    await Deno.chmod(host.path, 0o700);
    host.path += "/opt/agents";
    assert.equal(await heard(await host.open()), WORDS);
    assert.equal((await Deno.stat(`${host.root}/host`)).mode! & 0o777, 0o700);
  },
});

Deno.test({
  name: "a place that only a shell would understand is refused",
  ignore,
  async fn() {
    await using host = await CopyHost.make();
    host.path = "~/agents";
    await assert.rejects(host.open(), {
      message: 'installPath "~/agents" has to begin with "/" on a host without a shell',
    });
  },
});

Deno.test({
  name: "a place that cannot be copied to is told as it was said of it",
  ignore,
  async fn() {
    await using host = await CopyHost.make();
    host.fault = () => Promise.reject(new Error("it is read-only"));
    await assert.rejects(host.open(), { message: "it is read-only" });
  },
});

Deno.test({
  name: "while it copies it says that it gets on",
  ignore,
  async fn() {
    await using host = await CopyHost.make();
    host.fault = () => until("signs of life", () => host.alive >= 1).then(() => {});
    assert.equal(await heard(await host.open()), WORDS);
  },
});

Deno.test({
  name: "a host without a shell on another machine is named",
  ignore,
  async fn() {
    await using host = await CopyHost.make();
    host.machine = "riscv64";
    await assert.rejects(host.open(), {
      message: "no agent for a host without a shell on riscv64",
    });
  },
});
