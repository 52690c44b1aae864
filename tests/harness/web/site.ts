/**
 * A private network behind a bastion, with a web server and a name server.
 *
 * @module
 */
import { run } from "../scene/process.ts";
import type { Namespace } from "../scene/namespace.ts";
import type { Scene } from "../scene/scene.ts";
import type { Process } from "../scene/process.ts";
import type { SiteServerOptions } from "./site_server.ts";

const SERVER = new URL("./site_server.ts", import.meta.url).pathname;

/** A private network, a /24. */
export interface SitePlan {
  /** The name that the web server tells. */
  readonly name: string;
  /** Its first three numbers: `192.168.95`; the bastion gets .1, the servers .10. */
  readonly network: string;
  /** Further addresses of the server there, by their last number. */
  readonly more?: readonly number[];
  /** A range that the server has all of, each address its own: `10.95.0.0/16`. */
  readonly range?: string;
  /** Addresses by name of its name server, at .10. */
  readonly names?: Readonly<Record<string, string>>;
}

/** Starts the servers of a machine, or of a private network, and waits for them. */
export async function startServers(
  scene: Scene,
  namespace: Namespace,
  options: SiteServerOptions,
): Promise<Process> {
  const command = [Deno.execPath(), "run", "--quiet", "-A", SERVER];
  const server = scene.start(
    `servers of ${options.name}`,
    [...command, JSON.stringify(options)],
    { namespace },
  );
  await server.line(/listening/);
  return server;
}

/** The bastion's interface into its private network. */
const LINK = "private0";

/** Attaches a private network to a bastion; gives the namespace of its server. */
export async function attachSite(
  scene: Scene,
  bastion: Namespace,
  { name, network, more = [], range, names }: SitePlan,
): Promise<Namespace> {
  const inside = await scene.namespace();
  const server = `${network}.10`;
  const pair = ["link", "add", LINK, "type", "veth", "peer", "name", "eth0"];
  await run(["ip", "-n", bastion.name, ...pair, "netns", inside.name]);
  const links: [Namespace, string, string[]][] = [
    [bastion, LINK, [`${network}.1`]],
    [inside, "eth0", [server, ...more.map((last) => `${network}.${last}`)]],
  ];
  for (const [{ name: namespace }, link, addresses] of links) {
    for (const address of addresses) {
      await run(["ip", "-n", namespace, "addr", "add", `${address}/24`, "dev", link]);
    }
    await run(["ip", "-n", namespace, "link", "set", link, "up"]);
  }
  if (range !== undefined) {
    await run(["ip", "-n", inside.name, "route", "add", "local", range, "dev", "lo"]);
    await run(["ip", "-n", bastion.name, "route", "add", range, "via", server]);
  }
  await startServers(scene, inside, {
    name,
    web: ["0.0.0.0:80"],
    ...(names !== undefined && { dns: { address: server, names } }),
  });
  return inside;
}
