/**
 * The table of hosts that `norouter up` prints when it starts.
 *
 * @module
 */
import type { HostSpec, Manifest } from "../../manifest/manifest.ts";
import { describeReach } from "../../install/reach.ts";
import type { Transport } from "../../transports/mod.ts";
import { builtinTransports } from "../../transports/registry.ts";
import { formatIpv4 } from "../../wire/ip/ipv4.ts";
import { columns } from "./columns.ts";

/** Characters of a command that are shown. */
const MAX_COMMAND = 60;

/** The hosts for the user's eye: name, address, ports, and how reached. */
export function hostTable(
  { hosts }: Manifest,
  plugins: readonly Transport[] = [],
): string {
  const rows = [
    ["HOST", "VIP", "PORTS", "REACHED BY"],
    ...hosts.map((host) => row(host, plugins)),
  ];
  return columns(rows);
}

function row(host: HostSpec, plugins: readonly Transport[]): string[] {
  const ports = host.ports.map(({ listenPort }) => listenPort).join(", ");
  const reached = reachedBy(host, plugins);
  const short = reached.length > MAX_COMMAND
    ? reached.slice(0, MAX_COMMAND - 1) + "…"
    : reached;
  return [host.name, formatIpv4(host.vip), ports || "-", short];
}

/** How a host is reached: for a command, the command. */
export function reachedBy(
  { transport, install }: HostSpec,
  plugins: readonly Transport[] = [],
): string {
  if (!transport) return "(this machine)";
  const { name, options } = transport;
  const known = builtinTransports.get(name) ?? plugins.find((each) => each.name === name);
  return known ? describeReach(known, options, install) : name;
}
