/**
 * Meshes for the tests of this folder, and what arrived at their hosts in words.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Frame, HEADER_BYTES } from "../wire/frame.ts";
import {
  formatIpv4,
  parseCidr,
  parseIpv4,
  Protocol,
  readUint16,
  readUint32,
  TcpFlag,
} from "../wire/ip/ipv4.ts";
import { hasValidChecksums, packetFrame, type PacketSpec } from "./_test_packets.ts";
import type { RouterRules } from "./plan.ts";
import { Router } from "./route.ts";

const { SYN, ACK, RST } = TcpFlag;
/** Addresses of the hosts of {@linkcode mesh}. */
export const [LOCAL, WEB] = ["127.0.42.100", "127.0.42.101"];

/** Rules of hosts, and of routes to ranges behind some of them. */
export function rules(
  hosts: Readonly<Record<string, string>>,
  routes: readonly [via: string, ...ranges: string[]][] = [],
): RouterRules {
  return {
    version: 1,
    hosts: Object.entries(hosts).map(([name, vip]) => ({ name, vip: parseIpv4(vip)! })),
    routes: routes.map(([via, ...ranges]) => ({
      via,
      cidrs: ranges.map((text) => parseCidr(text)!),
      globs: [],
      notCidrs: [],
      notGlobs: [],
    })),
  };
}

/** A mesh of local, which is up, and web, which is as it is made. */
export function mesh(waitingBytes?: number) {
  const now = () => 0;
  const router = new Router(
    rules({ local: LOCAL, web: WEB }),
    waitingBytes === undefined ? { now } : { now, waitingBytes },
  );
  const local: Frame[] = [];
  const web: Frame[] = [];
  router.up("local", { push: (frame) => local.push(frame) });
  const toWeb = { push: (frame: Frame) => web.push(frame) };
  return { router, local, web, toWeb };
}

/** A mesh of a and d, and of b and c that serve the same range; all are up. */
export class TwoBastions {
  static readonly vips = {
    a: "127.0.42.100",
    b: "127.0.42.101",
    c: "127.0.42.102",
    d: "127.0.42.103",
  };
  now = 0;
  readonly router: Router;
  readonly got: Record<string, Frame[]> = {};

  constructor(flows?: number) {
    const ranges = ["10.0.0.0/8", "127.0.0.0/8"];
    const routes = rules(TwoBastions.vips, [["b", ...ranges], ["c", ...ranges]]);
    this.router = new Router(routes, {
      now: () => this.now,
      ...(flows !== undefined && { flows }),
    });
    for (const host of Object.keys(TwoBastions.vips)) this.up(host);
  }

  up(host: string): void {
    const got: Frame[] = this.got[host] = [];
    this.router.up(host, { push: (frame) => got.push(frame) });
  }

  /** The agent of a host says that it knows the foreign address behind `via`. */
  suggest(from: string, via: "b" | "c"): void {
    const vip = parseIpv4(TwoBastions.vips[via])!;
    assert.equal(this.router.learn(from, [parseIpv4(FOREIGN)!], vip), 1);
  }

  /** Forwards a packet of `from`, if it is admitted. */
  pass(from: string, frame: Frame): boolean {
    const isAdmitted = this.router.admits(from, frame.bytes, HEADER_BYTES);
    if (isAdmitted) this.router.forward(from, frame);
    else this.router.disown(from, frame);
    return isAdmitted;
  }

  /** Opens a connection of a through `via`, and has it answered; the port tells it apart. */
  connect(via: "b" | "c", fromPort = 40000, data = 0): void {
    this.suggest("a", via);
    assert.ok(this.pass("a", out({ flags: SYN, seq: 1000, fromPort })));
    const answer = { flags: SYN | ACK, seq: 5000, ack: 1001, fromPort };
    assert.ok(this.pass(via, back(answer)));
    assert.ok(this.pass("a", out({ seq: 1001, ack: 5001, fromPort, data })));
    this.clear();
  }

  /** Forgets what arrived so far. */
  clear(): void {
    for (const frames of Object.values(this.got)) frames.length = 0;
  }

  /** What arrived at each host, in words. */
  seen(): Record<string, string[]> {
    return Object.fromEntries(
      Object.entries(this.got).filter(([, frames]) => frames.length > 0).map((
        [host, frames],
      ) => [host, frames.map(inWords)]),
    );
  }
}

/** An address behind both bastions. */
export const FOREIGN = "10.1.2.3";
/** A packet of a to the foreign address. */
export const out = (spec: PacketSpec = {}) => packetFrame({ to: FOREIGN, ...spec });
/** An answer to it; its ports are named as in what it answers. */
export const back = ({ fromPort = 40000, toPort = 80, ...spec }: PacketSpec = {}) =>
  packetFrame({
    from: FOREIGN,
    to: TwoBastions.vips.a,
    fromPort: toPort,
    toPort: fromPort,
    ...spec,
  });

/** The TCP flags of a packet. */
export const flagsIn = (frame: Frame) => frame.payload[33];
/** The type and code of an ICMP message. */
export const icmpIn = (frame: Frame) => Array.from(frame.payload.slice(20, 22));

/** A TCP packet in words; its checksums have to be right if it is one of the router's. */
export function inWords({ payload }: Frame): string {
  if (payload[9] !== Protocol.TCP) return `protocol ${payload[9]}`;
  const flags = payload[33]!;
  const [from, to] = [readUint32(payload, 12), readUint32(payload, 16)].map(formatIpv4);
  const ports = [readUint16(payload, 20), readUint16(payload, 22)];
  const names = Object.entries(TcpFlag).filter(([, bit]) => flags & bit);
  if (flags & RST) assert.ok(hasValidChecksums(payload));
  return `${names.map(([name]) => name).join("+")} ${from}:${ports[0]} > ${to}:${
    ports[1]
  } seq ${readUint32(payload, 24)} ack ${readUint32(payload, 28)}`;
}
