/**
 * `norouter ping HOST`: echoes through the stacks of a mesh that runs, a line each, and a
 * summary at the end.
 *
 * Each echo is a request to the mesh, which measures; so the way to the mesh does not count.
 * Echoes begin by the clock, however long the answers take, but no more than
 * {@linkcode MOST_UNDER_WAY} are under way. The exit status is 0 if one was answered, else 1.
 *
 * @module
 */
import type { ControlClient } from "../../control/client.ts";
import type { Echo, EchoHop } from "../../manager/echo.ts";
import { printResult } from "../console/console.ts";
import { renderJson } from "../console/printable.ts";
import { isJson, type LiveOptions, withMesh } from "../running.ts";
import { stopSignals } from "../stop.ts";

/** Echoes under way at the same time. */
const MOST_UNDER_WAY = 32;

/** The options of the command. */
export interface PingCommandOptions extends LiveOptions {
  /** Echoes. */
  readonly count: number;
  /** Seconds from the beginning of one to that of the next. */
  readonly interval: number;
  /** Bytes of data. */
  readonly size: number;
  /** Seconds to wait for an answer. */
  readonly wait: number;
  /** The host that asks. */
  readonly from?: string | undefined;
}

/** What came of the echoes so far. */
interface Tally {
  /** Echoes to a host that was there. */
  sent: number;
  /** Those to a host that was not. */
  notSent: number;
  /** Round trips in milliseconds. */
  readonly times: number[];
  /** By host and hop. */
  readonly hops: Map<string, Pick<EchoHop, "host" | "hop"> & { times: number[] }>;
}

/** Pings a host, and gives the exit status. */
export function ping(host: string, options: PingCommandOptions): Promise<number> {
  return withMesh(options, async (client) => {
    using stop = stopSignals();
    const tally: Tally = { sent: 0, notSent: 0, times: [], hops: new Map() };
    const run = new Run({ client, host, options, tally });
    stop.asked.then(() => run.stop());
    const fault = await run.ended;
    // Of a host that is not there nothing is to be summed up.
    if (fault === undefined || tally.sent + tally.notSent > 0) {
      await printResult(
        isJson(options)
          ? renderJson({ type: "summary", host, ...summaryOf(tally) }) + "\n"
          : summaryText(tally),
      );
    }
    if (fault !== undefined) throw fault;
    return tally.times.length > 0 ? 0 : 1;
  });
}

/** What a run needs. */
interface RunParts {
  readonly client: ControlClient;
  readonly host: string;
  readonly options: PingCommandOptions;
  readonly tally: Tally;
}

/** Echoes from the first to the last, or until it is stopped. */
class Run {
  /** Settles when all is told, with the error that ended the run, if any. */
  readonly ended: Promise<unknown>;
  readonly #parts: RunParts;
  readonly #stopped = Promise.withResolvers<unknown>();
  readonly #begin = performance.now();
  #isStopped = false;
  #underWay = 0;
  #begun = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Lines are printed one after the other. */
  #printed: Promise<void> = Promise.resolve();

  constructor(parts: RunParts) {
    this.#parts = parts;
    this.ended = this.#stopped.promise.then(async (fault) => {
      await this.#printed;
      return fault;
    });
    this.#next();
  }

  /** Begins no more, and waits for nothing. */
  stop(fault?: unknown): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#stopped.resolve(fault);
  }

  /** Begins what is due, and comes back when more is. */
  #next(): void {
    const { count, interval } = this.#parts.options;
    clearTimeout(this.#timer);
    while (!this.#isStopped && this.#begun < count) {
      if (this.#underWay >= MOST_UNDER_WAY) return; // until one of them is over
      const due = this.#begin + this.#begun * interval * 1000 - performance.now();
      if (due > 0) {
        this.#timer = setTimeout(() => this.#next(), due);
        return;
      }
      this.#ask(++this.#begun);
    }
    if (this.#begun >= count && this.#underWay === 0) this.stop();
  }

  async #ask(seq: number): Promise<void> {
    const { client, host, options, tally } = this.#parts;
    const { from, size, wait } = options;
    this.#underWay++;
    try {
      const path = `/v1/hosts/${encodeURIComponent(host)}/ping`;
      const body = {
        size,
        ms: Math.round(wait * 1000),
        ...(from !== undefined && { from }),
      };
      const echo = await client.ask("POST", path, body) as Echo;
      if (this.#isStopped) return;
      count(echo, tally);
      const line = isJson(options)
        ? renderJson({ type: "echo", seq, ...echo })
        : echoText(echo, seq);
      this.#printed = this.#printed.then(() => printResult(`${line}\n`));
      this.#printed.catch((error) => this.stop(error)); // nobody reads any more
      if (echo.outcome === "unable") this.stop();
    } catch (error) {
      this.stop(error);
    }
    this.#underWay--;
    this.#next();
  }
}

function count({ ms, hops, outcome }: Echo, tally: Tally): void {
  if (outcome === "answered" || outcome === "lost") tally.sent++;
  else tally.notSent++;
  if (ms !== undefined) tally.times.push(ms);
  for (const { host, hop, ms } of hops) {
    const key = `${hop} ${host}`;
    const times = tally.hops.get(key)?.times ?? [];
    times.push(ms);
    tally.hops.set(key, { host, hop, times });
  }
}

/** A line for people. */
export function echoText(echo: Echo, seq: number): string {
  const { host, vip, bytes, ms, hops, message, outcome } = echo;
  const whom = `${host} (${vip})`;
  if (ms === undefined) {
    const why = outcome === "lost" ? `no answer from ${whom}` : message;
    return `seq=${seq} ${why}`;
  }
  const parts = hops.map((each) => `${nameOf(each, hops)} ${inMs(each.ms)}`).join(", ");
  return `${bytes} bytes from ${whom}: seq=${seq} time=${inMs(ms)} ms` +
    (parts && ` (${parts})`);
}

/** The sums of a run, times in milliseconds. */
export interface PingSummary {
  readonly sent: number;
  readonly answered: number;
  readonly lost: number;
  /** As the host was not ready, or its agent answers no echo. */
  readonly notSent: number;
  /** Absent if nothing was answered. */
  readonly ms?: {
    readonly min: number;
    readonly p50: number;
    readonly p99: number;
    readonly max: number;
  };
  /** Half of the round trips of a hop were no longer. */
  readonly hops: readonly (Pick<EchoHop, "host" | "hop"> & { readonly p50: number })[];
}

function summaryOf({ sent, notSent, times, hops }: Tally): PingSummary {
  const sorted = times.toSorted((a, b) => a - b);
  return {
    sent,
    answered: sorted.length,
    lost: sent - sorted.length,
    notSent,
    ...(sorted.length > 0 && {
      ms: {
        min: sorted[0]!,
        p50: quantile(sorted, 0.5),
        p99: quantile(sorted, 0.99),
        max: sorted.at(-1)!,
      },
    }),
    hops: [...hops.values()].map(({ host, hop, times }) => ({
      host,
      hop,
      p50: quantile(times.toSorted((a, b) => a - b), 0.5),
    })),
  };
}

function summaryText(tally: Tally): string {
  const { sent, answered, lost, notSent, ms, hops } = summaryOf(tally);
  const share = sent > 0 ? ` (${Math.round(100 * lost / sent)} %)` : "";
  const more = notSent > 0 ? `, ${notSent} not sent` : "";
  const lines = ["", `${sent} sent, ${answered} answered, ${lost} lost${share}${more}`];
  if (ms) {
    const { min, p50, p99, max } = ms;
    const [least, most] = [inMs(min), inMs(max)];
    lines.push(
      `round trip: min ${least}, p50 ${inMs(p50)}, p99 ${inMs(p99)}, max ${most} ms`,
    );
  }
  if (hops.length > 0) {
    const parts = hops.map((each) => `${nameOf(each, hops)} ${inMs(each.p50)}`);
    lines.push(`of that, p50: ${parts.join(", ")} ms`);
  }
  return lines.join("\n") + "\n";
}

/** The least value that the share `q` of the sorted values does not exceed. */
export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)]!;
}

/** `link`, or `link to web` where there are several. */
function nameOf(
  { host, hop }: Pick<EchoHop, "host" | "hop">,
  all: readonly Pick<EchoHop, "host">[],
): string {
  if (all.every((each) => each.host === host)) return hop;
  return `${hop} ${hop === "link" ? "to" : "of"} ${host}`;
}

/** `0.42`, `12.3`, `1234`: three digits that count, at the least two behind the point below 1. */
function inMs(ms: number): string {
  return ms.toFixed(ms < 10 ? 2 : ms < 100 ? 1 : 0);
}
