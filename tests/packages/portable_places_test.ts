/**
 * Where the portable executable unpacks, and where it does not.
 *
 * @module
 */
import assert from "node:assert/strict";
import { cloneFolder, portableTest, ran } from "../harness/packages/executable.ts";
import { run } from "../harness/scene/process.ts";
import { type RootOptions, SmallRoot } from "../harness/packages/small_root.ts";

const NEEDS = { needs: ["namespaces", "unshare", "chroot", "busybox"] };
const NOROUTER = "/opt/norouter";
const START = [NOROUTER, "--version"];
const TYPED = START.join(" ");
/** A user that no file knows. */
const USER = 12345;
const STRANGER = 23456;

/** Every place in order, and the folders that have to be there before. */
const ENV = {
  NOROUTER_CACHE: "/chosen",
  XDG_CACHE_HOME: "/xdg-cache",
  HOME: "/home",
  XDG_RUNTIME_DIR: "/runtime",
};
const PLACES: readonly [folder: string, place: string][] = [
  ["/chosen", "/chosen"],
  ["/xdg-cache", "/xdg-cache/norouter"],
  ["/home", "/home/.cache/norouter"],
  ["/runtime", "/runtime/norouter"],
  ["/var/tmp", `/var/tmp/norouter-${USER}`],
  ["/tmp", `/tmp/norouter-${USER}`],
  ["/dev/shm", `/dev/shm/norouter-${USER}`],
  ["/opt", "/opt/.norouter-cache"],
];

/** The folders below `folder` in which it was unpacked. */
async function unpackedBelow(root: SmallRoot, folder: string): Promise<string[]> {
  const { out } = await root.ran(["find", folder, "-xdev", "-name", "ok"]);
  return [...out.matchAll(/^(.*)\/[0-9a-f]{16}\/ok$/gm)].map(([, place]) => place!);
}

portableTest(
  "each place is used when those before it cannot be",
  async (scene, { file }) => {
    const root = await SmallRoot.make(scene, file);
    for (const [folder] of PLACES) await root.folder(folder, { user: USER, mode: 0o700 });
    for (const [folder, place] of PLACES) {
      const { code, out, err } = await root.ran(START, { user: USER, env: ENV });
      assert.deepEqual({ code, err }, { code: 0, err: "" });
      assert.match(out, /^norouter /);
      assert.deepEqual(await unpackedBelow(root, "/"), [place]);
      // Out of the way, and nothing can be written there from now on.
      const left = folder === "/opt" ? place : folder;
      await Deno.remove(`${root.path}${left}`, { recursive: true });
      await root.folder(folder, { user: 0, mode: 0o755 });
    }
    const { code, err } = await root.ran(START, { user: USER, env: ENV });
    assert.equal(code, 70);
    for (const [, place] of PLACES) {
      // One that is there but somebody else's would get a folder for each user.
      const line = place === "/chosen" ? `/chosen/norouter-${USER}` : place;
      assert.ok(err.includes(`  ${line}: `), err);
    }
    assert.match(err, /for which it needs \d+ MB/);
    assert.match(err, /NOROUTER_CACHE/);
  },
  NEEDS,
);

portableTest(
  "no home, no /tmp, no name for the user: it unpacks beside itself",
  async (scene, { file }) => {
    const root = await SmallRoot.make(scene, file);
    await root.folder("opt", { user: USER });
    for (const env of [{}, { HOME: "/nonexistent" }] as Record<string, string>[]) {
      const { out, err } = await root.ran(START, { user: USER, env });
      assert.equal(err, "");
      assert.match(out, /^norouter /);
      assert.deepEqual(await unpackedBelow(root, "/"), ["/opt/.norouter-cache"]);
    }
    // Nor does root make folders that are for all, or use one of another user.
    await Deno.remove(`${root.path}/opt/.norouter-cache`, { recursive: true });
    assert.match((await root.ran(START)).err, /\/opt is of user 12345 /);
    await root.folder("opt");
    const { out } = await root.ran(START);
    assert.match(out, /^norouter /);
    const names = [...Deno.readDirSync(root.path)].map(({ name }) => name).sort();
    assert.deepEqual(names, ["bin", "dev", "opt", "proc"]);
  },
  NEEDS,
);

portableTest(
  "places without programs, or read-only, are passed over",
  async (scene, it) => {
    const root = await SmallRoot.make(scene, it.file);
    for (const folder of ["home", "var/tmp", "tmp", "dev/shm"]) await root.folder(folder);
    const env = { HOME: "/home" };
    const mounts = [
      'mount -t tmpfs -o noexec,mode=1777 tmpfs "$root/home"',
      'mount -t tmpfs -o noexec,mode=1777 tmpfs "$root/var/tmp"',
      'mount -t tmpfs -o ro tmpfs "$root/tmp"',
      'mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"',
      'mount -o remount,bind,ro "$root"',
    ];
    // The root is a mount of its own, so that what is found is what is in these.
    const look = `${TYPED} && find / -xdev -name ok; find /home /dev/shm -name ok`;
    for (const user of [0, USER]) {
      const script = ["sh", "-c", look];
      const { out, err } = await root.ran(script, { env, user, mounts });
      assert.equal(err, "");
      assert.match(
        out,
        new RegExp(`^norouter .*\n/dev/shm/norouter-${user}/\\w+/ok\n$`),
      );
    }
    const { code, err } = await root.ran(START, { env, mounts: mounts.toSpliced(3, 1) });
    assert.equal(code, 70);
    assert.match(err, /\/home\/\.cache\/norouter: .*noexec.*Permission denied/);
    assert.match(err, /\/tmp\/norouter-0: .*Read-only file system/);
  },
  NEEDS,
);

portableTest(
  "what was unpacked runs from where nothing can be written",
  async (scene, it) => {
    const root = await SmallRoot.make(scene, it.file);
    await root.folder("cache");
    const mounts = ['mount -t tmpfs -o mode=1777 tmpfs "$root/cache"'];
    const script = `${TYPED} && mount -o remount,ro /cache && ${TYPED}`;
    const env = { NOROUTER_CACHE: "/cache" };
    const { code, out, err } = await root.ran(["sh", "-c", script], { env, mounts });
    assert.deepEqual({ code, err }, { code: 0, err: "" });
    assert.match(out, /^norouter .*\nnorouter .*\n$/);
  },
  NEEDS,
);

portableTest(
  "64 MB are too small: each place and why, and nothing left",
  async (scene, it) => {
    const root = await SmallRoot.make(scene, it.file);
    for (const folder of ["home", "tmp"]) await root.folder(folder);
    const mounts = [
      'mount -t tmpfs -o size=64m,mode=1777 tmpfs "$root/tmp"',
      'mount -o remount,bind,ro "$root"',
    ];
    const env = { HOME: "/home" };
    const script = [
      "sh",
      "-c",
      `${TYPED}; echo "status $?"; find /tmp -type f`,
    ];
    for (const user of [0, USER]) {
      const { out, err } = await root.ran(script, { env, user, mounts });
      assert.equal(out, "status 70\n");
      assert.match(err, new RegExp(`  /tmp/norouter-${user}: .*No space left on device`));
      assert.match(err, /^ {2}\/home\/\.cache\/norouter: .*Read-only file system/m);
      assert.match(err, /needs 1[0-4]0 MB on a disk/);
    }
  },
  NEEDS,
);

portableTest(
  "a volume that is open to all is used below a name if it is sticky",
  async (scene, { file }) => {
    const root = await SmallRoot.make(scene, file);
    await root.folder("volume", { mode: 0o777 });
    const env = { NOROUTER_CACHE: "/volume" };
    const { code, err } = await root.ran(START, { user: USER, env });
    assert.equal(code, 70);
    const why = /others may change it: \/volume is of user 0 .* with mode drwxrwxrwx$/m;
    assert.match(err, why);
    await Deno.chmod(`${root.path}/volume`, 0o1777);
    for (const user of [USER, STRANGER]) {
      const { out, err } = await root.ran(START, { user, env });
      assert.equal(err, "");
      assert.match(out, /^norouter /);
    }
    const wanted = [USER, STRANGER].map((user) => `/volume/norouter-${user}`);
    assert.deepEqual((await unpackedBelow(root, "/volume")).sort(), wanted);
  },
  NEEDS,
);

portableTest(
  "a relative place is one from where it was started",
  async (scene, { file }) => {
    const root = await SmallRoot.make(scene, file);
    await root.folder("somewhere");
    const script = ["sh", "-c", `cd /somewhere; ${TYPED}`];
    for (const NOROUTER_CACHE of ["a cache", "-odd"]) {
      const { out } = await root.ran(script, { env: { NOROUTER_CACHE } });
      assert.match(out, /^norouter /);
      const place = `/somewhere/${NOROUTER_CACHE}`;
      assert.deepEqual(await unpackedBelow(root, "/"), [place]);
      await Deno.remove(`${root.path}${place}`, { recursive: true });
    }
  },
  NEEDS,
);

portableTest(
  "root leaves nothing in the home of another user",
  async (scene, { file }) => {
    const root = await SmallRoot.make(scene, file);
    await root.folder("home", { user: USER, mode: 0o700 });
    const run = await root.folder("runtime", { user: USER, mode: 0o700 });
    await root.folder("var/tmp", { mode: 0o1777 });
    const env = { HOME: "/home", XDG_RUNTIME_DIR: "/runtime" };
    const { out } = await root.ran(START, { env });
    assert.match(out, /^norouter /);
    assert.deepEqual(await unpackedBelow(root, "/"), ["/var/tmp/norouter-0"]);
    assert.deepEqual([...Deno.readDirSync(run)], []);
    assert.deepEqual([...Deno.readDirSync(`${root.path}/home`)], []);
  },
  NEEDS,
);

// What somebody else laid out in /tmp before, from the least to the most careful.
const TRAPS: Record<string, (root: SmallRoot, hash: string) => Promise<void>> = {
  "a folder of their own": async (root, hash) => {
    await layTrap(root, `tmp/norouter-${USER}`, hash, STRANGER);
    await root.folder(`tmp/norouter-${USER}`, { user: STRANGER });
  },
  "a folder of their own with one in it that is ours": async (root, hash) => {
    await layTrap(root, `tmp/norouter-${USER}`, hash, USER);
    await root.folder(`tmp/norouter-${USER}`, { user: STRANGER });
  },
  "a link to a folder that is ours": async (root, hash) => {
    await layTrap(root, "tmp/elsewhere", hash, USER);
    await root.folder("tmp/elsewhere", { user: USER });
    const link = `${root.path}/tmp/norouter-${USER}`;
    await Deno.symlink("/tmp/elsewhere", link);
  },
};

/** What would be run if it were taken for an unpacked folder. */
async function layTrap(root: SmallRoot, place: string, hash: string, user: number) {
  const folder = await root.folder(`${place}/${hash}`, { user });
  await Deno.mkdir(`${folder}/app`);
  for (const name of ["ok", "deno", "app/cli.js", "ld.so"]) {
    await Deno.writeTextFile(`${folder}/${name}`, "#!/bin/sh\necho trapped\n");
    await Deno.chmod(`${folder}/${name}`, 0o755);
    await Deno.chown(`${folder}/${name}`, user, user);
  }
}

async function hashOf(file: string): Promise<string> {
  const text = new TextDecoder("latin1").decode(await Deno.readFile(file));
  return /^hash=(\w+)$/m.exec(text)![1]!;
}

for (const [what, lay] of Object.entries(TRAPS)) {
  portableTest(`it never runs what another user laid out: ${what}`, async (scene, it) => {
    const root = await SmallRoot.make(scene, it.file);
    await root.folder("tmp", { mode: 0o1777 });
    await lay(root, await hashOf(it.file));
    const user: RootOptions = { user: USER };
    const refused = await root.ran(START, user);
    assert.equal(refused.out, "");
    assert.equal(refused.code, 70);
    const why =
      /\/tmp\/norouter-\d+: (it is a link|others may change it: .* of user 23456 )/;
    assert.match(refused.err, why);
    await root.folder("dev/shm", { mode: 0o1777 });
    const { out } = await root.ran(START, user);
    assert.match(out, /^norouter /);
  }, NEEDS);
}

portableTest(
  "the trap would catch whoever looks at names alone",
  async (scene, { file }) => {
    const root = await SmallRoot.make(scene, file);
    await root.folder("tmp", { mode: 0o1777 });
    await layTrap(root, `tmp/norouter-${USER}`, await hashOf(file), USER);
    await root.folder(`tmp/norouter-${USER}`, { user: USER });
    const { out } = await root.ran(START, { user: USER });
    assert.equal(out, "trapped\n");
  },
  NEEDS,
);

portableTest("without /proc it says so", async (scene, { file }) => {
  const root = await SmallRoot.make(scene, file);
  const { code, err } = await root.ran(START, { mounts: ['umount "$root/proc"'] });
  assert.equal(code, 70);
  assert.match(err, /without \/proc/);
}, NEEDS);

portableTest(
  "a library of the host that does not fit is no harm to an agent",
  async (scene, it) => {
    const root = await SmallRoot.make(scene, it.file);
    await cloneFolder(it.folder, `${root.path}/opt/folder`);
    // It needs others, which are not there. The programs in there are static, so that only the
    // loader that is carried looks at it.
    const [library] = (await run(["sh", "-c", "ldd $(command -v mount)"]))
      .match(/\/\S*libmount\S*/)!;
    await Deno.copyFile(library, `${root.path}/opt/foreign.so`);
    const env = { LD_PRELOAD: "/opt/foreign.so", NOROUTER_CACHE: "/cache" };
    for (const program of [NOROUTER, NOROUTER, "/opt/folder/norouter"]) {
      const { code, err } = await root.ran([program, "agent", "--automated"], { env });
      assert.doesNotMatch(err, /foreign/);
      assert.equal(code, 0, err);
    }
    // So much for whether it does any harm at all.
    const { code, err } = await root.ran([NOROUTER, "--version"], { env });
    assert.notEqual(code, 0);
    assert.match(err, /error while loading/);
  },
  { needs: [...NEEDS.needs, "ldd", "mount"] },
);

portableTest(
  "a place with a colon cannot hold libraries, and is passed over",
  async (scene, it) => {
    const root = await SmallRoot.make(scene, it.file);
    await root.folder("tmp", { mode: 0o1777 });
    await cloneFolder(it.folder, `${root.path}/opt/a:b`);
    const env = { NOROUTER_CACHE: "/a:b" };
    const { out } = await root.ran(START, { env });
    assert.match(out, /^norouter /);
    assert.deepEqual(await unpackedBelow(root, "/"), ["/tmp/norouter-0"]);
    const { code, err } = await root.ran(["/opt/a:b/norouter", "--version"]);
    assert.equal(code, 70);
    assert.match(err, /cannot run from \/opt\/a:b: /);
  },
  NEEDS,
);

portableTest("the folder needs no home and writes nowhere else", async (scene, it) => {
  const root = await SmallRoot.make(scene, it.file);
  await cloneFolder(it.folder, `${root.path}/opt/folder`);
  for (const user of [USER, 0]) {
    for (const env of [{}, { HOME: "/nonexistent" }] as Record<string, string>[]) {
      const { out, err } = await root.ran(["/opt/folder/norouter", "--version"], {
        user,
        env,
      });
      assert.equal(err, "");
      assert.match(out, /^norouter /);
    }
  }
  const names = [...Deno.readDirSync(root.path)].map(({ name }) => name).sort();
  assert.deepEqual(names, ["bin", "dev", "opt", "proc"]);
}, NEEDS);

portableTest(
  "what an agent runs is compared with its sum at each start, and made anew if it differs",
  async (scene, { file }) => {
    const env = { NOROUTER_CACHE: `${await scene.folder()}/cache` };
    const agent = () => ran([file, "agent", "--automated"], { env });
    const first = await agent();
    assert.deepEqual({ code: first.code, err: first.err }, { code: 0, err: "" });
    const [hash] = [...Deno.readDirSync(env.NOROUTER_CACHE)].map(({ name }) => name);
    const folder = `${env.NOROUTER_CACHE}/${hash}`;
    for (const name of ["app/cli.js", "lib/libm.so.6", "deno"]) {
      const right = await Deno.readFile(`${folder}/${name}`);
      const wrong = right.slice();
      const at = wrong.length - 100;
      wrong[at] = wrong[at]! ^ 1;
      await Deno.writeFile(`${folder}/${name}`, wrong);
      const { code, err } = await agent();
      assert.deepEqual({ code, err }, { code: 0, err: "" });
      assert.deepEqual(await Deno.readFile(`${folder}/${name}`), right, name);
    }
    const names = [...Deno.readDirSync(env.NOROUTER_CACHE)].map(({ name }) => name);
    assert.deepEqual(names, [hash]);
  },
);

portableTest(
  "a place that others may change is not used, though it was before",
  async (scene, { file }) => {
    const root = await SmallRoot.make(scene, file);
    await root.folder("shared", { mode: 0o755 });
    const env = { NOROUTER_CACHE: "/shared/cache" };
    assert.match((await root.ran(START, { env })).out, /^norouter /);
    await root.folder("shared", { mode: 0o777 });
    await Deno.remove(`${root.path}/opt/norouter`);
    await Deno.copyFile(file, `${root.path}/opt/norouter`);
    // Another user puts a program of their own in the place of the folder.
    const hash = await hashOf(file);
    await Deno.rename(`${root.path}/shared/cache/${hash}`, `${root.path}/shared/his`);
    await layTrap(root, "shared/cache", hash, 0);
    const { out } = await root.ran(START, { env });
    assert.match(out, /^norouter /);
    assert.deepEqual(await unpackedBelow(root, "/opt"), ["/opt/.norouter-cache"]);
  },
  NEEDS,
);
