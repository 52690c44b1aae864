/**
 * A peer started by a test, and the reports so far.
 *
 * @module
 */
import type { Namespace } from "../scene/namespace.ts";
import { Process } from "../scene/process.ts";
import type { Report } from "./peer.ts";
import { until, type UntilOptions } from "../scene/wait.ts";

const PEER = new URL("./peer.ts", import.meta.url).pathname;

/** A peer in a namespace; see peer.ts for the roles. */
export class Peer extends Process {
  constructor(namespace: Namespace, role: string, ...args: (string | number)[]) {
    const command = [
      Deno.execPath(),
      "run",
      "--quiet",
      "-A",
      PEER,
      role,
      ...args.map(String),
    ];
    super(`peer ${[role, ...args].join(" ")}`, command, { namespace });
  }

  /** The peer's reports, oldest first. */
  get reports(): Report[] {
    return this.since().split("\n").filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line));
  }

  /** Waits for a report of `event` that `wanted` accepts; fails if the peer ends without. */
  async report(
    event: string,
    wanted: (report: Report) => boolean = () => true,
    options?: UntilOptions,
  ): Promise<Report> {
    return await until(`"${event}" from ${this.name}`, () => {
      const ended = this.isComplete;
      const found = this.reports.find((each) => each.event === event && wanted(each));
      if (found === undefined && ended) {
        throw new Error(`${this.name} ended without reporting "${event}"`);
      }
      return found;
    }, options);
  }
}
