/**
 * Starts of the portable executable that get in each other's way, are killed, find what
 * such have left, or a file that is not whole.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  type Ending,
  portableTest,
  ran,
  Started,
} from "../harness/packages/executable.ts";
import { SmallRoot } from "../harness/packages/small_root.ts";
import { until } from "../harness/scene/wait.ts";

/** The blocks in which the file is cut (`release/portable.ts`). */
const BLOCK = 16 * 1024;

/** Stands before a program in PATH: notes each call, and holds it while a file is there. */
class Shim {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async make(folder: string, program: string): Promise<Shim> {
    await Deno.mkdir(folder);
    const shim = new Shim(folder);
    const script = `#!/bin/sh
echo $$ >>"${folder}/calls"
while [ -e "${folder}/hold" ]; do PATH=/usr/bin:/bin sleep 0.02; done
PATH=/usr/bin:/bin exec ${program} "$@"
`;
    await Deno.writeTextFile(`${folder}/${program}`, script, { mode: 0o755 });
    return shim;
  }

  /** A PATH in which it comes first. */
  get path(): string {
    return `${this.#folder}:${Deno.env.get("PATH")}`;
  }

  /** How often the program was called. */
  get calls(): number {
    try {
      return Deno.readTextFileSync(`${this.#folder}/calls`).trim().split("\n").length;
    } catch {
      return 0;
    }
  }

  async hold(): Promise<void> {
    await Deno.writeTextFile(`${this.#folder}/hold`, "");
  }

  async release(): Promise<void> {
    await Deno.remove(`${this.#folder}/hold`);
  }
}

function assertRan({ code, out, err }: Ending): void {
  assert.deepEqual({ code, err }, { code: 0, err: "" });
  assert.match(out, /^norouter /);
}

function namesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

/** Checks that what is there is one unpacked folder; gives its name. */
function onlyFolder(cache: string): string {
  const names = namesIn(cache);
  assert.equal(names.length, 1, names.join(", "));
  assert.match(names[0]!, /^[0-9a-f]{16}$/);
  return names[0]!;
}

portableTest(
  "twenty first starts at once unpack once, and all run",
  async (scene, it) => {
    const base = await scene.folder();
    const dd = await Shim.make(`${base}/shim`, "dd");
    const env = (cache: string) => ({
      PATH: dd.path,
      NOROUTER_CACHE: `${base}/${cache}`,
    });
    assertRan(await ran([it.file, "--version"], { env: env("one") }));
    const once = dd.calls;
    assert.ok(once > 5);
    const starts = Array.from(
      { length: 20 },
      () => ran([it.file, "--version"], { env: env("many") }),
    );
    for (const ending of await Promise.all(starts)) {
      assertRan(ending);
    }
    assert.equal(dd.calls, 2 * once);
    onlyFolder(`${base}/many`);
  },
);

portableTest(
  "twenty starts get past the lock of one that died",
  async (scene, { file }) => {
    const cache = `${await scene.folder()}/cache`;
    const env = { NOROUTER_CACHE: cache };
    assertRan(await ran([file, "--version"], { env }));
    const hash = onlyFolder(cache);
    await Deno.remove(`${cache}/${hash}`, { recursive: true });
    // Signed by a start that is killed while it unpacks.
    const dd = await Shim.make(`${cache}.shim`, "dd");
    await dd.hold();
    const killed = new Started([file], { env: { ...env, PATH: dd.path } });
    await until("the start to unpack", () => dd.calls > 0);
    killed.kill("SIGKILL");
    await dd.release();
    await killed.ending;
    assert.deepEqual(namesIn(cache).map((name) => name.replace(hash, "").split(".")[1]), [
      "lock",
      "new",
    ]);
    const starts = Array.from({ length: 20 }, () => ran([file, "--version"], { env }));
    for (const ending of await Promise.all(starts)) assertRan(ending);
    onlyFolder(cache);
  },
);

portableTest(
  "a start that is told to end while it unpacks leaves nothing",
  async (scene, it) => {
    const base = await scene.folder();
    for (const shell of ["dash", "bash"]) {
      for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
        const dd = await Shim.make(`${base}/${shell}-${signal}`, "dd");
        await dd.hold();
        const cache = `${base}/cache-${shell}-${signal}`;
        const command = [shell, it.file, "--version"];
        const env = { PATH: dd.path, NOROUTER_CACHE: cache };
        const started = new Started(command, { env });
        await until("the start to unpack", () => dd.calls > 0);
        started.kill(signal);
        await dd.release();
        const { signal: ended, err } = await started.ending;
        assert.equal(ended, signal, `${shell}: ${err}`);
        assert.deepEqual(namesIn(cache), []);
      }
    }
  },
  { needs: ["dash", "bash"] },
);

portableTest("what is stale or half there is unpacked anew", async (scene, { file }) => {
  const cache = `${await scene.folder()}/cache`;
  const env = { NOROUTER_CACHE: cache };
  assertRan(await ran([file, "--version"], { env }));
  const hash = onlyFolder(cache);
  const there = `${cache}/${hash}`;
  const harm: Record<string, () => Promise<void>> = {
    "no mark": () => Deno.remove(`${there}/ok`),
    "no loader": () => Deno.remove(`${there}/ld.so`),
    "no deno": () => Deno.remove(`${there}/deno`),
    "deno that is no program": () => Deno.chmod(`${there}/deno`, 0o644),
    "no app": () => Deno.remove(`${there}/app`, { recursive: true }),
    "a file": async () => {
      await Deno.remove(there, { recursive: true });
      await Deno.writeTextFile(there, "");
    },
    "a link": async () => {
      await Deno.rename(there, `${cache}.elsewhere`);
      await Deno.symlink(`${cache}.elsewhere`, there);
    },
    "a lock without a name": () => Deno.rename(there, `${there}.lock`),
    "remains of an unknown process, from long ago": async () => {
      await Deno.rename(there, `${cache}/0123456789abcdef.new.1.0`);
      const old = Date.now() / 1000 - 2 * 3600;
      await Deno.utime(`${cache}/0123456789abcdef.new.1.0`, old, old);
    },
  };
  for (const [what, make] of Object.entries(harm)) {
    await make();
    const { code, out, err } = await ran([file, "--version"], { env });
    assert.deepEqual({ what, code, err }, { what, code: 0, err: "" });
    assert.match(out, /^norouter /);
    assert.equal(onlyFolder(cache), hash, what);
    assert.equal((await Deno.stat(`${there}/ok`)).isFile, true);
  }
});

portableTest(
  "containers that share a place leave each other in peace",
  async (scene, it) => {
    const base = await scene.folder();
    const cache = `${base}/cache`;
    const dd = await Shim.make(`${base}/dd`, "dd");
    await dd.hold();
    const command = [it.file, "--version"];
    const env = { NOROUTER_CACHE: cache };
    const first = new Started(command, { env: { ...env, PATH: dd.path } });
    await until("the first to unpack", () => dd.calls > 0);
    // In there, no process has the number of the first, and this one has number 1 itself.
    const apart = ["unshare", "--pid", "--fork", "--mount-proc", ...command];
    const sleep = await Shim.make(`${base}/sleep`, "sleep");
    const others = Array.from(
      { length: 4 },
      () => new Started(apart, { env: { ...env, PATH: sleep.path } }),
    );
    // Each has looked at the lock some times, and waits.
    await until("the others to wait", () => sleep.calls > 20);
    const unpacking = namesIn(cache);
    assert.equal(unpacking.length, 2, unpacking.join(", "));
    assert.ok(unpacking.every((name) => /\.(lock|new)\b/.test(name)));
    await dd.release();
    for (const { ending } of [first, ...others]) assertRan(await ending);
    onlyFolder(cache);
  },
  { needs: ["namespaces", "unshare"] },
);

portableTest(
  "two that unpack at once, both as process 1, both run",
  async (scene, it) => {
    const base = await scene.folder();
    const cache = `${base}/cache`;
    const dd = await Shim.make(`${base}/dd`, "dd");
    await dd.hold();
    const env = { PATH: dd.path, NOROUTER_CACHE: cache };
    const apart = ["unshare", "--pid", "--fork", "--mount-proc", it.file, "--version"];
    const starts: Started[] = [];
    for (const number of [1, 2]) {
      starts.push(new Started(apart, { env }));
      await until("a start to unpack", () => dd.calls === number);
      // As if it had taken too long.
      const [lock] = namesIn(cache).filter((name) => name.endsWith(".lock"));
      await Deno.remove(`${cache}/${lock}`, { recursive: true });
    }
    assert.equal(namesIn(cache).length, 2);
    await dd.release();
    for (const { ending } of starts) assertRan(await ending);
    onlyFolder(cache);
  },
  { needs: ["namespaces", "unshare"] },
);

portableTest(
  "a lock that goes away while one looks is tried again",
  async (scene, { file }) => {
    const base = await scene.folder();
    await Deno.mkdir(`${base}/bin`);
    // Fails as it does while another has the lock, which then is gone.
    const script = `#!/bin/sh
case $1 in *.lock) echo >>"${base}/tries"; [ "$(wc -l <"${base}/tries")" -gt 2 ] || exit 1 ;; esac
PATH=/usr/bin:/bin exec mkdir "$@"
`;
    await Deno.writeTextFile(`${base}/bin/mkdir`, script, { mode: 0o755 });
    const PATH = `${base}/bin:${Deno.env.get("PATH")}`;
    const env = { PATH, NOROUTER_CACHE: `${base}/cache` };
    assertRan(await ran([file, "--version"], { env }));
    onlyFolder(env.NOROUTER_CACHE);
  },
);

/** A start of a file that is not whole: it has to say so, soon, and leave nothing. */
async function refuses(file: string, cache: string, reason: RegExp, shell = "sh") {
  const began = performance.now();
  const env = { NOROUTER_CACHE: cache, HOME: cache };
  const { code, out, err } = await ran([shell, file, "--version"], { env });
  assert.equal(out, "");
  assert.notEqual(code, 0);
  assert.match(err, reason);
  assert.ok(performance.now() - began < 10_000);
  const left = await ran(["find", cache, "-type", "f"]);
  assert.equal(left.out, "");
}

portableTest("a file that was cut says so, wherever it ends", async (scene, { file }) => {
  const bytes = await Deno.readFile(file);
  const cache = `${await scene.folder()}/cache`;
  const head = new TextDecoder("latin1").decode(bytes.subarray(0, 2 * BLOCK));
  const end = head.indexOf("\nexit 70\n");
  assert.ok(end > 0);
  for (const size of [2 * BLOCK, 4 * BLOCK, 300 * BLOCK, bytes.length - BLOCK]) {
    await Deno.writeFile(file, bytes.subarray(0, size));
    const reason = new RegExp(`is cut|has ${size} of ${bytes.length} bytes`);
    await refuses(file, cache, reason);
  }
  // Within the script it is for the shell to say.
  for (const shell of ["dash", "bash"]) {
    for (let size = 600; size < end; size += 1000) {
      await Deno.writeFile(file, bytes.subarray(0, size));
      await refuses(file, cache, /syntax error|unexpected/i, shell);
    }
  }
}, { needs: ["dash", "bash"] });

portableTest("a file that was damaged says so", async (scene, { file }) => {
  const bytes = await Deno.readFile(file);
  const cache = `${await scene.folder()}/cache`;
  // In the runtime, and in the program, which is last.
  for (const at of [bytes.length >> 1, bytes.length - 100 * 1024]) {
    const damaged = bytes.slice();
    damaged.fill(0x55, at, at + 16);
    await Deno.writeFile(file, damaged);
    await refuses(file, cache, /cannot unpack .*data does not decompress.*\nGet it anew/);
  }
});

portableTest("a file for another architecture says so", async (scene, { file }) => {
  const base = await scene.folder();
  const bytes = await Deno.readFile(file);
  let elf = BLOCK;
  while (new TextDecoder("latin1").decode(bytes.subarray(elf + 1, elf + 4)) !== "ELF") {
    elf += BLOCK;
  }
  bytes[elf + 18] = 0xf7; // e_machine: BPF, which nothing runs
  await Deno.writeFile(file, bytes);
  await Deno.mkdir(`${base}/bin`);
  await Deno.writeTextFile(`${base}/bin/uname`, "#!/bin/sh\necho mips64\n", {
    mode: 0o755,
  });
  for (const shell of ["dash", "bash"]) {
    const env = { PATH: `${base}/bin:${Deno.env.get("PATH")}`, HOME: base };
    const { code, out, err } = await ran([shell, file, "--version"], { env });
    assert.deepEqual({ code, out }, { code: 70, out: "" });
    assert.match(err, /it is for (x64|arm64), and this machine is mips64/);
  }
}, { needs: ["dash", "bash"] });

portableTest(
  "six programs are all it needs to unpack, and it names them",
  async (scene, it) => {
    const base = await scene.folder();
    const bin = `${base}/bin`;
    await Deno.mkdir(bin);
    const env = { PATH: bin, NOROUTER_CACHE: `${base}/cache` };
    const start = () => ran([it.file, "--version"], { env });
    for (const tool of ["chmod", "dd", "ls", "mkdir", "mv", "rm"]) {
      const { code, err } = await start();
      assert.equal(code, 70);
      assert.match(err, new RegExp(`without the program ${tool}`));
      const { out } = await ran(["sh", "-c", `command -v ${tool}`]);
      await Deno.symlink(out.trim(), `${bin}/${tool}`);
    }
    assertRan(await start());
  },
);

portableTest(
  "a disk that was full has room for a later start",
  async (scene, { file }) => {
    const root = await SmallRoot.make(scene, file);
    await root.folder("cache");
    const mounts = ['mount -t tmpfs -o size=200m tmpfs "$root/cache"'];
    const script = `dd if=/dev/zero of=/cache/big bs=1M count=150 2>/dev/null
    /opt/norouter --version || rm /cache/big; /opt/norouter --version; ls /cache | wc -l`;
    const env = { NOROUTER_CACHE: "/cache" };
    const mounted = [...mounts, 'mount -o remount,bind,ro "$root"'];
    const { out } = await root.ran(["sh", "-c", script], { env, mounts: mounted });
    assert.match(out, /^norouter .*\n1\n$/);
  },
  { needs: ["namespaces", "unshare", "chroot", "busybox"] },
);

portableTest(
  "a limit of processes is named, and the file is not blamed",
  async (scene, { file }) => {
    const root = await SmallRoot.make(scene, file);
    await root.folder("tmp", { mode: 0o1777 });
    const user = 34567;
    let failed = 0;
    for (const limit of [1, 2, 3, 4, 5, 6, 8, 12]) {
      // Set by root, to whom it does not apply.
      const mounts = [`ulimit -p ${limit} 2>/dev/null || ulimit -u ${limit}`];
      const start = ["/opt/norouter", "agent", "--automated"];
      const { code, err } = await root.ran(start, { user, mounts });
      if (code === 0) break;
      failed++;
      assert.doesNotMatch(err, /Get it anew|does not decompress/, `${limit}: ${err}`);
      // The last is what Deno says once it is unpacked.
      const said = /can't fork|no further process can be started|create worker threads/;
      assert.match(err, said, `${limit}: ${err}`);
    }
    assert.ok(failed >= 2, `${failed} limits were too low`);
  },
  { needs: ["namespaces", "unshare", "chroot", "busybox"] },
);
