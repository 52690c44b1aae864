/**
 * The portable executable and its folder form: each way to start them, and what passes
 * through to the program.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  type Executable,
  placeProbe,
  portableTest,
  ran,
  type Told,
  unpackIn,
} from "../harness/packages/executable.ts";
import { readyLine } from "../harness/scene/mesh.ts";
import type { Scene } from "../harness/scene/scene.ts";

const VERSION =
  /^norouter \d\S* \(commit ([0-9a-f]{12}|unknown).*, lwIP \d\S*, Deno \d\S*\)\n$/;

/** Words that a careless script would change. */
const WORDS = [
  "two words",
  "",
  " ",
  "line\nbreak\n",
  "--",
  "-x",
  "*",
  "$HOME",
  "`id`",
  '"',
  "'",
  "\\n",
  "größer",
  "--",
];

/** Both forms with the probe as their program: what to start, with which environment. */
async function probes(scene: Scene, { file, folder }: Executable) {
  const cache = `${await scene.folder()}/cache`;
  await placeProbe(await unpackIn(cache, file));
  await placeProbe(folder);
  return [
    { what: "the file", program: file, env: { NOROUTER_CACHE: cache } },
    { what: "the folder", program: `${folder}/norouter`, env: {} },
  ];
}

portableTest(
  "the executable tells its version and carries licences",
  async (scene, it) => {
    const cache = `${await scene.folder()}/cache`;
    const unpacked = await unpackIn(cache, it.file);
    const { out } = await ran([it.file, "--version"], { env: { NOROUTER_CACHE: cache } });
    assert.match(out, VERSION);
    for (const folder of [unpacked, it.folder]) {
      const names = [...Deno.readDirSync(`${folder}/licences`)].map(({ name }) => name);
      const wanted = [
        "README",
        "NOTICE",
        "norouter",
        "deno",
        "libc6",
        "libgcc-s1",
        "yaml",
      ];
      for (const name of wanted) assert.ok(names.includes(name), `no licence of ${name}`);
      for (const name of names) {
        const text = await Deno.readTextFile(`${folder}/licences/${name}`);
        assert.ok(text.length > 200, `${name}: ${text}`);
      }
    }
  },
);

for (const shell of [["dash"], ["bash"], ["bash", "--posix"], ["busybox", "sh"]]) {
  portableTest(
    `${shell.join(" ")} unpacks and starts it, now and later`,
    async (scene, { file, folder }) => {
      const env = { NOROUTER_CACHE: `${await scene.folder()}/cache` };
      for (const program of [file, file, `${folder}/norouter`]) {
        const { code, out, err } = await ran([...shell, program, "--version"], { env });
        assert.deepEqual({ code, err }, { code: 0, err: "" });
        assert.match(out, VERSION);
      }
    },
    { needs: [shell[0]!] },
  );
}

portableTest(
  "it starts by any path: relative, through PATH and links, with odd characters",
  async (scene, { file, folder }) => {
    const base = await scene.folder();
    const odd = `${base}/an odd \\folder's $(name)\n`;
    await Deno.mkdir(`${odd}/bin`, { recursive: true });
    await Deno.mkdir(`${base}/links/deep`, { recursive: true });
    await Deno.rename(file, `${odd}/norouter`);
    await Deno.rename(folder, `${odd}/form`);
    let caches = 0;
    for (const there of [odd, `${odd}/form`]) {
      const name = `${base}/links/norouter`;
      await Deno.symlink(`${there}/norouter`, name);
      await Deno.symlink("../norouter", `${base}/links/deep/again`);
      const path = (folder: string) => `${folder}:${Deno.env.get("PATH")}`;
      const ways: [command: string[], cwd: string, PATH?: string][] = [
        [[`${there}/norouter`], "/"],
        [["./norouter"], there],
        [[`${there}/../${there.split("/").at(-1)}/norouter`], "/"],
        [["sh", "norouter"], there],
        [["sh", "-c", 'exec norouter "$@"', "sh"], "/", path(there)],
        [["env", "norouter"], base, path("links")],
        [[name], "/"],
        [[`${base}/links/deep/again`], "/"],
        [["./deep/again"], `${base}/links`],
      ];
      for (const [command, cwd, PATH = path("/")] of ways) {
        const env = { PATH, NOROUTER_CACHE: `${base}/cache ${caches++}` };
        const { code, out, err } = await ran([...command, "--version"], { cwd, env });
        assert.deepEqual({ command, code, err }, { command, code: 0, err: "" });
        assert.match(out, VERSION);
        // A first start each time, and room for the next.
        await Deno.remove(env.NOROUTER_CACHE, { recursive: true }).catch(() => {});
      }
      await Deno.remove(name);
      await Deno.remove(`${base}/links/deep/again`);
    }
  },
);

portableTest("arguments arrive as they were given", async (scene, executable) => {
  for (const { what, program, env } of await probes(scene, executable)) {
    for (const shell of [["dash"], ["bash"], ["busybox", "sh"]]) {
      for (const words of [WORDS, [], ["--help"], ["--"]]) {
        const { out, err } = await ran([...shell, program, ...words], { env });
        assert.equal(err, "");
        assert.deepEqual((JSON.parse(out) as Told).args, words, `${what} by ${shell}`);
      }
    }
  }
}, { needs: ["dash", "bash", "busybox"] });

portableTest("the first start passes arguments and input on", async (scene, { file }) => {
  const cwd = `${await scene.folder()}/here`;
  await Deno.mkdir(cwd);
  const manifest = "hosts:\n  laptop: {}\n";
  await Deno.writeTextFile(`${cwd}/two  words\n*.yaml`, manifest);
  const cases: [args: string[], stdin: string, code: number][] = [
    [["check", "two  words\n*.yaml"], "", 0],
    [["check", "-"], manifest, 0],
    [["check", "-"], "hosts: 7\n", 1],
    [["--no-such-option"], "", 2],
  ];
  for (const [number, [args, stdin, wanted]] of cases.entries()) {
    const env = { NOROUTER_CACHE: `${cwd}/cache${number}` };
    const bytes = new TextEncoder().encode(stdin);
    const { code, err } = await ran([file, ...args], { cwd, env, stdin: bytes });
    assert.equal(code, wanted, `${args}: ${err}`);
  }
});

portableTest(
  "the exit status is the program's, also that of a signal",
  async (scene, it) => {
    for (const { program, env } of await probes(scene, it)) {
      for (const status of [0, 1, 70, 126, 255]) {
        const { code } = await ran([program], {
          env: { ...env, PROBE: `exit ${status}` },
        });
        assert.equal(code, status);
      }
      const wait = { ...env, PROBE: "wait SIGTERM" };
      const hears = scene.start("hears", [program], { env: wait });
      await hears.line(/^waiting$/);
      hears.signal("SIGTERM");
      await hears.line(/^got SIGTERM$/);
      assert.equal((await hears.end()).code, 7);
      for (const signal of ["SIGINT", "SIGHUP", "SIGKILL"] as const) {
        const deaf = scene.start("deaf", [program], { env: wait });
        await deaf.line(/^waiting$/);
        deaf.signal(signal);
        assert.equal((await deaf.end()).signal, signal);
      }
    }
  },
);

portableTest(
  "bytes pass through unchanged in both directions",
  async (scene, executable) => {
    const stdin = new Uint8Array(8 * 2 ** 20);
    for (let at = 0; at < stdin.length; at += 65536) {
      crypto.getRandomValues(stdin.subarray(at, at + 65536));
    }
    const hash = async (bytes: Uint8Array<ArrayBuffer>) =>
      new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
    for (const { program, env } of await probes(scene, executable)) {
      const { bytes } = await ran([program], { env: { ...env, PROBE: "copy" }, stdin });
      assert.equal(bytes.length, stdin.length);
      assert.equal(await hash(bytes), await hash(stdin));
    }
  },
);

portableTest(
  "the process keeps its id, folder, umask and environment",
  async (scene, it) => {
    const cwd = await scene.folder();
    for (const { program, env } of await probes(scene, it)) {
      const mine = {
        ...env,
        A: "  a\n*b ",

        DENO_DIR: "/nowhere/mine",
        HOME: cwd,
      };
      const under = ["sh", "-c", 'umask 027; exec "$0" "$@"', program];
      const { pid, out } = await ran(under, { cwd, env: mine });
      const told: Told = JSON.parse(out);
      assert.deepEqual({ pid: told.pid, umask: told.umask, cwd: told.cwd }, {
        pid,
        umask: 0o027,
        cwd,
      });
      const [, folder, name] = program.match(/^(.*)\/(.*?)$/)!;
      const relative = await ran(["sh", "-c", `exec ./${name}`], {
        cwd: folder!,
        env: mine,
      });
      const { NOROUTER_EXECUTABLE: absolute } = (JSON.parse(relative.out) as Told).env;
      assert.equal(absolute, `${folder}/./${name}`);
      // The program takes these out again, as the next test shows.
      const {
        NOROUTER_EXECUTABLE,
        NOROUTER_DENO_DIR,
        NOROUTER_MARK,
        DENO_DIR,
        ...others
      } = told.env;
      if (NOROUTER_MARK) assert.equal((await Deno.stat(NOROUTER_MARK)).size, 0);
      assert.equal(NOROUTER_EXECUTABLE, program);
      assert.equal(NOROUTER_DENO_DIR, mine.DENO_DIR);
      assert.notEqual(DENO_DIR, mine.DENO_DIR);
      const left = new Set([
        ...["PWD", "OLDPWD", "_", "SHLVL"],
        ...["DENO_NO_UPDATE_CHECK", "DENO_TOKIO_EVENT_INTERVAL"],
      ]);
      for (const [name, value] of Object.entries(others)) {
        if (left.has(name) || name === "PATH") continue;
        assert.equal(value, (mine as Record<string, string>)[name], name);
      }
    }
  },
);

for (const form of ["file", "folder"] as const) {
  for (const DENO_DIR of [undefined, "/nowhere/mine"]) {
    portableTest(
      `a manager from the ${form} starts commands as its user would, ${
        DENO_DIR === undefined ? "without a" : "with their"
      } DENO_DIR`,
      async (scene, executable) => {
        const base = await scene.folder();
        const program = form === "file"
          ? executable.file
          : `${executable.folder}/norouter`;
        const [here, there] = [await scene.namespace(), await scene.namespace()];
        const tell = 'umask; env >"$0"; umask >>"$0"; exec "$@"';
        const agent = there.command("sh", "-c", `${tell} 2>&1`, `${base}/told`, program);
        const manifest = {
          hostTemplate: { stateDir: { disable: true } },
          hosts: {
            laptop: { vip: "127.0.42.100" },
            web: { vip: "127.0.42.101", cmd: agent },
          },
        };
        await Deno.writeTextFile(`${base}/mesh.yaml`, JSON.stringify(manifest));
        const start = ["sh", "-c", 'umask 027; exec "$@"', "sh", program];
        const manager = scene.start("manager", [
          "env",
          ...DENO_DIR === undefined ? ["-u", "DENO_DIR"] : [`DENO_DIR=${DENO_DIR}`],
          `NOROUTER_CACHE=${base}/cache`,
          ...start,
          `${base}/mesh.yaml`,
        ], { namespace: here });
        await manager.line(readyLine("web"));
        const lines = (await Deno.readTextFile(`${base}/told`)).trimEnd().split("\n");
        assert.equal(lines.at(-1), "0027");
        const told = lines.filter((line) => /^(NOROUTER|DENO|LD)_/.test(line)).sort();
        assert.deepEqual(
          told.map((line) => line.replace(/^(NOROUTER_COMMAND)=.+/, "$1")),
          [
            ...DENO_DIR === undefined ? [] : [`DENO_DIR=${DENO_DIR}`],
            `NOROUTER_CACHE=${base}/cache`,
            "NOROUTER_COMMAND", // by which all that it starts is found at its end
          ],
        );
        manager.signal("SIGTERM");
        assert.equal((await manager.end()).code, 0);
      },
      { needs: ["namespaces"] },
    );
  }
}

portableTest(
  "the folder starts by the bare command that its page names",
  async (scene, it) => {
    const page = await Deno.readTextFile(
      new URL("../../docs/executables.md", import.meta.url),
    );
    const [bare] = page.match(/\/norouter-linux-x64\/ld\.so[^]*?cli\.js/)!;
    const command = bare.replaceAll("/norouter-linux-x64", it.folder).split(/\s+/);
    const env = { HOME: await scene.folder() };
    const { out, err } = await ran([...command, "--version"], { env });
    assert.equal(err, "");
    assert.match(out, VERSION);
  },
);
