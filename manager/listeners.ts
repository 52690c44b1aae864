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
};

function positionOf(
  manifest: Manifest,
  host: HostSpec,
  { address, kind }: ListenerStatus,
): Position | undefined {
  if (kind === "http" || kind === "socks") return host[kind]?.at;
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
