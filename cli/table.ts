// The table of hosts that `norouter up` prints when it starts.
import type { HostSpec, Manifest } from "../manifest/manifest.ts";
import { builtinTransports } from "../transports/registry.ts";
import { formatIpv4 } from "../wire/ipv4.ts";
import { columns } from "./columns.ts";

/** Characters of a command that are shown. */
const MAX_COMMAND = 60;

/** The hosts with what a user wants to know: name, address, ports, and how reached. */
export function hostTable({ hosts }: Manifest): string {
  const rows = [["HOST", "VIP", "PORTS", "REACHED BY"], ...hosts.map(row)];
  return columns(rows);
}

function row(host: HostSpec): string[] {
  const ports = host.ports.map(({ listenPort }) => listenPort).join(", ");
  const reached = reachedBy(host).replaceAll(/\s+/g, " "); // a command may have lines
  const short = reached.length > MAX_COMMAND
    ? reached.slice(0, MAX_COMMAND - 1) + "…"
    : reached;
  return [host.name, formatIpv4(host.vip), ports || "-", short];
}

/** What says how a host is reached: for a command, the command. */
export function reachedBy({ transport }: HostSpec): string {
  if (!transport) return "(this machine)";
  return builtinTransports.get(transport.name)?.describe(transport.options) ??
    transport.name;
}
