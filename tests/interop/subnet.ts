/**
 * A private network behind a bastion: 192.168.95.0/24, with a web server and a name
 * server.
 *
 * @module
 */
import type { Namespace } from "../harness/scene/namespace.ts";
import { run } from "../harness/scene/process.ts";
import type { Scene } from "../harness/scene/scene.ts";
import { python } from "./programs.ts";

/** An address in the network that the routes name. */
export const ROUTED_ADDRESS = "192.168.95.10";
/** The address of {@linkcode NAME}, which no route names: it has to be learnt. */
export const LEARNT_ADDRESS = "192.168.95.11";
/** A name that only the network's name server knows. */
export const NAME = "www.private.test";

/** What leads into the network. */
export const ROUTES = [`${ROUTED_ADDRESS}/32`, "*.private.test"];

/** A command, made one whose resolver is the private network's name server. */
export type Resolving = (command: readonly string[]) => string[];

/** Attaches a private network to the bastion; its web server answers `private` and the path. */
export async function attachSubnet(scene: Scene, bastion: Namespace): Promise<Resolving> {
  const inside = await scene.namespace();
  const pair = ["link", "add", "private0", "type", "veth", "peer", "name", "eth0"];
  await run(["ip", "-n", bastion.name, ...pair, "netns", inside.name]);
  for (
    const [{ name }, link, ...addresses] of [
      [bastion, "private0", "192.168.95.1"],
      [inside, "eth0", ROUTED_ADDRESS, LEARNT_ADDRESS],
    ] as const
  ) {
    for (const address of addresses) {
      await run(["ip", "-n", name, "addr", "add", `${address}/24`, "dev", link]);
    }
    await run(["ip", "-n", name, "link", "set", link, "up"]);
  }
  await scene.server(inside, "http", "0.0.0.0:80", "private");
  const serving = python("name_server.py", ROUTED_ADDRESS, `${NAME}=${LEARNT_ADDRESS}`);
  await scene.start("name server", serving, { namespace: inside }).line(/listening/);

  const resolvers = `${await scene.folder()}/resolv.conf`;
  await Deno.writeTextFile(resolvers, `nameserver ${ROUTED_ADDRESS}\n`);
  // `ip netns exec` gives each command mounts of its own, so nobody else sees this one.
  const mount = `mount --bind ${resolvers} /etc/resolv.conf && exec "$@"`;
  return (command) => ["sh", "-c", mount, "sh", ...command];
}
