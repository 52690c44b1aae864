/**
 * What `deno task release` and `deno task compile` make.
 *
 * @module
 */
import assert from "node:assert/strict";
import { notesOf } from "../../release/release.ts";
import { compile, NoRuntimeError, ownTarget, TARGETS } from "../../release/compile.ts";
import { needs } from "../harness/scene/requirements.ts";

interface RunOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  readonly seconds?: number;
}

/** What a command writes to its standard output; rejects with all it said if it fails. */
async function run(
  [program, ...args]: readonly string[],
  { seconds = 30, ...options }: RunOptions = {},
): Promise<string> {
  const signal = AbortSignal.timeout(seconds * 1000);
  const { success, stdout, stderr } = await new Deno.Command(program!, {
    args,
    signal,
    ...options,
  }).output();
  const [said, complained] = [stdout, stderr].map((bytes) =>
    new TextDecoder().decode(bytes)
  );
  assert.ok(success, `${program} ${args.join(" ")}\n${said}${complained}`);
  return said!;
}

const CHANGELOG = `# Changelog

## 1.2.0, unreleased

- New.

## 1.1.0

- Old.
`;

Deno.test("the notes of a release are what the changelog says of its version", () => {
  assert.equal(notesOf(CHANGELOG, "1.2.0"), "- New.\n");
  assert.equal(notesOf(CHANGELOG, "1.1.0"), "- Old.\n");
  assert.throws(() => notesOf(CHANGELOG, "1.1"), /no heading "## 1.1"/);
});

const root = new URL("../../", import.meta.url).pathname;
const tools = needs("apt-get", "dpkg-deb", "tar", "gzip", "sha256sum");

Deno.test({
  name: "two releases have the same bytes, with sums that hold, for x64 and arm64",
  ignore: tools.ignore || Deno.build.os !== "linux",
  async fn() {
    assert.deepEqual(tools.missing, []);
    const folders = [await Deno.makeTempDir(), await Deno.makeTempDir()];
    try {
      const sums: string[] = [];
      for (const folder of folders) {
        const task = ["task", "release", "--portable", "--output", folder];
        await run([Deno.execPath(), ...task], { cwd: root, seconds: 400 });
        await run(["sha256sum", "--check", "--strict", "SHA256SUMS"], { cwd: folder });
        sums.push(await Deno.readTextFile(`${folder}/SHA256SUMS`));
        assert.match(await Deno.readTextFile(`${folder}/NOTES.md`), /^- /m);
      }
      assert.equal(sums[0], sums[1]);
      assert.deepEqual(sums[0]!.trim().split("\n").map((line) => line.split("  ")[1]), [
        "norouter-linux-arm64",
        "norouter-linux-arm64.tar.gz",
        "norouter-linux-x64",
        "norouter-linux-x64.tar.gz",
      ]);
      const version = await run([`${folders[0]}/norouter-linux-x64`, "--version"], {
        env: { NOROUTER_CACHE: `${folders[0]}/cache` },
      });
      assert.match(version, /^norouter \S+ \(commit [0-9a-f]{12}.*, lwIP .*, Deno .*\)/);
      const { size } = await Deno.stat(`${folders[0]}/norouter-linux-x64`);
      assert.ok(size < 40e6, `${size} bytes`);
    } finally {
      for (const folder of folders) await Deno.remove(folder, { recursive: true });
    }
  },
});

const qemu = needs("qemu-aarch64-static");

Deno.test({
  name: "the executable for arm64 runs under qemu, stack and all",
  ignore: qemu.ignore || Deno.build.os !== "linux",
  async fn() {
    assert.deepEqual(qemu.missing, []);
    const folder = await Deno.makeTempDir();
    try {
      const build = ["run", "--allow-all", "release/portable.ts", "--output", folder];
      await run([Deno.execPath(), ...build, "arm64"], { cwd: root, seconds: 400 });
      const home = `${folder}/folders/norouter-linux-arm64`;
      const loader = [`${home}/ld.so`, "--library-path", `${home}/lib`, `${home}/deno`];
      const program = ["qemu-aarch64-static", ...loader, "run", "--allow-all"];
      const script = `
        import { startMesh } from "${root}mod.ts";
        const cmd = ${JSON.stringify([...program, `${home}/app/cli.js`])};
        const stateDir = { disable: true };
        const server = Deno.serve({ hostname: "127.0.0.1", port: 0 }, () => new Response("hi"));
        await using mesh = await startMesh({
          hosts: {
            local: { vip: "127.0.42.231", stateDir },
            arm: {
              vip: "127.0.42.232",
              cmd,
              stateDir,
              loopback: { disable: true },
              connectTimeout: "60s",
              ports: ["8080:127.0.0.1:" + server.addr.port],
            },
          },
        });
        await mesh.ready();
        console.log(await (await fetch("http://127.0.42.232:8080/")).text());
        await server.shutdown();
      `;
      await Deno.writeTextFile(`${folder}/mesh.ts`, script);
      const config = ["--config", `${root}deno.json`];
      const command = [Deno.execPath(), "run", "--quiet", "-A", ...config];
      const said = await run([...command, `${folder}/mesh.ts`], { seconds: 90 });
      assert.equal(said, "hi\n");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test("deno in place of its runtime is refused, and so is what is not there", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (
      const [runtime, reason] of [
        [Deno.execPath(), /is deno itself/],
        [`${folder}/none`, /which is not there/],
      ] as const
    ) {
      const { code, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "release/compile.ts", "--output", folder],
        cwd: root,
        env: { DENORT_BIN: runtime, NO_COLOR: "1" },
      }).output();
      assert.equal(code, 3);
      assert.match(new TextDecoder().decode(stderr), reason);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("what deno compile makes tells its version and checks a manifest", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const file = await compile(ownTarget(), folder);
    assert.equal(file, `${folder}/${TARGETS[ownTarget()]}`);
    assert.match(await run([file, "--version"]), /^norouter \S+ \(commit /);
    await Deno.writeTextFile(`${folder}/mesh.yaml`, await run([file, "show-example"]));
    await run([file, "check", `${folder}/mesh.yaml`]);
  } catch (error) {
    // The one thing that a machine without a way to Deno's site cannot prove.
    if (!(error instanceof NoRuntimeError)) throw error;
    console.log(`not run: ${error.message}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
