/**
 * The subject of the benchmark: a running tool, and its ways to the services.
 *
 * @module
 */
import type { Namespace } from "../tests/harness/scene/namespace.ts";
import type { World } from "./world.ts";

/** A way from a client to the services. */
export interface Way {
  /** Its column in the table. */
  readonly name: string;
  /** Where the client runs. */
  readonly client: Namespace;
  readonly address: string;
  readonly iperfPort: number;
  readonly echoPort: number;
}

/** A process whose memory and processor time count for a way. */
export interface Part {
  /** The way's name. */
  readonly way: string;
  /**
   * The end that the client talks to, the end that talks to the service, or what lies
   * between.
   */
  readonly end: "near" | "middle" | "far";
  readonly pid: number;
}

/** A tool that was started, and may not be ready yet. */
export interface RunningTool extends AsyncDisposable {
  /** When the user's command was started, in milliseconds of {@linkcode wallClock}. */
  readonly startedAt: number;
  /** The processes of the tool that run at this moment. */
  parts(): Part[];
}

export interface Tool {
  readonly name: string;
  /** The tool's ways, known before its start; readiness is measured on the first. */
  ways(world: World): Way[];
  /** Prepares before the first round, such as makes keys; gives notes for the report. */
  prepare?(world: World): Promise<Record<string, string>>;
  /** Starts the tool without waiting for readiness, because that time is measured. */
  start(world: World): Promise<RunningTool>;
}

/** Milliseconds since 1970 with a fraction, to compare times between processes. */
export function wallClock(): number {
  return performance.timeOrigin + performance.now();
}
