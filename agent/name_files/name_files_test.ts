// The files, in folders of the test; never those of this machine.
import assert from "node:assert/strict";
import { needs } from "../../tests/harness/scene/requirements.ts";
import { type NameFiles, type NameFilesOptions, writeNameFiles } from "./name_files.ts";

const NAMES = {
  local: "127.0.42.100",
  "laptop.example.com": "127.0.42.100",
  web: "127.0.42.101",
};
const ENTRIES = "127.0.42.100 local\n127.0.42.100 laptop.example.com\n127.0.42.101 web\n";
const HOSTS = "127.0.0.1\tlocalhost\n::1 localhost\n";
const REGION = new RegExp(
  `^# <Added-by-NoRouter>\n# of the agent .*\n${ENTRIES}# </Added-by-NoRouter>\n$`,
);

interface Scene {
  readonly folder: string;
  readonly systemHosts: string;
  readonly warnings: string[];
  /** Writes with the state directory off and the system's hosts file on, unless told else. */
  write(options?: Partial<NameFilesOptions>): Promise<NameFiles>;
  /** The system's hosts file. */
  hosts(): string;
}

/** A test in a folder of its own, with a hosts file for the system's. */
function scene(
  name: string,
  hosts: string | Uint8Array | undefined,
  use: (scene: Scene) => Promise<void>,
  { ignore = false } = {},
): void {
  const fn = async () => {
    const folder = await Deno.makeTempDir();
    const systemHosts = `${folder}/etc/hosts`;
    const warnings: string[] = [];
    try {
      await Deno.mkdir(`${folder}/etc`);
      if (typeof hosts === "string") await Deno.writeTextFile(systemHosts, hosts);
      else if (hosts) await Deno.writeFile(systemHosts, hosts);
      await use({
        folder,
        systemHosts,
        warnings,
        write: (options = {}) =>
          writeNameFiles({
            names: NAMES,
            stateDir: { disable: true },
            writeEtcHosts: true,
            warn: (message) => warnings.push(message),
            systemHosts,
            ...options,
          }),
        hosts: () => Deno.readTextFileSync(systemHosts),
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  };
  Deno.test({ name, fn, ignore });
}

const isUnix = Deno.build.os !== "windows";
const isRoot = isUnix && Deno.uid() === 0;

function namesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

// ---- the state directory ----

scene(
  "the state directory gets hosts, hostaliases and a README, all may read",
  HOSTS,
  async ({ folder, write, warnings, hosts }) => {
    const path = `${folder}/deep/state`;
    const files = await write({ stateDir: { path }, writeEtcHosts: false });
    assert.deepEqual(namesIn(path), ["README.md", "hostaliases", "hosts"]);
    const read = (name: string) => Deno.readTextFileSync(`${path}/${name}`);
    assert.equal(
      read("hosts").replace(/^# of the agent .*\n/m, ""),
      `${HOSTS}# <Added-by-NoRouter>\n${ENTRIES}# </Added-by-NoRouter>\n`,
    );
    assert.equal(
      read("hostaliases"),
      "local 127.0.42.100.nip.io\nweb 127.0.42.101.nip.io\n",
    );
    assert.match(read("README.md"), /hostaliases/);
    if (isUnix) {
      assert.equal(Deno.statSync(path).mode! & 0o777, 0o755);
      for (const name of namesIn(path)) {
        assert.equal(Deno.statSync(`${path}/${name}`).mode! & 0o777, 0o644, name);
      }
    }
    await files.restore();
    assert.equal(namesIn(path).length, 3);
    assert.equal(hosts(), HOSTS);
    assert.deepEqual(namesIn(`${folder}/etc`), ["hosts"]);
    assert.deepEqual(warnings, []);
  },
);

scene(
  "files of an earlier run are replaced, and a link is not followed",
  HOSTS,
  async ({ folder, write, warnings }) => {
    const stateDir = { path: folder };
    await Deno.writeTextFile(`${folder}/hostaliases`, "old ".repeat(1000));
    await Deno.writeTextFile(`${folder}/precious`, "precious");
    await Deno.symlink(`${folder}/precious`, `${folder}/hosts`);
    await write({ stateDir, writeEtcHosts: false });
    assert.equal(Deno.readTextFileSync(`${folder}/precious`), "precious");
    assert.equal(Deno.lstatSync(`${folder}/hosts`).isSymlink, false);
    assert.doesNotMatch(Deno.readTextFileSync(`${folder}/hostaliases`), /old/);
    assert.deepEqual(warnings, []);
  },
  { ignore: !isUnix },
);

scene(
  "a file that cannot be written is named with the cause, and the others are written",
  HOSTS,
  async ({ folder, write, warnings, hosts }) => {
    await Deno.mkdir(`${folder}/hostaliases/x`, { recursive: true });
    await write({ stateDir: { path: folder } });
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /^Cannot write \S+\/hostaliases: [^/]*directory[^/]*$/i);
    assert.deepEqual(
      namesIn(folder).filter((name) => name.startsWith(".")),
      [],
      "something is left",
    );
    assert.match(Deno.readTextFileSync(`${folder}/hosts`), /web/);
    assert.match(Deno.readTextFileSync(`${folder}/README.md`), /NoRouter/);
    assert.match(hosts(), /web/);
  },
  { ignore: !isUnix },
);

scene(
  "a state directory that cannot be made is one warning",
  HOSTS,
  async ({ systemHosts, write, warnings, hosts }) => {
    await write({ stateDir: { path: `${systemHosts}/state` } });
    assert.equal(warnings.length, 1);
    assert.match(
      warnings[0]!,
      /^Cannot make the state directory \S+\/hosts\/state: [^/]+$/,
    );
    assert.match(hosts(), /web/);
  },
);

scene(
  "an unset variable in the path is a warning that names it",
  HOSTS,
  async ({ write, warnings, hosts }) => {
    await write({ stateDir: { path: "${NOROUTER_UNSET}/x" } });
    assert.deepEqual(warnings, [
      'Cannot expand "${NOROUTER_UNSET}/x": the variable NOROUTER_UNSET is not set ' +
      "here; no hosts files are written there",
    ]);
    assert.match(hosts(), /web/);
  },
);

scene(
  "the state directory is ~/.norouter/agent if none is given, and holds the user's aliases",
  HOSTS,
  async ({ folder, systemHosts }) => {
    const given = `${folder}/aliases`;
    await Deno.writeTextFile(given, "# mine\nmine example.com\nweb example.com\nodd\n");
    const script = `
      import { writeNameFiles } from "${new URL("./name_files.ts", import.meta.url)}";
      const systemHosts = ${JSON.stringify(systemHosts)};
      const options = { names: { web: "127.0.0.2" }, systemHosts, warn: console.log };
      await writeNameFiles({ ...options, writeEtcHosts: false });`;
    const { stdout, success } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", "--no-lock", script],
      env: { HOME: folder, HOSTALIASES: given },
      stderr: "inherit",
    }).output();
    assert.ok(success);
    assert.equal(new TextDecoder().decode(stdout), "");
    const path = `${folder}/.norouter/agent/hostaliases`;
    assert.equal(
      Deno.readTextFileSync(path),
      "mine example.com\nweb 127.0.0.2.nip.io\n",
    );
  },
);

// ---- the system's hosts file ----

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

// ---- several agents ----

/** The lines of a file that are no comments. */
function entries(text: string): string[] {
  return text.split("\n").filter((line) => !/^(#|$)/.test(line));
}

for (const last of ["\n", ""]) {
  for (const isFirstFirst of [true, false]) {
    const order = isFirstFirst ? "first" : "last";
    const end = last ? "" : ", in a file without an end of its last line";
    scene(
      `of two agents the one that came ${order} ends, and the other's names stay${end}`,
      "127.0.0.1 localhost" + last,
      async ({ folder, write, hosts, warnings }) => {
        const stateDir = { path: `${folder}/state` };
        const read = (name: string) => Deno.readTextFileSync(`${folder}/state/${name}`);
        const both = [
          await write({ stateDir, names: { web: "127.0.42.1", one: "127.0.42.2" } }),
          await write({ stateDir, names: { web: "127.0.43.1", two: "127.0.43.2" } }),
        ];
        const ones = ["127.0.42.1 web", "127.0.42.2 one"];
        const twos = ["127.0.43.1 web", "127.0.43.2 two"];
        for (const text of [hosts(), read("hosts")]) {
          assert.deepEqual(entries(text), ["127.0.0.1 localhost", ...twos, ...ones]);
          assert.equal(text.split("# <Added-by-NoRouter>").length, 2);
        }
        assert.deepEqual(entries(read("hostaliases")), [
          "web 127.0.43.1.nip.io",
          "two 127.0.43.2.nip.io",
          "one 127.0.42.2.nip.io",
        ]);
        const left = isFirstFirst ? twos : ones;
        await both[isFirstFirst ? 0 : 1]!.restore();
        for (const text of [hosts(), read("hosts")]) {
          assert.deepEqual(entries(text), ["127.0.0.1 localhost", ...left]);
        }
        assert.deepEqual(
          entries(read("hostaliases")),
          left.map((line) => line.replace(/(\S+) (\S+)/, "$2 $1.nip.io")),
        );
        await both[isFirstFirst ? 1 : 0]!.restore();
        assert.equal(hosts(), "127.0.0.1 localhost" + last);
        assert.deepEqual(entries(read("hosts")), ["127.0.0.1 localhost"]);
        assert.equal(read("hostaliases"), "");
        assert.deepEqual(warnings, []);
      },
    );
  }
}

scene(
  "agents that begin and end at the same moment lose nobody's names",
  HOSTS,
  async ({ folder, write, hosts, warnings }) => {
    const stateDir = { path: `${folder}/state` };
    const numbers = Array.from({ length: 8 }, (_, number) => number);
    const all = await Promise.all(
      numbers.map((number) =>
        write({ stateDir, names: { [`host${number}`]: `127.0.42.${number}` } })
      ),
    );
    const names = numbers.map((number) => `127.0.42.${number} host${number}`);
    assert.deepEqual(entries(hosts()).slice(2).sort(), names);
    const state = () => Deno.readTextFileSync(`${folder}/state/hosts`);
    assert.deepEqual(entries(state()).slice(2).sort(), names);
    await Promise.all(all.slice(1).map((files) => files.restore()));
    assert.deepEqual(entries(hosts()).slice(2), names.slice(0, 1));
    assert.deepEqual(entries(state()).slice(2), names.slice(0, 1));
    await all[0]!.restore();
    assert.equal(hosts(), HOSTS);
    assert.deepEqual(warnings, []);
  },
  { ignore: !isUnix },
);

scene(
  "the names of an agent that was killed go with the next one, those of one that runs do not",
  HOSTS,
  async ({ folder, systemHosts, write, hosts }) => {
    const stateDir = { path: `${folder}/state` };
    await using other = await otherAgent({ systemHosts, stateDir });
    const both = ["127.0.42.101 web", "127.0.43.1 far"];
    const mine = await write({ stateDir, names: { web: "127.0.42.101" } });
    const state = () => Deno.readTextFileSync(`${folder}/state/hosts`);
    for (const text of [hosts(), state()]) assert.deepEqual(entries(text).slice(2), both);
    await mine.restore();
    for (const text of [hosts(), state()]) {
      assert.deepEqual(entries(text).slice(2), both.slice(1));
    }
    await other.kill();
    const next = await write({ stateDir, names: { web: "127.0.42.101" } });
    for (const text of [hosts(), state()]) {
      assert.deepEqual(entries(text).slice(2), both.slice(0, 1));
    }
    await next.restore();
    assert.equal(hosts(), HOSTS);
  },
  { ignore: Deno.build.os !== "linux" },
);

const OLD_OF = (process: number) =>
  `# <Added-by-NoRouter>\n# of the agent 1f0c3a2b, process ${process}\n` +
  `127.0.42.9 old\n# </Added-by-NoRouter>\n`;

scene(
  "what an earlier version wrote stays while its agent runs",
  HOSTS + OLD_OF(Deno.ppid),
  async ({ write, hosts }) => {
    const files = await write({ names: { web: "127.0.42.101" } });
    assert.deepEqual(entries(hosts()).slice(2), ["127.0.42.101 web", "127.0.42.9 old"]);
    await files.restore();
    assert.equal(hosts(), HOSTS + OLD_OF(Deno.ppid));
  },
  { ignore: !isUnix },
);

scene(
  "what an earlier version wrote goes once its agent has ended",
  HOSTS + OLD_OF(4_194_999),
  async ({ write, hosts }) => {
    const files = await write({ names: { web: "127.0.42.101" } });
    assert.deepEqual(entries(hosts()).slice(2), ["127.0.42.101 web"]);
    await files.restore();
    assert.equal(hosts(), HOSTS);
  },
  { ignore: !isUnix },
);

for (const [what, days] of [["stay", 3], ["go after a month", 40]] as const) {
  const date = new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10);
  scene(
    `names of an agent that counts its processes elsewhere ${what}`,
    `# <Added-by-NoRouter>\n# of the agent 1f0c3a2b, process 1 of pod-4026532001 since 9, ` +
      `${date}\n127.0.42.9 beside\n# </Added-by-NoRouter>\n`,
    async ({ write, hosts }) => {
      await (await write({ names: { web: "127.0.42.101" } })).restore();
      assert.deepEqual(entries(hosts()), days < 30 ? ["127.0.42.9 beside"] : []);
    },
  );
}

/** An agent in a process of its own, which has written its names. */
async function otherAgent(options: Partial<NameFilesOptions>) {
  const all = { names: { far: "127.0.43.1" }, writeEtcHosts: true, ...options };
  const script = `
    import { writeNameFiles } from "${new URL("./name_files.ts", import.meta.url)}";
    await writeNameFiles({ ...${JSON.stringify(all)}, warn: console.error });
    console.log("written");
    await new Response(Deno.stdin.readable).text();`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-lock", script],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  const kill = async () => {
    try {
      child.kill("SIGKILL");
    } catch { /* it has ended */ }
    await child.status;
  };
  return {
    kill,
    async [Symbol.asyncDispose]() {
      await kill();
      await Promise.all([reader.cancel(), child.stdin.close().catch(() => {})]);
    },
  };
}

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
