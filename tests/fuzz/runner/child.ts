/**
 * Runs the cases of a target, in a process of its own that can be ended from outside:
 * `child.ts '{"target": …, "seed": …, "seconds": …}'`, or with `files` to run kept cases.
 *
 * The child prints a line before each step, so that the watcher knows the case that hung,
 * or that ended the process:
 *
 *     at SEED INDEX     the case with this number of those that SEED gives
 *     file PATH         the case in this file
 *     failed JSON       a case that failed, and smaller ones while it shrinks
 *     done JSON         a {@linkcode ChildReport}
 *
 * @module
 */
import fc from "fast-check";
import { setImmediate } from "node:timers/promises";
import { within } from "../../harness/scene/wait.ts";
import type { FuzzTarget } from "../target.ts";
import { loadTarget } from "./targets.ts";

/** The task of the process. */
export interface ChildPlan {
  readonly target: string;
  readonly seed: number;
  readonly seconds: number;
  /** Kept cases to run instead. */
  readonly files?: readonly string[];
  /** Milliseconds that a case may take. */
  readonly caseLimitMs: number;
}

/** The result of a plan. */
export interface ChildReport {
  readonly cases: number;
  readonly seconds: number;
  readonly failure?: string;
}

/** Cases made of a seed: small ones come first, so a new seed begins anew with them. */
const BATCH = 200;
/** Milliseconds that a failed case is made smaller. */
const SHRINK_MS = 20_000;

function say(line: string): void {
  const bytes = new TextEncoder().encode(line + "\n");
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

/** Rejections that nobody awaited, which would end a manager or an agent. */
const strays: unknown[] = [];

function catchStrays(): void {
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    strays.push(event.reason);
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    strays.push(event.error);
  });
}

async function runCase(
  target: FuzzTarget<unknown>,
  input: unknown,
  limitMs: number,
): Promise<void> {
  const running = target.run(input);
  if (running !== undefined) await within("the end of the case", running, limitMs);
  // Unhandled rejections are told in a turn of their own.
  await setImmediate();
  const stray = strays.shift();
  if (stray !== undefined) {
    throw new Error("Something failed that nobody awaited", { cause: stray });
  }
}

async function fuzz(target: FuzzTarget<unknown>, plan: ChildPlan): Promise<ChildReport> {
  const began = performance.now();
  const end = began + plan.seconds * 1000;
  const report = (cases: number) => ({
    cases,
    seconds: (performance.now() - began) / 1000,
  });
  let cases = 0;
  for (let seed = plan.seed; performance.now() < end; seed = seed + BATCH | 0) {
    let index = 0;
    let shrinkingSince: number | undefined;
    const property = fc.asyncProperty(target.cases, async (input) => {
      const now = performance.now();
      if (shrinkingSince === undefined ? now > end : now > shrinkingSince + SHRINK_MS) {
        return;
      }
      if (shrinkingSince === undefined) {
        say(`at ${seed} ${index++}`);
        cases++;
      }
      try {
        await runCase(target, input, plan.caseLimitMs);
      } catch (error) {
        shrinkingSince ??= now;
        say(`failed ${JSON.stringify(input)}`);
        throw error;
      }
    });
    const result = await fc.check(property, { seed, numRuns: BATCH });
    if (result.failed) {
      return { ...report(cases), failure: describe(result.errorInstance) };
    }
  }
  return report(cases);
}

async function replay(
  target: FuzzTarget<unknown>,
  plan: ChildPlan,
): Promise<ChildReport> {
  const began = performance.now();
  const failures: string[] = [];
  const { files = [] } = plan;
  for (const path of files) {
    say(`file ${path}`);
    try {
      const input = JSON.parse(await Deno.readTextFile(path));
      await runCase(target, input, plan.caseLimitMs);
    } catch (error) {
      failures.push(`${path}: ${describe(error)}`);
    }
  }
  return {
    cases: files.length,
    seconds: (performance.now() - began) / 1000,
    ...(failures.length > 0 && { failure: failures.join("\n") }),
  };
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : `\ncaused by ${describe(error.cause)}`;
  return (error.stack ?? error.message) + cause;
}

if (import.meta.main) {
  catchStrays();
  const plan: ChildPlan = JSON.parse(Deno.args[0]!);
  try {
    const target = await loadTarget(plan.target);
    const report = await (plan.files ? replay : fuzz)(target, plan);
    say(`done ${JSON.stringify(report)}`);
  } catch (error) {
    console.error(describe(error));
    Deno.exit(1);
  }
  // Resources that a failed case left open must not keep the process.
  Deno.exit(0);
}
