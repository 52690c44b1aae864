/**
 * Suite: measures that share an arrangement of namespaces and tools.
 *
 * A round plays the measures of a suite in immediate succession on all of its ways, so
 * that other load of the machine falls on all of them.
 *
 * @module
 */
import type { Requirement } from "../tests/harness/scene/requirements.ts";

/** Units of figures. Of those with `bit/s` more is better, of the others less. */
export type Unit = "Gbit/s" | "Mbit/s" | "µs" | "ms" | "MB" | "KB" | "%" | "s/GiB" | "×";

/** A figure of a run. */
export interface Figure {
  /** The row of the table. */
  readonly row: string;
  readonly unit: Unit;
  readonly value: number;
}

/** A measure on a way, to choose from. */
export interface Label {
  readonly way: string;
  readonly measure: string;
}

/** What a round is to do. */
export interface Plan {
  /** The round's number from 0; each round may visit the ways in another order. */
  readonly round: number;
  /** Length of a run, where a measure does not need longer. */
  readonly seconds: number;
  /** Whether to look only whether the measures work. */
  readonly isQuick: boolean;
  /** Whether a measure on a way was asked for. */
  wants(way: string, measure: string): boolean;
  /** Takes the figures of a measure on a way. */
  take(way: string, measure: string, figures: readonly Figure[]): void;
  /** Adds a fact to the report, such as a limit that was met. */
  note(name: string, fact: string): void;
}

/** An arrangement that stands. */
export interface OpenSuite extends AsyncDisposable {
  play(plan: Plan): Promise<void>;
}

/** See the head of this file. */
export interface Suite {
  readonly name: string;
  readonly needs: readonly Requirement[];
  /** Ways to which the table gives the ratios of NoRouter's figures. */
  readonly beside: readonly string[];
  /** All measures on all ways. */
  readonly labels: readonly Label[];
  /** Makes the arrangement; `note` adds facts to the report. */
  open(note: Plan["note"]): Promise<OpenSuite>;
}

/** Each measure on each way. */
export function labelsOf(ways: readonly string[], measures: readonly string[]): Label[] {
  return ways.flatMap((way) => measures.map((measure) => ({ way, measure })));
}

/** A label as shown, and as `--only` is matched on. */
export function nameOf(suite: string, { way, measure }: Label): string {
  return `${suite}/${way}: ${measure}`;
}
