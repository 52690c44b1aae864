/**
 * Every target by every way from every client, with real curl.
 *
 * @module
 */
import assert from "node:assert/strict";
import { makeMachine } from "../harness/scene/machine.ts";
import { NOROUTER } from "../harness/scene/mesh.ts";
import type { Namespace } from "../harness/scene/namespace.ts";
import { e2e } from "../harness/scene/scene.ts";
import { until } from "../harness/scene/wait.ts";
import { attachSite, startServers } from "../harness/web/site.ts";
import { answersOf, PROXIES, PROXY_WAYS, WAYS } from "../harness/web/ways.ts";

/** Faults shown: many cells fail for one reason. */
const MOST_TOLD = 10;

/** What a cell asks for, and who has to answer it. */
interface Target {
  readonly what: string;
  readonly authority: string;
  readonly name: string;
  /** Whom the server has to see. */
  readonly from: string;
}

function hostTargets(name: string, vip: string): Target[] {
  const from = "127.0.0.1"; // its own agent
  return [
    { what: `the host ${name}`, authority: `${name}:8080`, name, from },
    { what: `an alias of ${name}`, authority: `${name}.example.com:8080`, name, from },
    { what: `the VIP of ${name}`, authority: `${vip}:8080`, name, from },
  ];
}

function siteTargets(name: string, network: string): Target[] {
  const from = `${network}.1`; // the bastion
  return [
    { what: `an address in ${name}`, authority: `${network}.10`, name, from },
    { what: `a name in ${name}`, authority: `web.${name}.example`, name, from },
  ];
}

/** All cells of a client that went wrong; empty if none did. */
async function faultsOf(
  client: string,
  namespace: Namespace,
  cells: [way: string, options: readonly string[], targets: readonly Target[]][],
): Promise<string[]> {
  const faults: string[] = [];
  for (const [way, options, targets] of cells) {
    for (const { what, authority, name, from } of targets) {
      const path = `/${encodeURIComponent(way)}`;
      const cell = `${client} to ${what} by ${way}`;
      try {
        const url = `http://${authority}${path}`;
        const [answer] = await answersOf(namespace, ...options, url);
        const { at: _, ...told } = answer!;
        assert.deepEqual(told, { name, from, path });
      } catch (error) {
        faults.push(`${cell}: ${(error as Error).message}`);
      }
    }
  }
  return faults;
}

e2e("every target is reached by every way from every host", async (scene) => {
  const laptop = await makeMachine(scene);
  const web = await makeMachine(scene);
  const gates = await Promise.all(["95", "96"].map(async (number) => {
    const name = `subnet${number}`;
    const network = `192.168.${number}`;
    const gate = await makeMachine(scene, { nameServer: `${network}.10` });
    const names = { [`web.${name}.example`]: `${network}.10` };
    await attachSite(scene, gate, { name, network, names });
    return { name, network, gate };
  }));
  for (const [name, machine] of Object.entries({ laptop, web })) {
    await startServers(scene, machine, { name, web: ["127.0.0.1:80"] });
  }
  const host = (name: string, vip: string) => ({
    vip,
    aliases: [`${name}.example.com`],
    ports: ["8080:127.0.0.1:80"],
    writeEtcHosts: true,
    ...PROXIES,
  });
  const manifest = {
    hostTemplate: { stateDir: { disable: true } },
    hosts: {
      laptop: host("laptop", "127.0.42.100"),
      web: { ...host("web", "127.0.42.101"), cmd: web.command(...NOROUTER) },
      ...Object.fromEntries(gates.map(({ name, gate }, index) => [
        `gate-of-${name}`,
        { vip: `127.0.42.${110 + index}`, cmd: gate.command(...NOROUTER) },
      ])),
    },
    routes: gates.map(({ name, network }) => ({
      via: `gate-of-${name}`,
      to: [`${network}.0/24`, `*.${name}.example`],
    })),
  };
  // YAML takes JSON as it is.
  const manager = await scene.manager(JSON.stringify(manifest), laptop);
  for (const name of Object.keys(manifest.hosts)) await manager.ready(name);

  for (const { hosts } of [laptop, web]) {
    const isThere = async () => (await Deno.readTextFile(hosts)).includes("Added-by-");
    await until(`the names of the mesh in ${hosts}`, isThere);
  }

  const inMesh = [
    ...hostTargets("laptop", "127.0.42.100"),
    ...hostTargets("web", "127.0.42.101"),
  ];
  const targets = [
    ...inMesh,
    ...gates.flatMap(({ name, network }) => siteTargets(name, network)),
  ];
  const cells: Parameters<typeof faultsOf>[2] = [
    ["loopback", WAYS.loopback, inMesh],
    ...Object.entries(PROXY_WAYS).map((
      [way, options],
    ): [string, readonly string[], Target[]] => [way, options, targets]),
  ];
  const faults = await Promise.all([
    faultsOf("laptop", laptop, cells),
    faultsOf("web", web, cells),
  ]);
  assert.deepEqual(faults.flat().slice(0, MOST_TOLD), []);
}, { needs: ["curl"] });
