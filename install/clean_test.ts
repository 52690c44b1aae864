/**
 * What is found and removed on hosts.
 *
 * @module
 */
import assert from "node:assert/strict";
import { writeNameFiles } from "../agent/name_files/name_files.ts";
import { StandInKeeper } from "./_keeper.ts";
import { hostTest, SHELLS, testAgent, type TestHost, WORDS } from "./_host.ts";
import { cleanHost, type CleanOptions } from "./clean.ts";

const PLACE = "home/.cache/norouter";

async function clean(
  host: TestHost,
  options: Partial<CleanOptions> = {},
): Promise<string[]> {
  const all = { list: false, state: "~/.norouter/agent", ...options };
  const items = await cleanHost(host.transport(), {}, all, host.context);
  return items.map(({ state, path }) => `${state} ${path}`).sort();
}

/** Lays out what an agent leaves that unpacks itself; used by this process if `isUsed`. */
async function layTree(host: TestHost, hash: string, isUsed: boolean): Promise<void> {
  const folder = `${host.root}/${PLACE}/${hash}`;
  await Deno.mkdir(`${folder}/used`, { recursive: true });
  await Deno.writeTextFile(`${host.root}/${PLACE}/agent-${hash}-3`, "old");
  await Deno.writeTextFile(`${folder}/deno`, "old");
  const node = `${Deno.hostname()}-${Deno.readLinkSync("/proc/self/ns/pid").slice(4)}`;
  if (isUsed) await Deno.writeTextFile(`${folder}/used/${Deno.pid}.${node}`, "");
}

for (const shell of SHELLS) {
  hostTest(
    `${shell}: the folder of an agent that has outlived its link stays, and goes after it`,
    { shell },
    async (host) => {
      await using keeper = await StandInKeeper.make(`${host.root}/tmp`);
      const path = keeper.folder.slice(host.root.length);
      for (const list of [true, false]) {
        assert.deepEqual(await clean(host, { list }), [`used ${path}`]);
      }
      // As if its process had ended, and another had its number.
      await Deno.writeTextFile(`${keeper.folder}/pid`, `${Deno.pid} 1\n`);
      assert.deepEqual(await clean(host, { list: true }), [`left ${path}`]);
      assert.deepEqual(await clean(host), [`gone ${path}`]);
      assert.deepEqual(host.list("tmp"), []);
    },
  );

  hostTest(
    `${shell}: what no process uses is listed, and removed`,
    { shell },
    async (host) => {
      assert.deepEqual(await clean(host), []);
      const x64 = testAgent();
      assert.equal(await host.speak({ files: { x64, arm64: x64 } }), WORDS);
      await layTree(host, "00000000000000aa", true);
      await layTree(host, "00000000000000bb", false);
      await Deno.writeTextFile(`${host.root}/${PLACE}/mine`, "not norouter's");
      const state = `${host.root}/home/.norouter/agent`;
      await Deno.mkdir(state, { recursive: true });
      for (const name of ["hosts", "hostaliases"]) {
        await Deno.writeTextFile(`${state}/${name}`, "");
      }
      const place = `/mnt/${PLACE}`;
      const used = [`${place}/00000000000000aa`, `${place}/agent-00000000000000aa-3`];
      const unused = [
        `${place}/00000000000000bb`,
        `${place}/agent-00000000000000bb-3`,
        `${place}/agent-${x64.name}`,
      ];
      const names = "/mnt/home/.norouter/agent";
      assert.deepEqual(
        await clean(host, { list: true }),
        [
          ...used.map((path) => `used ${path}`),
          ...[...unused, names].map((path) => `left ${path}`),
        ].sort(),
      );
      assert.deepEqual(
        await clean(host),
        [
          ...[...used, names].map((path) => `used ${path}`),
          ...unused.map((path) => `gone ${path}`),
        ].sort(),
      );
      assert.deepEqual(
        host.list(PLACE),
        ["00000000000000aa", "agent-00000000000000aa-3", "mine"],
      );
      await Deno.remove(`${host.root}/${PLACE}/00000000000000aa/used`, {
        recursive: true,
      });
      await clean(host);
      assert.deepEqual(host.list(PLACE), ["mine"]);
      assert.deepEqual(host.list("home"), [".cache"]);
    },
  );
}

hostTest("a place of another user is told and left", {}, async (host) => {
  const folder = `${host.root}/tmp/norouter-0`;
  await Deno.mkdir(folder);
  await Deno.writeTextFile(`${folder}/agent-00000000000000aa-3`, "his");
  await Deno.chown(folder, 1501, 1501);
  assert.deepEqual(await clean(host), []);
  assert.deepEqual(host.list("tmp/norouter-0"), ["agent-00000000000000aa-3"]);
  assert.match(host.logged.join(), /\/tmp\/norouter-0: it belongs to user 1501/);
});

hostTest(
  "a command that is no shell is told by its words",
  { without: ["sh"] },
  async (host) => {
    await assert.rejects(clean(host), /exited with status 127: .*No such file/);
  },
);

hostTest(
  "names of an agent that runs stay, though nothing runs from the places",
  {},
  async (host) => {
    const path = `${host.root}/home/.norouter/agent`;
    const stateDir = { path };
    const names = { web: "127.0.42.101" };
    const warn = (message: string) => assert.fail(message);
    const files = await writeNameFiles({ names, stateDir, writeEtcHosts: false, warn });
    const place = "/mnt/home/.norouter/agent";
    assert.deepEqual(await clean(host, { list: true }), [`used ${place}`]);
    assert.deepEqual(await clean(host), [`used ${place}`]);
    await files.restore();
    assert.deepEqual(await clean(host), [`gone ${place}`]);
    assert.deepEqual(host.list("home"), []);
  },
);

const OWN_ETC = `mkdir -p /mnt/etc; cp /etc/passwd /etc/group /mnt/etc; ` +
  `mount --bind /mnt/etc /etc`;

hostTest(
  "the backup of the hosts file goes once no names are in that",
  { prepare: OWN_ETC },
  async (host) => {
    await Deno.mkdir(`${host.root}/etc`);
    const hosts = `${host.root}/etc/hosts`;
    await Deno.writeTextFile(hosts, "127.0.0.1 localhost\n");
    assert.deepEqual(await clean(host), []);
    await Deno.writeTextFile(`${hosts}.bak.norouter`, "127.0.0.1 localhost\n");
    await Deno.writeTextFile(hosts, "# <Added-by-NoRouter>\n# </Added-by-NoRouter>\n");
    assert.deepEqual(await clean(host), ["used /etc/hosts.bak.norouter"]);
    await Deno.writeTextFile(hosts, "127.0.0.1 localhost\n");
    assert.deepEqual(await clean(host, { list: true }), ["left /etc/hosts.bak.norouter"]);
    assert.deepEqual(await clean(host), ["gone /etc/hosts.bak.norouter"]);
    assert.deepEqual(await clean(host), []);
    assert.deepEqual(host.logged, []);
  },
);

hostTest(
  "the backup of another user is told and left",
  { prepare: OWN_ETC, uid: 1234 },
  async (host) => {
    await Deno.mkdir(`${host.root}/etc`);
    await Deno.writeTextFile(`${host.root}/etc/hosts.bak.norouter`, "");
    assert.deepEqual(await clean(host), []);
    assert.match(host.logged.join(), /hosts\.bak\.norouter: it belongs to another user/);
  },
);

hostTest(
  "what the portable executable unpacked into other folders of the user goes too",
  { env: ["HOME=/mnt/home", "XDG_CACHE_HOME=/mnt/cache", "XDG_RUNTIME_DIR=/mnt/run/"] },
  async (host) => {
    for (const name of ["cache", "run"]) {
      const folder = `${host.root}/${name}/norouter/00000000000000aa`;
      await Deno.mkdir(folder, { recursive: true });
      await Deno.chmod(`${host.root}/${name}`, 0o700);
      await Deno.writeTextFile(`${folder}/ok`, "");
    }
    assert.deepEqual(await clean(host), [
      "gone /mnt/cache/norouter/00000000000000aa",
      "gone /mnt/run/norouter/00000000000000aa",
    ]);
  },
);
