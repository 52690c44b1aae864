/**
 * Copying an agent to hosts without a shell; here they are folders of this machine.
 *
 * @module
 */
import assert from "node:assert/strict";
import { until } from "../tests/harness/scene/wait.ts";
import { openProcess } from "../transports/command/process.ts";
import type {
  HostFiles,
  Link,
  OpenContext,
  PathInfo,
  Transport,
  TreeEntry,
} from "../transports/mod.ts";
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
  /** Whether it tells modes and owners, for which whoever runs the test is root. */
  tells = false;
  /** Words of sh, instead of a look at the files. */
  insteadOfLook: string | undefined;
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
    await Deno.writeTextFile(`${folder}/deno`, "the runtime", { mode: 0o755 });
    await Deno.writeTextFile(`${folder}/lib/libc.so.6`, "a library", { mode: 0o644 });
    await Deno.mkdir(`${folder}/app`);
    await Deno.writeTextFile(`${folder}/app/cli.js`, "a program", { mode: 0o644 });
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
      ...this.tells && {
        look: (_: unknown, path: string) => Promise.resolve(entryAt(path)),
        lookBelow: (_: unknown, path: string) => Promise.resolve(entriesAt(path)),
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
        const { insteadOfLook } = this;
        const command = words[4] === "eval" && insteadOfLook !== undefined
          ? ["sh", "-c", insteadOfLook]
          : ["sh", "-c", script, "client", ...words];
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

function entryAt(path: string): PathInfo | undefined {
  try {
    const { isDirectory, isSymlink, mode, uid } = Deno.lstatSync(path);
    return {
      kind: isDirectory ? "folder" : isSymlink ? "link" : "file",
      mode: mode! & 0o7777,
      uid: uid === Deno.uid() ? 0 : uid!,
    };
  } catch {
    return undefined;
  }
}

function entriesAt(path: string, name = path.split("/").at(-1)!): TreeEntry[] {
  const about = entryAt(path);
  if (!about) return [];
  const below = about.kind !== "folder" ? [] : [...Deno.readDirSync(path)];
  return [
    { path: about.kind === "folder" ? `${name}/` : name, ...about },
    ...below.flatMap((each) => entriesAt(`${path}/${each.name}`, `${name}/${each.name}`)),
  ];
}

const HOME = "/norouter-agent-0123456789abcdef";
const MARK = `${HOME}.ok`;
const NAMES = ["app", "deno", "ld.so", "lib"];
/** What is put there for one agent: its folder, what is in it, and the mark. */
const COPIES = NAMES.length + 2;

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
      ...NAMES.map((name) => `${HOME}/${name}`),
    ]);
    assert.deepEqual(host.logged, [
      `copying the agent to ${host.home}, for the host has no shell`,
    ]);
    assert.equal(await heard(await host.open()), WORDS);
    assert.equal(host.copied.length, COPIES);
    assert.equal(await heard(await host.open("always")), WORDS);
    assert.equal(host.copied.length, 2 * COPIES);
    const names = Array.from(Deno.readDirSync(host.home), ({ name }) => name).sort();
    assert.deepEqual(names, NAMES);
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
    assert.equal(host.copied.length, COPIES);
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
    assert.equal(host.copied.length, COPIES - 1);
    host.fault = undefined;
    assert.equal(await heard(await host.open()), WORDS);
    assert.equal(host.copied.length, 2 * COPIES - 1);
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

Deno.test({
  name: "what is copied has modes of its own, whatever those are from which it is copied",
  ignore,
  async fn() {
    await using host = await CopyHost.make();
    host.tells = true;
    const folder = `${host.root}/norouter-linux-x64`;
    const spoiled = { "": 0o777, "/lib": 0o777, "/lib/libc.so.6": 0o666, "/app": 0o700 };
    for (const [path, mode] of Object.entries({ ...spoiled, "/ld.so": 0o777 })) {
      await Deno.chmod(folder + path, mode);
    }
    assert.equal(await heard(await host.open()), WORDS);
    const modes = ["", "/lib", "/lib/libc.so.6", "/app", "/app/cli.js", "/ld.so"].map(
      (path) => (Deno.statSync(host.home + path).mode! & 0o7777).toString(8),
    );
    assert.deepEqual(modes, ["755", "755", "644", "755", "644", "755"]);
    assert.equal(Deno.statSync(`${folder}/ld.so`).mode! & 0o777, 0o777, "left as it was");
  },
});

Deno.test({
  name:
    "files that are others than those copied are named, and files beside them harmless",
  ignore,
  async fn() {
    await using host = await CopyHost.make();
    host.tells = true;
    assert.equal(await heard(await host.open()), WORDS);
    await Deno.writeTextFile(`${host.home}/lib/core.12`, "left there", { mode: 0o600 });
    await Deno.writeTextFile(`${host.home}/app/a.js`, "left there");
    assert.equal(await heard(await host.open()), WORDS);
    assert.equal(host.copied.length, COPIES);
    await Deno.writeTextFile(`${host.home}/app/cli.js`, "changed");
    assert.equal(await heard(await host.open()), WORDS);
    assert.equal(host.copied.length, 2 * COPIES);
    host.fault = async (from) => {
      if (!from.endsWith("/ok")) return;
      await Deno.writeTextFile(`${host.home}/app/cli.js`, "spoiled");
      await Deno.remove(`${host.home}/lib/libc.so.6`);
    };
    await assert.rejects(host.open("always"), {
      message: `what was copied to ${host.home} is not what is there: ` +
        "lib/libc.so.6 is missing, and 1 more",
    });
  },
});

Deno.test({
  name: "a look that is killed says nothing of the files, so nothing is copied for that",
  ignore,
  async fn() {
    await using host = await CopyHost.make();
    assert.equal(await heard(await host.open()), WORDS);
    for (const what of ["kill -9 $$", "exit 137", "echo 'no daemon' >&2; exit 125"]) {
      host.insteadOfLook = what;
      await assert.rejects(host.open(), /^Error: cannot look at the agent that is there/);
    }
    assert.equal(host.copied.length, COPIES);
    host.insteadOfLook = "[ -e $0.1 ] || exit 127".replace("$0.1", `${host.root}/again`);
    host.fault = async () => {
      await Deno.writeTextFile(`${host.root}/again`, "");
      host.insteadOfLook = undefined;
    };
    assert.equal(await heard(await host.open()), WORDS);
    assert.equal(host.copied.length, 2 * COPIES, "what does not run is copied");
  },
});

Deno.test({
  name:
    "of what others may change files are exchanged, folders refused, and nothing is run",
  ignore,
  async fn() {
    await using host = await CopyHost.make();
    host.tells = true;
    const attach = "0123456789abcdef";
    const answered = Promise.resolve();
    await heard(await host.open("auto", { answered }));
    const goBack = async () => {
      host.done.length = 0;
      await heard(await host.open("auto", { attach, answered }));
    };
    await goBack();
    assert.deepEqual(host.done, ["run"]);
    for (const name of ["app/cli.js", "lib/libc.so.6", "deno", "ld.so"]) {
      await Deno.chmod(`${host.home}/${name}`, 0o777);
      const before = host.copied.length;
      await goBack();
      assert.deepEqual(host.done, ["sh", "machine", "eval", "run"], name);
      assert.equal(host.copied.length, before + COPIES, name);
    }
    const more = `${host.home}/lib/more`;
    await Deno.mkdir(more);
    for (const path of [`${host.home}/app`, `${host.home}/lib`, host.home, more]) {
      const { mode } = await Deno.stat(path);
      await Deno.chmod(path, 0o1777);
      await assert.rejects(goBack(), (error: Error) => {
        assert.ok(error.message.includes(`${path} is of user 0, with mode 1777`));
        assert.match(error.message, /make it root's.*or name another folder/);
        return true;
      });
      assert.deepEqual(host.done, ["sh", "machine"], "neither looked nor run");
      await Deno.chmod(path, mode! & 0o7777);
    }
    const stray = `${host.home}/lib/stray.so`;
    await Deno.writeTextFile(stray, "");
    await Deno.chmod(stray, 0o666);
    await assert.rejects(goBack(), (error: Error) => error.message.includes(stray));
    await Deno.remove(stray);
    await Deno.remove(`${host.home}/app/cli.js`);
    await Deno.symlink("/dev/null", `${host.home}/app/cli.js`);
    await assert.rejects(goBack(), /app\/cli\.js is a link of user 0/);
  },
});

Deno.test({
  name: "where the way of copying tells no owners the agent itself looks at them",
  ignore: ignore || Deno.uid() !== 0,
  async fn() {
    await using host = await CopyHost.make();
    await heard(await host.open());
    await Deno.chown(`${host.home}/app/cli.js`, 1000, 1000);
    await heard(await host.open());
    assert.equal(host.copied.length, 2 * COPIES);
    assert.equal((await Deno.stat(`${host.home}/app/cli.js`)).uid, 0);
    for (const path of [host.path, host.home, `${host.home}/lib`]) {
      await Deno.chown(path, 1000, 1000);
      await assert.rejects(host.open(), (error: Error) => {
        assert.ok(
          error.message.includes(`others may change it: ${path} is of user 1000`),
        );
        return true;
      });
      await Deno.chown(path, 0, 0);
    }
    assert.equal(host.copied.length, 2 * COPIES);
  },
});
