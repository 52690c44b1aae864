/**
 * `ingress` of a host: published ports in the form of rules.
 *
 *   "tcp:443:127.0.0.1:8080"               the same as "443:127.0.0.1:8080" in `ports`
 *   "tcp:127.0.42.101:443:127.0.0.1:8080"  the same, on the host with this VIP
 *   "tcp:0.0.0.0:443:127.0.0.1:8080"       no: clients of the mesh come to the VIP
 *
 * @module
 */
import { formatIpv4, parseIpv4 } from "../wire/ip/ipv4.ts";
import { readList, readText } from "./fields.ts";
import type { PortSpec } from "./manifest.ts";
import { parseRule } from "./rule_text.ts";
import type { Position } from "./source/diagnostic.ts";
import type { Report } from "./source/report.ts";
import { type Entry, quote } from "./source/value.ts";

const EXAMPLE = "tcp:443:127.0.0.1:8080";

/** A published port that a rule with an address to listen on made. */
export interface Listening {
  /** The address. */
  readonly listenHost: string;
  /** The rule. */
  readonly text: string;
  /** Where the rule stands. */
  readonly at: Position;
}

/** The ports of `ingress`, and those rules whose address is yet to be compared. */
export interface Ingress {
  readonly ports: readonly PortSpec[];
  readonly listening: readonly Listening[];
}

/** Reads the field. */
export function readIngress(entry: Entry, report: Report): Ingress {
  const ports: PortSpec[] = [];
  const listening: Listening[] = [];
  for (const value of readList(entry, report, `["${EXAMPLE}"]`)) {
    const { at } = value;
    const text = readText({ ...entry, value }, report, quote(EXAMPLE));
    if (text === undefined) continue;
    const rule = parseRule(text);
    if (typeof rule === "string") {
      report.error(at, rule);
      continue;
    }
    const { listenHost, ...port } = rule;
    ports.push({ ...port, at, text });
    if (listenHost !== undefined) listening.push({ listenHost, text, at });
  }
  return { ports, listening };
}

/** Refuses rules that listen elsewhere than on the host's VIP, if that is written down. */
export function refuseOtherAddresses(
  listening: readonly Listening[],
  vip: number | undefined,
  report: Report,
): void {
  for (const { listenHost, text, at } of listening) {
    if (vip !== undefined && parseIpv4(listenHost) === vip) continue;
    const own = vip === undefined ? "which this host is given" : formatIpv4(vip);
    report.error(
      at,
      `${
        quote(text)
      } would listen on ${listenHost}, but ingress comes from the mesh, to ` +
        `the host's VIP (${own}); leave the address out, or use "egress" for an address ` +
        `of the host itself`,
    );
  }
}
