/**
 * Log lines: events with fields, as an aligned line for people or as JSON, on stderr.
 *
 *   info   web    Ready at 127.0.42.101 after 212 ms
 *   warn   db     "docker exec -i db norouter" exited with status 1: …
 *   info   web    | a line that the command of "web" wrote
 *   info          Every host is ready
 *
 * @module
 */
import { lostLines, stderr } from "./console.ts";
import type { GlobalOptions, LogFormat } from "../options.ts";
import { type Piece, renderJson } from "./printable.ts";

/** How much an event matters. */
export type Level = "debug" | "info" | "warn" | "error";

/** Something that happened. Further fields are for machines. */
export interface LogEvent {
  /** How much the event matters. */
  readonly level: Level;
  /** A line for people. */
  readonly message: string;
  /** The kind of event. */
  readonly type?: string;
  /** The host concerned. */
  readonly host?: string;
}

/** How a log writes. */
export interface LogOptions {
  /** For people or for machines. */
  readonly format: LogFormat;
  /** Whether debug events are written, and times. */
  readonly debug: boolean;
  /** Takes lines and makes them printable. */
  readonly to: LogTarget;
}

/** Where lines go. */
export interface LogTarget {
  /** Takes a line for people, without its end. */
  line(...pieces: readonly Piece[]): void;
  /** Takes a line for machines. */
  json(value: unknown): void;
}

/** Colours of SGR: dim, yellow, red. */
const LEVEL_COLORS = { debug: 2, info: undefined, warn: 33, error: 31 };
/** Hosts are told apart by colour: cyan, green, magenta, blue, and bright colours. */
const HOST_COLORS = [36, 32, 35, 34, 96, 92, 95, 94];

/** Writes events. */
export class Log {
  readonly #options: LogOptions;
  #hosts: readonly string[] = [];
  #width = 0;

  /** A log that knows no hosts yet. */
  constructor(options: LogOptions) {
    this.#options = options;
  }

  /** Tells the names that will come, so that lines are aligned from the first on. */
  expect(hosts: readonly string[]): void {
    this.#hosts = hosts;
    this.#width = Math.max(0, ...hosts.map((name) => name.length));
  }

  /**
   * Writes an event with further fields, unless the event is for developers and `debug`
   * is off.
   */
  event(event: LogEvent, fields: Readonly<Record<string, unknown>> = {}): void {
    const { format, debug, to } = this.#options;
    if (event.level === "debug" && !debug) return;
    const time = new Date().toISOString();
    if (format === "json") to.json(asJson({ ...event, ...fields }, time));
    else to.line(...this.#human(event, time));
  }

  #human(event: LogEvent, time: string): Piece[] {
    const { level, host = "", message } = event;
    const when = this.#options.debug ? time.slice(11, 23) + "  " : "";
    const name = host.padEnd(this.#width);
    const gap = name === "" ? "" : "  ";
    const margin = when.length + 5 + 2 + name.length + gap.length;
    // A carriage return ends lines of some, and overwrites those of others.
    const [first = "", ...rest] = message.trimEnd().replaceAll("\r", "").split("\n");
    const more = rest.map((line) => "\n" + " ".repeat(margin) + line).join("");
    const color = LEVEL_COLORS[level];
    const hostColor = HOST_COLORS[this.#hosts.indexOf(host) % HOST_COLORS.length];
    return [
      when,
      colored(color, level.padEnd(5)),
      "  ",
      colored(hostColor, name),
      gap,
      colored(color, first + more),
    ];
  }
}

function colored(color: number | undefined, text: string): Piece {
  return color === undefined || text === "" ? text : [color, text];
}

function asJson({ level, type, host, message, ...fields }: LogEvent, time: string) {
  return { time, level, type, host, message, ...fields };
}

/** The log of a command: to stderr, in colour on a terminal. */
export function openLog({ logFormat, debug = false }: Partial<GlobalOptions>): Log {
  const format = logFormat ?? "human";
  stderr.tellLost = (lines, why) => {
    const message = lostLines(lines, why);
    if (format === "human") return `warn   ${message}`;
    const event = { level: "warn", type: "lost", message, lines } as const;
    return renderJson(asJson(event, new Date().toISOString()));
  };
  return new Log({ format, debug, to: stderr });
}
