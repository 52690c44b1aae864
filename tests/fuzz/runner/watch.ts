/**
 * Runs a target in a process of its own and watches the process: a case that takes too
 * long, or that ends the process, is a failure like another, and is kept.
 *
 * @module
 */
import fc from "fast-check";
import { TextLineStream } from "../../harness/scene/lines.ts";
import type { ChildPlan, ChildReport } from "./child.ts";
import { keepCase } from "./corpus.ts";
import { loadTarget } from "./targets.ts";

/** The run to make. */
export interface WatchPlan {
  readonly target: string;
  readonly seed?: number;
  readonly seconds?: number;
  /** Kept cases to run instead. */
  readonly files?: readonly string[];
  /** Milliseconds that a case may take; 10 000 by default. */
  readonly caseLimitMs?: number;
  /** Where a case that failed is kept; tests/corpus/ by default. */
  readonly corpus?: URL;
}

/** The result of a run. */
export interface Outcome extends ChildReport {
  readonly seed: number;
  /** Where the case that failed was kept. */
  readonly kept?: string;
}

const CASE_LIMIT_MS = 10_000;
/** How much longer than a case may take the process may be silent, to say so itself. */
const GRACE_MS = 5_000;
/** A process needs so long to load, and to end. */
const START_MS = 30_000;
const CHILD = new URL("./child.ts", import.meta.url).pathname;

/** Runs the plan. Rejects only if the target cannot be run at all. */
export async function watch(plan: WatchPlan): Promise<Outcome> {
  const { target, seed = 0, seconds = 0, caseLimitMs = CASE_LIMIT_MS, files } = plan;
  const childPlan: ChildPlan = {
    target,
    seed,
    seconds,
    caseLimitMs,
    ...(files && { files }),
  };
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", CHILD, JSON.stringify(childPlan)],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let at = "";
  let failed: string | undefined;
  let report: ChildReport | undefined;
  let silent = false;
  let cases = 0;
  const began = performance.now();
  const kill = () => {
    silent = true;
    child.kill("SIGKILL");
  };
  let timer = setTimeout(kill, START_MS);
  const lines = child.stdout.pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream());
  let heard = began;
  for await (const line of lines) {
    const [, word, rest = ""] = /^(\w+) (.*)$/.exec(line) ?? [];
    if (word === "at" || word === "file") {
      at = rest;
      cases++;
    } else if (word === "failed") failed = rest;
    else if (word === "done") report = JSON.parse(rest);
    // Not for each of thousands of cases a second.
    const now = performance.now();
    if (now - heard > 250 || at === "" || cases === 1) {
      heard = now;
      clearTimeout(timer);
      timer = setTimeout(kill, caseLimitMs + GRACE_MS);
    }
  }
  const { code, signal } = await child.status;
  clearTimeout(timer);
  const seconds_ = (performance.now() - began) / 1000;
  if (report === undefined) {
    if (at === "") {
      throw new Error(`The target "${target}" did not start (status ${code})`);
    }
    const how = silent
      ? `a case took more than ${caseLimitMs / 1000} s`
      : `the process ended with ${signal ?? `status ${code}`}`;
    report = { cases, seconds: seconds_, failure: `${how}, at ${at}` };
  }
  if (report.failure === undefined || files) return { ...report, seed };
  const input = failed === undefined ? await caseAt(target, at) : JSON.parse(failed);
  return { ...report, seed, kept: keepCase(target, input, plan.corpus) };
}

/** Makes the case again that the process was at. */
async function caseAt(name: string, at: string): Promise<unknown> {
  const [seed, index] = at.split(" ").map(Number);
  const { cases } = await loadTarget(name);
  return fc.sample(cases, { seed: seed!, numRuns: index! + 1 }).at(-1);
}
