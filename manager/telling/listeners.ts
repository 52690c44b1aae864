/**
 * Listeners that an agent could not open, explained: which line of the manifest asks for
 * them, and how the user can help.
 *
 * The name servers of the VIPs tell whether another mesh has an address: nobody else
 * listens at port 10053 of a VIP. All listeners of such addresses are a single event.
 *
 * @module
 */

import { canonicalAddress } from "../../manifest/address.ts";
import { formatPosition, type Position } from "../../manifest/source/diagnostic.ts";
import type { HostSpec, Manifest } from "../../manifest/manifest.ts";
import type { ListenerStatus } from "../../wire/control/control.ts";
import { formatHostPort } from "../../wire/text.ts";
import { formatIpv4 } from "../../wire/ip/ipv4.ts";
import type {
  AddressesTakenEvent,
  ListenerFailedEvent,
  ListenersUpEvent,
} from "../events.ts";

/** Addresses that a message names. */
const MOST_SHOWN = 4;

/** A host of the mesh, and its machine. */
export interface Neighbour {
  /** Its name. */
  readonly name: string;
  /** The machine's id by the host's agent; undefined if the agent tells none. */
  readonly machine: string | undefined;
}

/** The failed listeners of a host, in as few events as possible. */
export function listenersFailed(
  manifest: Manifest,
  host: HostSpec,
  { listeners, machine, others }: {
    readonly listeners: readonly ListenerStatus[];
    readonly machine: string | undefined;
    readonly others: readonly Neighbour[];
  },
): (ListenerFailedEvent | AddressesTakenEvent)[] {
  const failed = listeners.filter(({ error }) => error);
  const inUse = ({ kind, error }: ListenerStatus) =>
    error?.code === "EADDRINUSE" && (kind === "dns" || kind === "loopback");
  const ips = new Set(
    failed.filter((status) => status.kind === "dns" && inUse(status))
      .map(({ address }) => splitAddress(address)[0]),
  );
  const isTaken = (status: ListenerStatus) =>
    inUse(status) && ips.has(splitAddress(status.address)[0]);
  const taken = failed.filter(isTaken);
  const rest = taken.length > 1 ? failed.filter((status) => !isTaken(status)) : failed;
  const events = rest.map((status) => listenerFailed(manifest, host, status));
  if (taken.length < 2) return events;
  return [addressesTaken(host, { taken, ips: [...ips], machine, others }), ...events];
}

function addressesTaken(
  host: HostSpec,
  { taken, ips, machine, others }: {
    readonly taken: readonly ListenerStatus[];
    readonly ips: readonly string[];
    readonly machine: string | undefined;
    readonly others: readonly Neighbour[];
  },
): AddressesTakenEvent {
  const at = formatPosition(host.at);
  const twin = machine === undefined
    ? undefined
    : others.find((other) => other.machine === machine);
  const isSure = machine !== undefined && others.every((other) => other.machine);
  const own = twin && !host.transport ? twin.name : host.name;
  const [why, hint] = twin
    ? [
      `"${twin.name}" of this mesh is on the same machine and listens there`,
      `give "${own}" "loopback: {disable: true}"`,
    ]
    : isSure
    ? [
      "another mesh on that machine has these addresses",
      `end it, or give the hosts of one of them another "vip" each, or none, so that ` +
      `free ones are taken`,
    ]
    : [
      "another mesh on that machine has these addresses, or a host of this one that is " +
      "there too",
      `give the hosts of one mesh another "vip" each, or none; a second host of one ` +
      `machine needs "loopback: {disable: true}"`,
    ];
  const shown = ips.slice(0, MOST_SHOWN).join(", ") +
    (ips.length > MOST_SHOWN ? ", …" : "");
  return {
    type: "addressesTaken",
    level: taken.some(({ kind }) => kind === "loopback") ? "error" : "warn",
    host: host.name,
    addresses: taken.map(({ address }) => address),
    at,
    ...(twin && { sameMachine: twin.name }),
    hint,
    message: `${at}: "${host.name}" cannot listen on ${shown} (${taken.length} ` +
      `listeners): ${why}; ${hint}`,
  };
}

/** The event for a listener of `host` whose status has an error. */
export function listenerFailed(
  manifest: Manifest,
  host: HostSpec,
  status: ListenerStatus,
): ListenerFailedEvent {
  const { address, kind } = status;
  const { code, message } = status.error ?? { code: "unknown", message: "unknown" };
  const position = positionOf(manifest, host, status);
  const at = position && formatPosition(position);
  const hint = hintFor(code, status);
  return {
    type: "listenerFailed",
    // The mesh itself asks name servers through the stack, which nobody can take away.
    level: kind === "dns" ? "warn" : "error",
    host: host.name,
    address,
    kind,
    code,
    ...(at !== undefined && { at }),
    ...(hint !== undefined && { hint }),
    message: `${at ? `${at}: ` : ""}"${host.name}" cannot listen on ${address}` +
      `${PURPOSE[kind]}: ` +
      `${meaningOf(code) ?? message}${hint ? `; ${hint}` : ""}`,
  };
}

const PURPOSE: Readonly<Record<ListenerStatus["kind"], string>> = {
  loopback: "",
  http: " for its HTTP proxy",
  socks: " for its SOCKS proxy",
  dns: " for its name server",
  egress: " for its egress rule",
};

function positionOf(
  manifest: Manifest,
  host: HostSpec,
  { address, kind }: ListenerStatus,
): Position | undefined {
  if (kind === "http" || kind === "socks") return host[kind]?.at;
  if (kind === "egress") {
    return host.egress?.find(({ listenHost, listenPort }) =>
      formatHostPort(canonicalAddress(listenHost), listenPort) === address
    )?.at;
  }
  const [ip, port] = splitAddress(address);
  const owner = manifest.hosts.find(({ vip }) => formatIpv4(vip) === ip);
  if (kind === "dns") return owner?.at;
  return owner?.ports.find(({ listenPort }) => listenPort === port)?.at;
}

function meaningOf(code: string): string | undefined {
  switch (code) {
    case "EADDRINUSE":
      return "the address is in use";
    case "EACCES":
      return "not allowed";
    case "EADDRNOTAVAIL":
      return "this machine does not have the address";
  }
}

function hintFor(code: string, { address, kind }: ListenerStatus): string | undefined {
  const [ip, port] = splitAddress(address);
  switch (code) {
    case "EADDRINUSE":
      if (kind === "dns") {
        return `most likely another mesh on this machine has a host with the vip ${ip}: ` +
          `give one of them another, if programs are to ask this name server`;
      }
      return `another program or another mesh listens there: see \`ss -ltnp\` (Linux), ` +
        `\`lsof -nP -iTCP:${port} -sTCP:LISTEN\` (macOS), \`netstat -ano\` (Windows)`;
    case "EACCES":
      if (port >= 1024) return;
      return lowPortHint(port, kind);
    case "EADDRNOTAVAIL":
      return `on macOS: \`sudo ifconfig lo0 alias ${ip} up\``;
  }
}

/**
 * Not `setcap`: the program of a portable executable is started by a shell and a loader, and
 * neither would have the capabilities given to the file.
 */
function lowPortHint(port: number, kind: ListenerStatus["kind"]): string {
  const other = kind === "loopback"
    ? `a higher port (above 1023), or \`loopback: {disable: true}\` and a proxy, which reaches it by ` +
      `name and needs no listener`
    : `a higher port (above 1023)`;
  return `ports below 1024 need a right: use ${other}, or on Linux ` +
    `\`sudo sysctl net.ipv4.ip_unprivileged_port_start=${port}\``;
}

function splitAddress(address: string): [string, number] {
  const colon = address.lastIndexOf(":");
  return [address.slice(0, colon), Number(address.slice(colon + 1))];
}

/** Listeners of a host that had failed and are up now; undefined if there are none. */
export function listenersUp(
  host: string,
  listeners: readonly ListenerStatus[],
): ListenersUpEvent | undefined {
  const addresses = listeners.map(({ address }) => address);
  if (addresses.length === 0) return undefined;
  const shown = addresses.slice(0, MOST_SHOWN).join(", ");
  const more = addresses.length > MOST_SHOWN ? `, … (${addresses.length} in all)` : "";
  const message = `"${host}" listens on ${shown}${more} now`;
  return { type: "listenersUp", level: "info", host, addresses, message };
}
