/**
 * The events that a manager tells programs, one JSON object a line.
 *
 * @module
 */
import { NOROUTER } from "./mesh.ts";
import type { Namespace } from "./namespace.ts";
import { Process } from "./process.ts";
import type { UntilOptions } from "./wait.ts";

/** An event; further fields by its type. */
export interface Told {
  readonly type: string;
  readonly host?: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

/** Options of {@linkcode TellingManager}. */
export interface TellingOptions {
  readonly namespace: Namespace;
  /** The words that start it; NoRouter under test by default. */
  readonly program?: readonly string[];
  /** Arguments behind the manifest. */
  readonly args?: readonly string[];
  readonly env?: Record<string, string>;
}

/** A manager that tells events. */
export class TellingManager extends Process {
  constructor(
    manifest: string,
    { namespace, program = NOROUTER, args = [], env = {} }: TellingOptions,
  ) {
    const words = [...program, "--debug", "--log-format", "json", manifest, ...args];
    super("manager", words, { namespace, env: { NO_COLOR: "1", ...env } });
  }

  /** Events so far, of a type and host, oldest first. */
  events(type: string, host?: string, after = 0): Told[] {
    return this.since(after).split("\n")
      .filter((line) => line.startsWith("{") && line.includes(`"type":"${type}"`))
      .map((line): Told => JSON.parse(line))
      .filter((event) => event.type === type && (!host || event.host === host));
  }

  /** Waits for an event of a type and host; `after` a mark, to wait anew. */
  async told(
    type: string,
    host: string,
    options: UntilOptions & { after?: number } = {},
  ): Promise<Told> {
    const pattern = new RegExp(
      `^(?=\\{)(?=.*"type":"${type}")(?=.*"host":"${host}")(.*)$`,
    );
    const [line] = await this.line(pattern, { limitMs: 60_000, ...options });
    return JSON.parse(line!);
  }
}
