// Log lines: events with fields, as one aligned line for people or as JSON, on stderr.
//
//   info   web    Ready at 127.0.42.101 after 212 ms
//   warn   db     "docker exec -i db norouter" exited with status 1: …
//   info   web    | a line that the command of "web" wrote
//   info          Every host is ready
import type { GlobalOptions, LogFormat } from "./options.ts";

/** How much an event matters. */
export type Level = "debug" | "info" | "warn" | "error";

/** Something that happened. Whatever fields it has besides are for machines. */
export interface LogEvent {
  /** How much it matters. */
  readonly level: Level;
  /** One line for people. */
  readonly message: string;
  /** What kind of event it is. */
  readonly type?: string;
  /** The host it is about. */
  readonly host?: string;
}

/** How a log writes. */
export interface LogOptions {
  /** For people or for machines. */
  readonly format: LogFormat;
  /** Whether debug events are written, and times. */
  readonly debug: boolean;
  /** Whether lines for people are coloured. */
  readonly color: boolean;
  /** Takes one line, its end included. */
  readonly write: (line: string) => void;
}

const RESET = "\x1b[0m";
const LEVEL_COLORS = { debug: "\x1b[2m", info: "", warn: "\x1b[33m", error: "\x1b[31m" };
/** Hosts are told apart by colour: cyan, green, magenta, blue, and bright ones. */
const HOST_COLORS = [36, 32, 35, 34, 96, 92, 95, 94].map((code) => `\x1b[${code}m`);

/** Writes events. */
export class Log {
  readonly #options: LogOptions;
  #hosts: readonly string[] = [];
  #width = 0;

  /** A log that knows no hosts yet. */
  constructor(options: LogOptions) {
    this.#options = options;
  }

  /** Tells the names that will come, so that lines are aligned from the first one on. */
  expect(hosts: readonly string[]): void {
    this.#hosts = hosts;
    this.#width = Math.max(0, ...hosts.map((name) => name.length));
  }

  /** Writes an event with further fields, unless it is for developers and none is there. */
  event(event: LogEvent, fields: Readonly<Record<string, unknown>> = {}): void {
    const { format, debug, write } = this.#options;
    if (event.level === "debug" && !debug) return;
    const time = new Date().toISOString();
    const line = format === "json"
      ? this.#json({ ...event, ...fields }, time)
      : this.#human(event, time);
    write(line);
  }

  #json({ level, type, host, message, ...fields }: LogEvent, time: string): string {
    return JSON.stringify({ time, level, type, host, message, ...fields }) + "\n";
  }

  #human(event: LogEvent, time: string): string {
    const { level, host = "", message } = event;
    const when = this.#options.debug ? time.slice(11, 23) + "  " : "";
    const name = host.padEnd(this.#width);
    const margin = `${when}${level.padEnd(5)}  ${name}${this.#width ? "  " : ""}`;
    const [first = "", ...rest] = message.trimEnd().split("\n").map(printable);
    const more = rest.map((line) => "\n" + " ".repeat(margin.length) + line).join("");
    if (!this.#options.color) return margin + first + more + "\n";
    const hostColor = HOST_COLORS[this.#hosts.indexOf(host) % HOST_COLORS.length] ?? "";
    const color = LEVEL_COLORS[level];
    return `${when}${color}${level.padEnd(5)}${RESET}  ${hostColor}${name}${RESET}` +
      `${this.#width ? "  " : ""}${color}${first}${more}${color && RESET}\n`;
  }
}

/** The log of a command: to stderr, in colour where somebody sees it. */
export function openLog({ logFormat, debug = false }: Partial<GlobalOptions>): Log {
  const encoder = new TextEncoder();
  return new Log({
    format: logFormat ?? "human",
    debug,
    color: useColor(),
    write: (line) => writeAll(encoder.encode(line)),
  });
}

/** Colour is for terminals whose users do not object (https://no-color.org). */
export function useColor(): boolean {
  return Deno.stderr.isTerminal() && !Deno.noColor;
}

/** A reader of stderr that went away must not end the mesh. */
function writeAll(bytes: Uint8Array): void {
  try {
    while (bytes.length > 0) bytes = bytes.subarray(Deno.stderr.writeSync(bytes));
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

/** What hosts send is shown, but may not move the cursor or change the terminal. */
function printable(line: string): string {
  // deno-lint-ignore no-control-regex -- control characters are what this is about
  return line.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, (character) => {
    const code = character.charCodeAt(0).toString(16).padStart(2, "0");
    return character === "\r" ? "" : `\\x${code}`;
  });
}
