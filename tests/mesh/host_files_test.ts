/**
 * The names of the mesh as files: in the agent's state directory, and in the hosts file.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type Machine, makeMachine, PLAIN_HOSTS } from "../harness/scene/machine.ts";
import { NOROUTER } from "../harness/scene/mesh.ts";
import { run } from "../harness/scene/process.ts";
import { e2e } from "../harness/scene/scene.ts";
import { until } from "../harness/scene/wait.ts";

const BEGIN = "# <Added-by-NoRouter>";
const END = "# </Added-by-NoRouter>";
const ALIASES = ["web.example.com"];
const NAMES = [
  ["127.0.42.100", "laptop"],
  ["127.0.42.101", "web"],
  ["127.0.42.101", "web.example.com"],
] as const;

/** The names between the markers of a hosts file. */
function regionOf(text: string): string[][] {
  const [, region] = text.match(new RegExp(`^${BEGIN}\n(.*\n)${END}$`, "ms")) ?? [];
  if (region === undefined) throw new Error(`no region in ${JSON.stringify(text)}`);
  return region.split("\n").filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(/\s+/));
}

/** Waits for a region: an agent is ready before it has written its files. */
async function regionIn(path: string): Promise<string> {
  return await until(`the names of the mesh in ${path}`, async () => {
    const text = await Deno.readTextFile(path).catch(() => "");
    return text.includes(END) ? text : "";
  });
}

/** Where programs find Deno's cache; it must not move with HOME. */
async function denoFolder(): Promise<string> {
  return JSON.parse(await run([Deno.execPath(), "info", "--json"])).denoDir;
}

e2e(
  "agents leave the names of the mesh in their home, or where the manifest says",
  async (scene) => {
    const laptop = await makeMachine(scene);
    const web = await makeMachine(scene);
    const folder = await scene.folder();
    const denoDir = await denoFolder();
    const at = (home: string, cmd: readonly string[]) => [
      "env",
      `HOME=${folder}/${home}`,
      `DENO_DIR=${denoDir}`,
      `PLACE=${folder}/place`,
      ...cmd,
    ];
    const hosts = {
      laptop: { vip: "127.0.42.100", stateDir: { disable: true } },
      web: {
        vip: "127.0.42.101",
        cmd: web.command(...at("a", NOROUTER)),
        aliases: ALIASES,
      },
      other: {
        vip: "127.0.42.102",
        cmd: (await makeMachine(scene)).command(...at("b", NOROUTER)),
        stateDir: { pathOnAgent: "${PLACE}/of other" },
      },
    };
    const manager = await scene.manager(JSON.stringify({ hosts }), laptop);
    for (const name of Object.keys(hosts)) await manager.ready(name);

    const names = [...NAMES, ["127.0.42.102", "other"]];
    for (const place of ["a/.norouter/agent", "place/of other"]) {
      const read = (name: string) => Deno.readTextFile(`${folder}/${place}/${name}`);
      const text = await regionIn(`${folder}/${place}/hosts`);
      assert.ok(text.startsWith(PLAIN_HOSTS), text);
      assert.deepEqual(regionOf(text), names);
      // It is written last.
      const readme = await until("README.md", () => read("README.md").catch(() => ""));
      assert.match(readme, /hostaliases/i);
      // What has a dot cannot have an alias.
      const aliases = (await read("hostaliases")).trim().split("\n");
      assert.deepEqual(aliases, [
        "laptop 127.0.42.100.nip.io",
        "web 127.0.42.101.nip.io",
        "other 127.0.42.102.nip.io",
      ]);
    }
    const inB = await Array.fromAsync(Deno.readDir(`${folder}/b`)).catch(() => []);
    assert.deepEqual(inB, []);
    manager.signal("SIGTERM");
    assert.equal((await manager.end()).code, 0);
    assert.equal(await Deno.readTextFile(laptop.hosts), PLAIN_HOSTS);
    assert.equal(await Deno.readTextFile(web.hosts), PLAIN_HOSTS);
  },
);

e2e(
  "the names are in the hosts file of the system until the mesh ends",
  async (scene) => {
    const before = "127.0.0.1 localhost\n::1 localhost # caf\u00e9\n\n10.1.2.3 mine";
    const machines = {
      laptop: await makeMachine(scene, { hosts: before }),
      web: await makeMachine(scene, { hosts: before, hostsMount: "writable" }),
      stubborn: await makeMachine(scene, { hosts: before, hostsMount: "read-only" }),
      other: await makeMachine(scene, { hosts: before }),
    };
    const agentIn = (machine: Machine) => machine.command(...NOROUTER);
    const manifest = {
      hostTemplate: { stateDir: { disable: true }, writeEtcHosts: true },
      hosts: {
        laptop: { vip: "127.0.42.100" },
        web: { vip: "127.0.42.101", cmd: agentIn(machines.web), aliases: ALIASES },
        stubborn: { vip: "127.0.42.102", cmd: agentIn(machines.stubborn) },
        other: {
          vip: "127.0.42.103",
          cmd: agentIn(machines.other),
          writeEtcHosts: false,
        },
      },
    };
    const { laptop } = machines;
    const manager = await scene.manager(JSON.stringify(manifest), laptop);
    for (const name of Object.keys(manifest.hosts)) await manager.ready(name);

    const names = [...NAMES, ["127.0.42.102", "stubborn"], ["127.0.42.103", "other"]];
    for (const machine of [laptop, machines.web]) {
      // Written while the agent's answer is on its way.
      await until(
        "the names to be written",
        () => Deno.readTextFileSync(machine.hosts).includes(END),
      );
      const text = await Deno.readTextFile(machine.hosts);
      assert.ok(text.startsWith(`${before}\n${BEGIN}\n`), text);
      assert.deepEqual(regionOf(text), names);
      const found = await run(["getent", "hosts", "web.example.com"], {
        namespace: machine,
      });
      assert.match(found, /^127\.0\.42\.101\s/);
    }
    await manager.line(/warn.*stubborn\b.*Cannot write \/etc\/hosts: .*read-only/i);
    for (const machine of [machines.stubborn, machines.other]) {
      assert.equal(await Deno.readTextFile(machine.hosts), before);
    }
    for (const machine of [laptop, machines.web]) {
      const backup = `${machine.etc}/hosts.bak.norouter`;
      assert.equal(await Deno.readTextFile(backup), before);
    }

    manager.signal("SIGINT");
    assert.equal((await manager.end()).code, 0);
    for (const machine of Object.values(machines)) {
      assert.equal(await Deno.readTextFile(machine.hosts), before);
      const etc = await Array.fromAsync(Deno.readDir(machine.etc), ({ name }) => name);
      assert.deepEqual(etc.filter((name) => name.includes(".tmp")), []);
    }
  },
  { needs: ["getent"] },
);
