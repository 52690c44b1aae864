/**
 * Filters of captures: which packets are of a flow, in either direction.
 *
 *   "laptop -> web:8080"         hosts by name, alias or VIP; TCP and UDP
 *   "tcp:* -> db:5432"           whoever connects to db
 *   "web -> 10.0.0.0/8"          a range, every protocol
 *   "icmp:* -> *"                of one protocol: tcp, udp or icmp
 *   "laptop:50312 -> web:8080"   one connection
 *
 * ICMP errors are of the flow whose packet they quote. A later fragment has no ports, and
 * so is of no flow that names one.
 *
 * @module
 */

import { portFault } from "../../manifest/ports.ts";
import { isIcmpError, quotedIn } from "../../wire/ip/icmp.ts";
import {
  contains,
  destinationOf,
  destinationPortOf,
  headerLengthOf,
  isLaterFragment,
  parseCidr,
  parseIpv4,
  Protocol,
  protocolOf,
  sourceOf,
  sourcePortOf,
  totalLengthOf,
} from "../../wire/ip/ipv4.ts";
import type { Cidr } from "../../wire/ip/ipv4.ts";

/** The text of a filter is wrong, or names what is not there. */
export class FlowFault extends Error {
  override readonly name = "FlowFault";
}

/** Finds the address of a host, or says what is wrong with its name. */
export type FindHost = (name: string) => number | { readonly fault: string };

/** An end of a flow. */
interface End {
  readonly range: Cidr;
  /** 0 for any. */
  readonly port: number;
}

const PROTOCOLS: ReadonlyMap<string, number> = new Map([
  ["tcp", Protocol.TCP],
  ["udp", Protocol.UDP],
  ["icmp", Protocol.ICMP],
]);

const FORM = `wanted [PROTOCOL:]SOURCE[:PORT] -> DESTINATION[:PORT], ` +
  `like "tcp:laptop -> web:8080"`;
const EVERYWHERE: Cidr = { network: 0, prefix: 0 };

/** A flow, as a filter. */
export class FlowFilter {
  /** 0 for any. */
  readonly #protocol: number;
  readonly #source: End;
  readonly #destination: End;
  readonly #hasPorts: boolean;

  private constructor(protocol: number, source: End, destination: End) {
    this.#protocol = protocol;
    this.#source = source;
    this.#destination = destination;
    this.#hasPorts = source.port !== 0 || destination.port !== 0;
  }

  /** Reads a filter. @throws {FlowFault} with the place of what is wrong. */
  static parse(text: string, find: FindHost): FlowFilter {
    const arrow = text.indexOf("->");
    const fault = (at: number, message: string) =>
      new FlowFault(`${JSON.stringify(text)}, character ${at + 1}: ${message}`);
    if (arrow < 0) throw fault(text.length, `the "->" is missing; ${FORM}`);
    let [start, left] = trimmed(text.slice(0, arrow), 0);
    const [, word, rest] = /^([^:]*):(.*)$/.exec(left) ?? [];
    let protocol = 0;
    const known = PROTOCOLS.get(word?.toLowerCase() ?? "");
    // A host may be called "tcp", and have a port.
    const isHost = known === undefined ? /^(\d+|\*)$/ : /^\d+$/;
    if (word !== undefined && rest !== undefined && !isHost.test(rest)) {
      if (known === undefined) {
        const message = `the protocol ${JSON.stringify(word)} is not known; there are ` +
          [...PROTOCOLS.keys()].join(", ");
        throw fault(start, message);
      }
      protocol = known;
      [start, left] = trimmed(rest, start + word.length + 1);
    }
    const source = endOf(left, start);
    const [there, right] = trimmed(text.slice(arrow + 2), arrow + 2);
    const destination = endOf(right, there);
    if (protocol === Protocol.ICMP && (source.port || destination.port)) {
      throw fault(start, "ICMP has no ports");
    }
    return new FlowFilter(protocol, source, destination);

    function endOf(end: string, at: number): End {
      const [, name = "", port] = /^([^:]*)(?::(.*))?$/.exec(end) ?? [, end];
      if (name === "") throw fault(at, `a host or an address is missing; ${FORM}`);
      if (/\s/.test(end) || end.includes("->")) {
        throw fault(at, `${JSON.stringify(end)} is more than one word; ${FORM}`);
      }
      if (port !== undefined && port !== "*") {
        const wrong = portFault(port);
        if (wrong) throw fault(at + name.length + 1, wrong);
      }
      return { range: rangeOf(name, at), port: port ? Number(port) || 0 : 0 };
    }

    function rangeOf(name: string, at: number): Cidr {
      if (name === "*") return EVERYWHERE;
      const range = parseCidr(name);
      if (range) return range;
      if (name.includes("/")) {
        throw fault(at, `${JSON.stringify(name)} is no range, like 10.0.0.0/8`);
      }
      const address = parseIpv4(name) ?? find(name);
      if (typeof address === "number") return { network: address, prefix: 32 };
      throw fault(at, address.fault);
    }
  }

  /** Whether the packet at `at`, sound as police leaves it, is of the flow. */
  matches(packet: Uint8Array, at: number): boolean {
    if (this.#fits(packet, at, at + totalLengthOf(packet, at))) return true;
    if (this.#protocol === Protocol.ICMP || !isIcmpError(packet, at)) return false;
    const quoted = quotedIn(packet, at);
    return quoted !== undefined && this.#fits(packet, quoted, packet.length);
  }

  #fits(packet: Uint8Array, at: number, end: number): boolean {
    const protocol = protocolOf(packet, at);
    if (this.#protocol !== 0 && this.#protocol !== protocol) return false;
    let [source, destination] = [0, 0];
    if (this.#hasPorts) {
      if (protocol !== Protocol.TCP && protocol !== Protocol.UDP) return false;
      if (isLaterFragment(packet, at)) return false;
      if (at + headerLengthOf(packet, at) + 4 > end) return false;
      source = sourcePortOf(packet, at);
      destination = destinationPortOf(packet, at);
    }
    const [from, to] = [sourceOf(packet, at), destinationOf(packet, at)];
    const [here, there] = [this.#source, this.#destination];
    return isAt(here, from, source) && isAt(there, to, destination) ||
      isAt(there, from, source) && isAt(here, to, destination);
  }
}

function isAt({ range, port }: End, address: number, itsPort: number): boolean {
  return (port === 0 || port === itsPort) && contains(range, address);
}

/** A text without blanks around it, and where it begins. */
function trimmed(text: string, at: number): [number, string] {
  return [at + text.length - text.trimStart().length, text.trim()];
}
