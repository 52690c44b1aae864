/**
 * Ping: an echo through the stacks of a mesh, and the time that each hop takes.
 *
 * The manager sends an ICMP echo request into the router, in the name of a host, as that
 * host's own packets come; the stack of the agent that is asked answers (`router/echoes.ts`).
 * The link alone is measured right after, by the request `ping` of control messages, which
 * go ahead of packets: what the echo took beyond that is of the stack, and of the queue of
 * packets in front of the link.
 *
 * The manager stands between all hosts. So the round trip from one host to another is made
 * of two legs, an echo of either, one after the other.
 *
 * At most {@linkcode MOST_ECHOES} echoes are under way, each for a limited time. Links are
 * measured a few at a time: a channel remembers no more than 64 requests, of which others
 * have need.
 *
 * @module
 */

import type { Clock } from "../link/clock.ts";
import { findHost, nearHost } from "../manifest/find_host.ts";
import { MOST_ECHOES } from "../router/echoes.ts";
import type { Router } from "../router/route.ts";
import { ECHO_FEATURE, ICMP_HEADER_BYTES, MOST_ECHO_BYTES } from "../wire/ip/icmp.ts";
import type { Echo, EchoHop, PingOptions } from "./echo.ts";
import { RefusedError } from "./reload/refused.ts";
import type { RunningHost } from "./running_host.ts";

/** Data of an echo unless told otherwise, in bytes: those of ping(8). */
const USUAL_BYTES = 56;
/** Milliseconds for the answer unless told otherwise. */
const USUAL_MS = 2000;
/** Milliseconds for the answer at most. */
export const MOST_MS = 10_000;
/** Bytes at the beginning of the data that nobody can guess. */
const TOKEN_BYTES = 16;
/** Links that are measured at a time. */
const MOST_LINKS = 16;

/** The mesh that is measured. */
export interface PingedMesh {
  readonly hosts: ReadonlyMap<string, RunningHost>;
  readonly router: Router;
  readonly clock: Clock;
}

/** Why an echo has no answer. */
type Lack = Required<Pick<Echo, "outcome" | "message">>;

/** Measures a mesh. */
export class Pinger {
  readonly #mesh: PingedMesh;
  /** Links that are being measured. */
  #links = 0;
  /** End the waits for answers. */
  readonly #cuts = new Set<() => void>();

  constructor(mesh: PingedMesh) {
    this.#mesh = mesh;
  }

  /** See {@linkcode Mesh.ping}. */
  async ping(
    host: string,
    { from, size = USUAL_BYTES, ms = USUAL_MS }: PingOptions,
  ): Promise<Echo> {
    mustLie(size, { name: "size", least: 0, most: MOST_ECHO_BYTES });
    mustLie(ms, { name: "ms", least: 1, most: MOST_MS });
    const to = this.#named(host);
    const own = [...this.#mesh.hosts.values()].find(({ spec }) => !spec.transport) ?? to;
    const asker = from === undefined ? own : this.#named(from);
    const asked = asker === own || asker === to ? [to] : [asker, to];
    const { name, vip } = to;
    const about = { host: name, vip, from: asker.name, bytes: size + ICMP_HEADER_BYTES };
    for (const host of asked) {
      const lack = lackOf(host);
      if (lack) return { ...about, ...lack, hops: [] };
    }
    const { clock } = this.#mesh;
    const data = dataOf(size);
    const begin = clock.now();
    const times = [];
    for (const host of asked) {
      const left = begin + ms - clock.now();
      const time = await this.#echo(host === to ? asker : to, host, { data, ms: left });
      if (time === undefined) {
        const message = `No answer from "${host.name}" within ${ms / 1000} s`;
        return { ...about, outcome: "lost", message, hops: [] };
      }
      times.push({ host, time });
    }
    const hops: EchoHop[] = [];
    for (const { host, time } of times) {
      const measured = await this.#link(host, ms);
      if (measured === undefined) continue;
      const link = Math.min(measured, time); // the echo has passed the link as well
      hops.push({ host: host.name, hop: "link", ms: rounded(link) });
      hops.push({ host: host.name, hop: "stack", ms: rounded(time - link) });
    }
    const total = times.reduce((sum, { time }) => sum + time, 0);
    return { ...about, outcome: "answered", ms: rounded(total), hops };
  }

  /** Waits for no answer any more. */
  close(): void {
    for (const cut of this.#cuts) cut();
  }

  #named(text: string): RunningHost {
    const { hosts } = this.#mesh;
    const specs = [...hosts.values()].map(({ spec }) => spec);
    const spec = findHost(text, specs);
    const host = spec && hosts.get(spec.name);
    if (host) return host;
    const message = `There is no host "${text}"${nearHost(text, specs)}`;
    throw new RefusedError(message, { isMissing: true });
  }

  /** Milliseconds until the answer; undefined if none came within `ms`. */
  async #echo(
    from: RunningHost,
    to: RunningHost,
    { data, ms }: { readonly data: Uint8Array; readonly ms: number },
  ): Promise<number | undefined> {
    const { router, clock } = this.#mesh;
    const { promise, resolve } = Promise.withResolvers<number | undefined>();
    const begin = clock.now();
    const forget = router.echo({
      from: from.name,
      to: to.name,
      data,
      answered: () => resolve(clock.now() - begin),
    });
    if (!forget) {
      throw new RefusedError(`${MOST_ECHOES} echoes are under way, which is the most`);
    }
    const cut = () => resolve(undefined);
    this.#cuts.add(cut);
    const cancel = clock.after(Math.max(0, ms), cut);
    const time = await promise;
    cancel();
    this.#cuts.delete(cut);
    forget();
    return time;
  }

  /** The round trip of a control message; undefined if it cannot be told. */
  async #link(host: RunningHost, ms: number): Promise<number | undefined> {
    if (!host.features.includes("ping") || this.#links >= MOST_LINKS) return undefined;
    const { clock } = this.#mesh;
    const begin = clock.now();
    this.#links++;
    try {
      await host.session.ping(ms);
      return clock.now() - begin;
    } catch {
      return undefined; // its link ended, or it came too late
    } finally {
      this.#links--;
    }
  }
}

/** Why a host cannot be asked, if so. */
function lackOf(host: RunningHost): Lack | undefined {
  const { name, state, version, lastFailure } = host;
  if (state !== "ready") {
    const why = lastFailure === undefined ? "" : `: ${lastFailure}`;
    return { outcome: state, message: `"${name}" is ${state}${why}` };
  }
  if (host.features.includes(ECHO_FEATURE)) return undefined;
  const which = version ? ` (version ${version})` : "";
  return {
    outcome: "unable",
    message:
      `The agent of "${name}"${which} answers no echo, as NoRouter's and older ones do not`,
  };
}

function dataOf(size: number): Uint8Array {
  const data = Uint8Array.from({ length: size }, (_, index) => index);
  crypto.getRandomValues(data.subarray(0, TOKEN_BYTES));
  return data;
}

function mustLie(
  value: number,
  { name, least, most }: { name: string; least: number; most: number },
): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new RangeError(
    `"${name}" of a ping is ${value}; wanted a whole number, ${least} to ${most}`,
  );
}

/** To the microsecond. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
