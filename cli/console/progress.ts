/**
 * How far the agents are that are being sent: a line that is drawn anew on a terminal,
 * lines of the log elsewhere.
 *
 * @module
 */
import type { ProgressEvent } from "../../manager/events.ts";
import { describeProgress } from "../../manager/telling/progress.ts";

/** How often the log has a line of the same host. */
const EVERY_MS = 3000;
/** Columns of a bar. */
const BAR = 16;

/** The destination of a display. */
export interface ProgressOptions {
  /**
   * Shows a line on a terminal in the place of the last line; absent without a terminal.
   */
  readonly draw?: ((text: string) => void) | undefined;
  /** Columns of the terminal. */
  readonly columns: () => number;
  /** Writes a line of the log. */
  readonly log: (event: ProgressEvent) => void;
}

/** Shows events of sending. */
export class ProgressDisplay {
  readonly #options: ProgressOptions;
  /** Hosts that are being sent something, in the order they began. */
  readonly #current = new Map<string, ProgressEvent>();
  readonly #told = new Map<string, number>();

  constructor(options: ProgressOptions) {
    this.#options = options;
  }

  /** Takes an event; the last event of each host is always written to the log. */
  show(event: ProgressEvent): void {
    const { draw, log } = this.#options;
    const { host, done, total, ms } = event;
    if (done >= total) {
      this.forget(host);
      log({ ...event, message: describeProgress(event) });
      return;
    }
    if (draw) {
      this.#current.set(host, event);
      return this.#draw();
    }
    const told = this.#told.get(host) ?? 0;
    if (ms - told < EVERY_MS) return;
    this.#told.set(host, ms);
    log({ ...event, message: describeProgress(event) });
  }

  /** A host is sent nothing any more. */
  forget(host: string): void {
    this.#told.delete(host);
    if (this.#current.delete(host)) this.#draw();
  }

  #draw(): void {
    const { draw, columns } = this.#options;
    const parts = [...this.#current.values()].map(partOf);
    draw?.(parts.join("   ").slice(0, Math.max(20, columns() - 1)));
  }
}

/** Such as `web  ████████░░░░░░░░ sending the agent: 12.0 of 36.7 MB, …`. */
function partOf(event: ProgressEvent): string {
  const filled = Math.round(event.done / event.total * BAR);
  const bar = "█".repeat(filled) + "░".repeat(BAR - filled);
  return `${event.host} ${bar} ${describeProgress(event)}`;
}
