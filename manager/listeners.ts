/**
 * A listener that an agent could not open, explained: which line of the manifest asks for
 * it, and what the user can do.
 *
 * @module
 */

import { formatPosition, type Position } from "../manifest/diagnostic.ts";
import type { HostSpec, Manifest } from "../manifest/manifest.ts";
import type { ListenerStatus } from "../wire/control.ts";
import { formatIpv4 } from "../wire/ipv4.ts";
import type { ListenerFailedEvent } from "./events.ts";

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
  const hint = hintFor(code, address);
  return {
    type: "listenerFailed",
    level: "error",
    host: host.name,
    address,
    kind,
    code,
    ...(at !== undefined && { at }),
    ...(hint !== undefined && { hint }),
    message: `${at ? `${at}: ` : ""}"${host.name}" cannot listen on ${address}` +
      `${kind === "loopback" ? "" : ` for its ${kind.toUpperCase()} proxy`}: ` +
      `${meaningOf(code) ?? message}${hint ? `; ${hint}` : ""}`,
  };
}

function positionOf(
  manifest: Manifest,
  host: HostSpec,
  { address, kind }: ListenerStatus,
): Position | undefined {
  if (kind !== "loopback") return host[kind]?.at;
  const [ip, port] = splitAddress(address);
  return manifest.hosts.find(({ vip }) => formatIpv4(vip) === ip)
    ?.ports.find(({ listenPort }) => listenPort === port)?.at;
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

function hintFor(code: string, address: string): string | undefined {
  const [ip, port] = splitAddress(address);
  switch (code) {
    case "EADDRINUSE":
      return `another program or another mesh listens there: see \`ss -ltnp\` (Linux), ` +
        `\`lsof -nP -iTCP:${port} -sTCP:LISTEN\` (macOS), \`netstat -ano\` (Windows)`;
    case "EACCES":
      if (port >= 1024) return;
      return `ports below 1024 need a right: use a higher port, or ` +
        `\`sudo sysctl net.ipv4.ip_unprivileged_port_start=${port}\`, or ` +
        `\`sudo setcap cap_net_bind_service=+ep\` on the program`;
    case "EADDRNOTAVAIL":
      return `on macOS: \`sudo ifconfig lo0 alias ${ip} up\``;
  }
}

function splitAddress(address: string): [string, number] {
  const colon = address.lastIndexOf(":");
  return [address.slice(0, colon), Number(address.slice(colon + 1))];
}
