/**
 * Reach: the way to open a link to a host, and its name for messages.
 *
 * @module
 */

import config from "../deno.json" with { type: "json" };
import { openInstalled } from "../install/open.ts";
import { describeReach, isInstalled } from "../install/reach.ts";
import { Uploads } from "../install/uploads.ts";
import { WayBack } from "../install/way_back.ts";
import type { HostSpec } from "../manifest/manifest.ts";
import type { Link, OpenContext, Transport } from "../transports/mod.ts";

/** The way to a host. */
export interface Reach {
  /** The command or address of the link, for messages. */
  readonly command: string;
  /** Opens a link, as a transport does. */
  open(context: OpenContext): Promise<Link>;
}

/** The way to a host by its transport, with an agent sent ahead if need be, or in this process. */
export function reachOf(
  { name, transport: chosen, install, installPath }: HostSpec,
  transports: ReadonlyMap<string, Transport>,
): Reach {
  if (!chosen) {
    return {
      command: "the agent in this process",
      async open(context) {
        // Loaded while the commands of other hosts start.
        const { openLocalAgent } = await import("./local.ts");
        return await openLocalAgent(context, config.version);
      },
    };
  }
  const transport = transports.get(chosen.name);
  if (!transport) throw new Error(`No transport "${chosen.name}" for host "${name}"`);
  const uploads = new Uploads();
  const wayBack = new WayBack();
  return {
    command: describeReach(transport, chosen.options, install),
    open: (context) =>
      !isInstalled(transport, chosen.options, install)
        ? transport.open(chosen.options, context)
        : openInstalled(transport, chosen.options, {
          mode: install,
          path: installPath,
          uploads,
          wayBack,
        }, context),
  };
}
