// The region in the system's hosts file, also where that file is a mount.
import assert from "node:assert/strict";
import { needs } from "../../tests/harness/scene/requirements.ts";
import { HOSTS, isRoot, isUnix, namesIn, REGION, scene } from "./_scene.ts";

const latin1 = Uint8Array.from(
  [...HOSTS, "# b\xfcro"].join(""),
  (character) => character.charCodeAt(0),
);

scene(
  "the system's hosts file gets a region, and every byte around it is as before",
  latin1,
  async ({ systemHosts, write, warnings }) => {
    const files = await write();
    const during = Deno.readFileSync(systemHosts);
    assert.deepEqual(during.subarray(0, latin1.length), latin1);
    const added = new TextDecoder().decode(during.subarray(latin1.length));
    assert.equal(added[0], "\n");
    assert.match(added.slice(1), REGION);
    assert.deepEqual(Deno.readFileSync(`${systemHosts}.bak.norouter`), latin1);
    await files.restore();
    assert.deepEqual(Deno.readFileSync(systemHosts), latin1);
    await files.restore();
    assert.deepEqual(warnings, []);
  },
);

scene(
  "the region of an agent that crashed is replaced, and goes with ours",
  `${HOSTS}# <Added-by-NoRouter>\n127.0.42.9 old\n# </Added-by-NoRouter>\n# last\n`,
  async ({ write, hosts }) => {
    const files = await write();
    assert.doesNotMatch(hosts(), /old/);
    assert.ok(hosts().startsWith(HOSTS) && hosts().endsWith("# last\n"));
    await files.restore();
    assert.equal(hosts(), `${HOSTS}# last\n`);
  },
);

scene(
  "the first backup is kept for ever",
  HOSTS,
  async ({ systemHosts, write, warnings }) => {
    await (await write()).restore();
    await Deno.writeTextFile(systemHosts, "127.0.0.1 changed\n");
    await (await write()).restore();
    assert.equal(Deno.readTextFileSync(`${systemHosts}.bak.norouter`), HOSTS);
    assert.deepEqual(warnings, []);
  },
);

scene(
  "an agent that lingers does not take away the region of the one that followed it",
  HOSTS,
  async ({ write, hosts, warnings }) => {
    const first = await write();
    const second = await write();
    const during = hosts();
    assert.equal(during.split("# <Added-by-NoRouter>").length, 2);
    await first.restore();
    assert.match(hosts().slice(HOSTS.length), REGION);
    await second.restore();
    assert.equal(hosts(), HOSTS);
    assert.deepEqual(warnings, []);
  },
);

scene(
  "a region that nothing ends does not eat the rest of the file, and is told",
  `# <Added-by-NoRouter>\n${HOSTS}`,
  async ({ systemHosts, write, hosts, warnings }) => {
    await write();
    assert.ok(hosts().startsWith(HOSTS));
    assert.match(hosts().slice(HOSTS.length), REGION);
    assert.equal(warnings.length, 1);
    assert.ok(warnings[0]!.startsWith(`${systemHosts}:1 begins the region`));
  },
);

scene(
  "names and addresses that would break the file are left out, and told once",
  HOSTS,
  async ({ folder, write, hosts, warnings }) => {
    const names = {
      "a b": "127.0.42.1",
      "a#b": "127.0.42.2",
      "x\n1.2.3.4": "127.0.42.3",
      "": "127.0.42.4",
      "b\xfcro": "127.0.42.5",
      evil: "127.0.42.6\n6.6.6.6 bank.example.com",
      "9.9.9.9": "127.0.42.7",
      good: "127.0.42.8",
    };
    await write({ names, stateDir: { path: folder } });
    const lines = hosts().slice(HOSTS.length).split("\n").filter((line) =>
      !/^#|^$/.test(line)
    );
    assert.deepEqual(lines, ["127.0.42.8 good"]);
    const aliases = Deno.readTextFileSync(`${folder}/hostaliases`);
    assert.equal(aliases, "good 127.0.42.8.nip.io\n");
    assert.equal(warnings.length, 1);
    assert.match(
      warnings[0]!,
      /^Names left out of the hosts files: "a b" \(.*" " cannot be.* and 2 more$/,
    );
  },
);

scene(
  "a system without a hosts file has one while the agent runs",
  undefined,
  async ({ folder, write, hosts, warnings }) => {
    const files = await write();
    assert.match(hosts(), REGION);
    await files.restore();
    assert.deepEqual(namesIn(`${folder}/etc`), []);
    assert.deepEqual(warnings, []);
  },
);

scene(
  "a hosts file that cannot be read is one warning, and the names are written elsewhere",
  undefined,
  async ({ folder, systemHosts, write, warnings }) => {
    await Deno.mkdir(systemHosts);
    const files = await write({ stateDir: { path: folder } });
    assert.match(Deno.readTextFileSync(`${folder}/hosts`), /web/);
    await files.restore();
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /^Cannot read \S+\/etc\/hosts: [^/]+$/);
  },
  { ignore: !isUnix },
);

scene(
  "owner and mode of the hosts file stay, and a link to it stays a link",
  undefined,
  async ({ folder, systemHosts, write, hosts, warnings }) => {
    await Deno.writeTextFile(`${folder}/real`, HOSTS);
    await Deno.chmod(`${folder}/real`, 0o664);
    await Deno.chown(`${folder}/real`, 12, 34);
    await Deno.symlink("../real", systemHosts);
    const files = await write();
    assert.ok(Deno.lstatSync(systemHosts).isSymlink);
    const { uid, gid, mode } = Deno.statSync(`${folder}/real`);
    assert.deepEqual([uid, gid, mode! & 0o777], [12, 34, 0o664]);
    assert.match(hosts(), /web/);
    await files.restore();
    assert.equal(Deno.readTextFileSync(`${folder}/real`), HOSTS);
    assert.deepEqual(namesIn(folder), ["etc", "real"]);
    assert.deepEqual(warnings, []);
  },
  { ignore: !isRoot },
);

scene(
  "who reads the hosts file meanwhile never sees half of it",
  HOSTS.repeat(5000),
  async ({ systemHosts, write }) => {
    const whole = HOSTS.repeat(5000);
    let reading = true;
    const seen = (async () => {
      let count = 0;
      for (; reading; count++) {
        assert.ok((await Deno.readTextFile(systemHosts)).startsWith(whole));
      }
      return count;
    })();
    for (let i = 0; i < 10; i++) await (await write()).restore();
    reading = false;
    assert.ok(await seen > 10);
  },
);

const OTHER = { names: { db: "127.0.42.102" }, writeEtcHosts: true };
const QUIET = { stateDir: { disable: true } };

for (const before of [HOSTS, "127.0.0.1 localhost", undefined]) {
  scene(
    `other names take the place of the first, and ${JSON.stringify(before)} is as before`,
    before,
    async ({ folder, write, hosts, warnings }) => {
      const files = await write();
      await files.rewrite({ ...QUIET, ...OTHER });
      assert.match(hosts(), /^127\.0\.42\.102 db$/m);
      assert.doesNotMatch(hosts(), /web/);
      assert.equal(hosts().match(/<Added-by-NoRouter>/g)?.length, 1);
      await files.restore();
      const names = namesIn(`${folder}/etc`);
      if (before === undefined) return assert.deepEqual(names, []);
      assert.equal(hosts(), before);
      const backup = names.find((name) => name !== "hosts")!;
      assert.equal(Deno.readTextFileSync(`${folder}/etc/${backup}`), before);
      assert.deepEqual(warnings, []);
    },
  );
}

scene("names that are wanted no more go at once", HOSTS, async ({ write, hosts }) => {
  const files = await write();
  await files.rewrite({ ...QUIET, ...OTHER, writeEtcHosts: false });
  assert.equal(hosts(), HOSTS);
  await files.rewrite({ ...QUIET, ...OTHER });
  assert.match(hosts(), /db/);
  await files.restore();
  assert.equal(hosts(), HOSTS);
});

// ---- a hosts file that is a mount, as in containers ----

const mounts = needs("namespaces", "unshare", "mount");

/** Writes and restores where this shell command ran before, in a mount namespace. */
async function inMounts(folder: string, prepare: string) {
  const script = `
    import { writeNameFiles } from "${new URL("./name_files.ts", import.meta.url)}";
    const systemHosts = ${JSON.stringify(`${folder}/etc/hosts`)};
    const warnings = [];
    const warn = (message) => warnings.push(message);
    const stateDir = { disable: true };
    const names = { web: "127.0.42.101" };
    const inode = Deno.statSync(systemHosts).ino;
    const files = await writeNameFiles(
      { names, systemHosts, stateDir, writeEtcHosts: true, warn });
    const during = Deno.readTextFileSync(systemHosts);
    await files.restore();
    const after = Deno.readTextFileSync(systemHosts);
    const inPlace = Deno.statSync(systemHosts).ino === inode;
    const left = [...Deno.readDirSync(${JSON.stringify(`${folder}/etc`)})]
      .map(({ name }) => name).sort();
    console.log(JSON.stringify({ during, after, inPlace, warnings, left }));`;
  const { stdout, success } = await new Deno.Command("unshare", {
    args: [
      ...["--mount", "sh", "-ec", `${prepare}\nexec "$@"`, "sh"],
      ...[Deno.execPath(), "eval", "--no-lock", script],
    ],
    cwd: folder,
    stderr: "inherit",
  }).output();
  assert.ok(success);
  return JSON.parse(new TextDecoder().decode(stdout));
}

scene(
  "a hosts file that is a mount is written in place",
  "127.0.0.1 the mount hides this\n",
  async ({ folder, systemHosts }) => {
    await Deno.writeTextFile(`${folder}/mounted`, HOSTS);
    const result = await inMounts(folder, "mount --bind mounted etc/hosts");
    assert.match(result.during, /127.0.42.101 web/);
    assert.equal(result.after, HOSTS);
    assert.ok(result.inPlace);
    assert.deepEqual(result.warnings, []);
    assert.deepEqual(result.left, ["hosts", "hosts.bak.norouter"]);
    assert.equal(Deno.readTextFileSync(`${systemHosts}.bak.norouter`), HOSTS);
  },
  mounts,
);

scene(
  "in a folder that is read-only it is written in place, and the backup is a warning",
  HOSTS,
  async ({ folder, systemHosts }) => {
    await Deno.writeTextFile(`${folder}/mounted`, HOSTS);
    const result = await inMounts(
      folder,
      `mount --bind etc etc
       mount -o remount,bind,ro etc
       mount --bind mounted etc/hosts`,
    );
    assert.match(result.during, /127.0.42.101 web/);
    assert.equal(result.after, HOSTS);
    assert.deepEqual(result.left, ["hosts"]);
    assert.deepEqual(result.warnings, [
      `Cannot keep the first backup ${systemHosts}.bak.norouter: Read-only file system`,
    ]);
  },
  mounts,
);

scene(
  "a hosts file that is read-only stays as it is, and one warning for each file says so",
  HOSTS,
  async ({ folder, systemHosts }) => {
    const result = await inMounts(
      folder,
      "mount --bind etc etc; mount -o remount,bind,ro etc",
    );
    assert.equal(result.during, HOSTS);
    assert.equal(result.after, HOSTS);
    assert.deepEqual(result.warnings, [
      `Cannot keep the first backup ${systemHosts}.bak.norouter: Read-only file system`,
      `Cannot write ${systemHosts}: Read-only file system`,
    ]);
  },
  mounts,
);

scene(
  "a disk that is full leaves the hosts file as it was",
  HOSTS,
  async ({ folder, systemHosts }) => {
    const result = await inMounts(
      folder,
      `cat etc/hosts > kept
       mount -t tmpfs -o size=16k none etc
       cat kept > etc/hosts
       head -c 64k /dev/zero > etc/full 2> /dev/null || :`,
    );
    assert.equal(result.during, HOSTS);
    assert.equal(result.after, HOSTS);
    assert.deepEqual(result.left, ["full", "hosts"]);
    assert.deepEqual(result.warnings, [
      `Cannot keep the first backup ${systemHosts}.bak.norouter: No space left on device`,
      `Cannot write ${systemHosts}: No space left on device`,
    ]);
  },
  mounts,
);
