/**
 * The virtual addresses of the hosts: which are possible, that none is taken twice, and a
 * free address for each host whose manifest leaves `vip` out.
 *
 * @module
 */
import { contains, formatIpv4, parseCidr, parseIpv4 } from "../wire/ip/ipv4.ts";
import type { Position } from "./source/diagnostic.ts";
import { formatPosition } from "./source/diagnostic.ts";
import { readText } from "./fields.ts";
import type { HostDraft } from "./draft.ts";
import type { HostSpec } from "./manifest.ts";
import type { Report } from "./source/report.ts";
import { type Entry, quote } from "./source/value.ts";

/** Where free addresses are taken from, both ends included. */
export const ASSIGNED_VIPS = {
  /** 127.0.42.100. */
  first: parseIpv4("127.0.42.100")!,
  /** 127.0.42.254. */
  last: parseIpv4("127.0.42.254")!,
} as const;

const LOOPBACK = parseCidr("127.0.0.0/8")!;
/** "This network" (RFC 1122, section 3.2.1.3), multicast, and reserved addresses. */
const NOT_A_HOST = [parseCidr("0.0.0.0/8")!, parseCidr("224.0.0.0/3")!];

/** Reads the `vip` of a host. */
export function readVip(
  entry: Entry | undefined,
  report: Report,
): { address: number; at: Position } | undefined {
  const wanted = `an IPv4 address, like "127.0.42.100"`;
  const text = readText(entry, report, wanted);
  if (!entry || text === undefined) return undefined;
  const { at } = entry.value;
  const address = parseIpv4(text);
  if (address === undefined) {
    const kind = text.includes(":") ? " (IPv6 is not supported)" : "";
    report.error(at, `vip ${quote(text)} is not ${wanted}${kind}`);
    return undefined;
  }
  if (NOT_A_HOST.some((range) => contains(range, address))) {
    report.error(at, `vip ${quote(text)} is not an address that a host can have`);
    return undefined;
  }
  return { address, at };
}

/** Gives every host its address; hosts without `vip` get free addresses in order. */
export function assignVips(drafts: readonly HostDraft[], report: Report): HostSpec[] {
  const taken = new Map<number, { name: string; at: Position }>();
  for (const { name, vip } of drafts) {
    if (!vip) continue;
    const first = taken.get(vip.address);
    if (first) {
      report.error(
        vip.at,
        `vip ${quote(formatIpv4(vip.address))} of ${quote(name)} is already that of ` +
          `${quote(first.name)} (${formatPosition(first.at)})`,
      );
    } else {
      taken.set(vip.address, { name, at: vip.at });
    }
  }
  let next: number = ASSIGNED_VIPS.first;
  return drafts.map(({ vip, ...draft }) => {
    const resolveFor = draft.resolveFor.map(({ name }) => name);
    if (vip) return { ...draft, resolveFor, vip: vip.address, vipAssigned: false };
    while (taken.has(next)) next++;
    if (next === ASSIGNED_VIPS.last + 1) {
      const range = `${formatIpv4(ASSIGNED_VIPS.first)} to ${
        formatIpv4(ASSIGNED_VIPS.last)
      }`;
      report.error(
        draft.at,
        `no address is left for ${quote(draft.name)}: ${range} are all taken; ` +
          `give it a "vip" of its own`,
      );
    }
    return { ...draft, resolveFor, vip: next++, vipAssigned: true };
  });
}

/**
 * Hosts listen on the VIPs of all, unless loopback is disabled there; only those of
 * 127.0.0.0/8 are on every machine without anybody's doing.
 */
export function refuseVipsOutsideLoopback(
  drafts: readonly HostDraft[],
  report: Report,
): void {
  const listening = drafts.find(({ loopback }) => !loopback.disable);
  if (!listening) return;
  for (const { vip } of drafts) {
    if (!vip || contains(LOOPBACK, vip.address)) continue;
    report.error(
      vip.at,
      `vip ${quote(formatIpv4(vip.address))} is outside 127.0.0.0/8, and ` +
        `${quote(listening.name)} would have to listen on it, which no machine can ` +
        `without that address; wanted one of 127.0.0.0/8, or "loopback: {disable: true}" ` +
        `on every host, which leaves proxies (network devices, which take such ` +
        `addresses, are not supported yet)`,
    );
  }
}
