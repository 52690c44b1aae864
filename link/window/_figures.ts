// Figures of the simulations, with windows and without; the same at each run:
// `deno run -A link/window/_figures.ts`.
import { mbit, type Result, type Scenario, simulate } from "./_simulation.ts";

const line = (rate: number, delay = 0.1) => ({ rate: mbit(rate), burst: 32_768, delay });
const fast = (rate: number, delay: number) => ({ rate: mbit(rate), delay });

/** Paths by name; a Mbit/s is of the direction "to". */
const PATHS: Record<string, Omit<Scenario, "seed">> = {};
for (const rate of [5, 20, 100]) {
  for (const bulk of ["to", "from", "both"] as const) {
    PATHS[`${rate} Mbit/s, ${bulk}`] = {
      ms: 10_000,
      bulk,
      to: line(rate),
      from: line(rate),
    };
  }
}
for (const bulk of ["to", "both"] as const) {
  const [to, from] = [line(20, 20), line(20, 20)];
  PATHS[`20 Mbit/s + 40 ms, ${bulk}`] = { ms: 10_000, bulk, to, from };
}
for (const [rate, delay, most] of [[1000, 0.1, 50], [5000, 0.01, 20]] as const) {
  PATHS[`${rate / 1000} Gbit/s, stalls of ${most} ms`] = {
    ...{ ms: 4000, warmup: 1000, bulk: "to", capacity: 2 ** 20 },
    ...{ to: fast(rate, delay), from: fast(rate, delay) },
    stalls: { every: 100, most },
  };
}
for (const delay of [0.1, 2, 20]) {
  PATHS[`20 Mbit/s + ${2 * delay} ms, beside cubic`] = {
    ...{ ms: 40_000, warmup: 10_000, bulk: "to", echoEvery: 50 },
    competitor: { begin: 4000, end: Infinity },
    to: { ...fast(20, delay), limit: mbit(20) * 40 },
    from: fast(20, delay),
  };
}

/** Figures of one path: round trips in ms, and shares of the line. */
export interface PathFigures {
  readonly p50: number;
  readonly p99: number;
  readonly to: number;
  readonly from: number;
  readonly competitor: number;
}

/** Runs a path with and without windows; figures are means over the seeds. */
export function figuresOf(scenario: Omit<Scenario, "seed">, seeds = 3): {
  readonly with: PathFigures;
  readonly without: PathFigures;
} {
  const mean = (results: Result[], of: (result: Result) => number) =>
    results.reduce((sum, result) => sum + of(result), 0) / results.length;
  const measure = (extra: Partial<Scenario>): PathFigures => {
    const results = Array.from(
      { length: seeds },
      (_, i) => simulate({ ...scenario, seed: i + 1, ...extra }),
    );
    return {
      p50: mean(results, (result) => result.p(0.5)),
      p99: mean(results, (result) => result.p(0.99)),
      to: mean(results, (result) => result.to / scenario.to.rate),
      from: mean(results, (result) => result.from / scenario.from.rate),
      competitor: mean(results, (result) => result.competitor / scenario.to.rate),
    };
  };
  return { with: measure({}), without: measure({ makeWindow: undefined }) };
}

/** The figures of all paths, by name. */
export function allFigures(): Record<string, ReturnType<typeof figuresOf>> {
  return Object.fromEntries(
    Object.entries(PATHS).map(([name, scenario]) => [name, figuresOf(scenario)]),
  );
}

if (import.meta.main) {
  const row = ({ p50, p99, to, from, competitor }: PathFigures) =>
    [p50, p99].map((ms) => (ms > 0 ? ms.toFixed(1) : "none").padStart(8)).join("") +
    [to, from, competitor].map((share) => `${(share * 100).toFixed(0)}%`.padStart(6))
      .join("");
  console.log(
    "echo beside bulk, in ms, and shares".padEnd(36),
    "   with: p50     p99    to  from other | without".padEnd(40),
  );
  for (const [name, figures] of Object.entries(allFigures())) {
    console.log(name.padEnd(36), row(figures.with), " |", row(figures.without));
  }
}
