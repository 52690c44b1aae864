/**
 * Dials a real address, and says in the protocol's words why a dial failed.
 *
 * @module
 */
import type { DialFate } from "../../wire/control/agent_services.ts";
import { parseIpv4 } from "../../wire/ip/ipv4.ts";
import { noteShortage } from "./descriptors.ts";
import { prepared } from "./listener.ts";
import { lookup, lookupFailure } from "./lookup.ts";
import { formatHostPort } from "../../wire/text.ts";

/** A dial that takes longer has failed. */
export const DIAL_LIMIT_MS = 10_000;

/** Why a dial failed. */
export type DialFailure = Exclude<DialFate, "connected" | "abandoned">;

/**
 * The code of ICMP destination unreachable that carries a failure over the mesh (RFC 792,
 * RFC 1812, 5.2.7.1), undefined where a reset says so. RFC 1812 has no code for "timed
 * out"; ours is 12, host unreachable for this type of service, which no host of a mesh
 * sends otherwise. 13, prohibited by a filter on the way, is sent by the manager only, for
 * connections that the policy of the mesh denies.
 */
export function icmpCodeOf(failure: DialFailure): number | undefined {
  switch (failure) {
    case "refused":
    case "failed":
      return undefined;
    case "network-unreachable":
      return 0;
    case "host-unreachable":
      return 1;
    case "host-unknown":
      return 7;
    case "timed-out":
      return 12;
    case "prohibited":
      return 10;
    case "forbidden":
      return 13;
  }
}

/** The failure that such a code tells; codes that are not ours by their meaning. */
export function failureOfIcmp(code: number): DialFailure {
  switch (code) {
    case 0:
    case 6: // network unknown
      return "network-unreachable";
    case 7:
      return "host-unknown";
    case 9: // network and host administratively prohibited
    case 10:
      return "prohibited";
    case 13: // by a filter on the way: the policy of the mesh
      return "forbidden";
    case 12:
      return "timed-out";
    default:
      return "host-unreachable";
  }
}

/** A failure, for people. */
export function inWords(failure: DialFailure): string {
  return failure === "forbidden"
    ? "forbidden by the policy of the mesh"
    : failure.replace("-", " ");
}

/** A target could not be dialled. */
export class DialError extends Error {
  override readonly name = "DialError";
  /** Why. */
  readonly failure: DialFailure;

  /** `target` is the address dialled, as text; `cause` the system's error. */
  constructor(failure: DialFailure, target: string, cause?: unknown) {
    const said = cause instanceof Error ? `: ${lookupFailure(cause)}` : "";
    super(`Cannot connect to ${target} (${inWords(failure)})${said}`, { cause });
    this.failure = failure;
  }
}

function failureOf(error: unknown): DialFailure {
  if (error instanceof Deno.errors.ConnectionRefused) return "refused";
  if (error instanceof Deno.errors.NetworkUnreachable) return "network-unreachable";
  if (error instanceof Deno.errors.TimedOut) return "timed-out";
  if (!(error instanceof Error)) return "failed";
  switch ((error as Error & { code?: string }).code) {
    case "ENOTFOUND":
      return "host-unknown";
    case "ECONNREFUSED":
      return "refused";
    case "ENETUNREACH":
      return "network-unreachable";
    case "EHOSTUNREACH":
    case "EHOSTDOWN":
      return "host-unreachable";
    case "ETIMEDOUT":
      return "timed-out";
    case "EACCES":
    case "EPERM":
      return "prohibited";
  }
  return /failed to lookup|name or service|no address/i.test(error.message)
    ? "host-unknown"
    : "failed";
}

/**
 * Connects to a host (name or address) and port, within {@linkcode DIAL_LIMIT_MS} or
 * until `signal` is aborted. Small writes are sent at once (`TCP_NODELAY`).
 *
 * Rejects with a {@linkcode DialError}.
 */
export async function dial(
  hostname: string,
  port: number,
  signal?: AbortSignal,
): Promise<Deno.TcpConn> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), DIAL_LIMIT_MS);
  try {
    const either = signal ? AbortSignal.any([signal, limit.signal]) : limit.signal;
    return prepared(await connect(hostname, port, either));
  } catch (error) {
    const target = formatHostPort(hostname, port);
    if (limit.signal.aborted) {
      const cause = new Error(`no answer within ${DIAL_LIMIT_MS / 1000} s`);
      throw new DialError("timed-out", target, cause);
    }
    noteShortage(error);
    throw new DialError(failureOf(error), target, error);
  } finally {
    clearTimeout(timer);
  }
}

/** Each address of a name in its turn, until a connection is made. */
async function connect(
  hostname: string,
  port: number,
  signal: AbortSignal,
): Promise<Deno.TcpConn> {
  if (isAddress(hostname)) return await Deno.connect({ hostname, port, signal });
  let failure: unknown = new Error("no address of that name");
  for (const { address } of await lookup(hostname, signal)) {
    try {
      return await Deno.connect({ hostname: address, port, signal });
    } catch (error) {
      if (signal.aborted) throw error;
      failure = error;
    }
  }
  throw failure;
}

function isAddress(hostname: string): boolean {
  return hostname.includes(":") || parseIpv4(hostname) !== undefined;
}
