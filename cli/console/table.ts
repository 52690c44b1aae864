/**
 * The table of hosts that `norouter up` prints at the start.
 *
 * @module
 */
import type { HostSpec, Manifest } from "../../manifest/manifest.ts";
import { describeReach } from "../../install/reach.ts";
import type { Transport } from "../../transports/mod.ts";
import { builtinTransports } from "../../transports/registry.ts";
import { formatIpv4 } from "../../wire/ip/ipv4.ts";
import { columns } from "./columns.ts";

/** Characters of a command that are shown however narrow the terminal is. */
const LEAST_COMMAND = 20;

/** Further input of the table. */
export interface TableOptions {
  /** The transports of the manifest's plug-ins. */
  readonly plugins?: readonly Transport[];
  /** Columns of the terminal, at which commands are cut; absent to show them whole. */
  readonly width?: number;
}

/** The hosts for the user's eye: name, address, ports, and how reached. */
export function hostTable(
  { hosts }: Manifest,
  { plugins = [], width = Infinity }: TableOptions = {},
): string {
  const rows = [
    ["HOST", "VIP", "PORTS", "REACHED BY"],
    ...hosts.map((host) => row(host, plugins)),
  ];
  const before = columns(rows.map((cells) => [...cells.slice(0, -1), "|"])).indexOf("|");
  const most = Math.max(LEAST_COMMAND, width - before);
  return columns(rows.map((cells) => [...cells.slice(0, -1), cut(cells.at(-1)!, most)]));
}

function row(host: HostSpec, plugins: readonly Transport[]): string[] {
  const ports = host.ports.map(({ listenPort }) => listenPort).join(", ");
  return [host.name, formatIpv4(host.vip), ports || "-", reachedBy(host, plugins)];
}

function cut(text: string, most: number): string {
  return text.length > most ? text.slice(0, most - 1) + "…" : text;
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
