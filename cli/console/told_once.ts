/**
 * Each failure is told once: the lines that a command wrote before failing are part of
 * the reason, and so are not shown beside it.
 *
 * Lines of a host are held for a moment, to see whether its link fails of what they say.
 * Those that an earlier attempt has said, of the same failures in a row, are not shown
 * again. The machine's form of the log gets every event immediately.
 *
 * @module
 */
import type { MeshEvent } from "../../manager/events.ts";

/**
 * Milliseconds that a line is held: the end of a command and of its children takes less.
 */
const HOLD = 800;
/** Lines of a host that are held; of more, a failure is told with the last of them. */
const MOST = 20;
/** Different lines of a host's failed attempts that are remembered. */
const MOST_REMEMBERED = 100;
/** The parts of a repeated line that vary between attempts: times, numbers, ids. */
const VARYING = /\b[\da-f]{8,}\b|\d+/gi;

/** Events on their way to the log of people. */
export class ToldOnce {
  readonly #show: (event: MeshEvent) => void;
  readonly #held = new Map<string, Held>();
  readonly #attempts = new Map<string, Attempts>();

  /** `show` takes the lines to be seen, in order for each host. */
  constructor(show: (event: MeshEvent) => void) {
    this.#show = show;
  }

  take(event: MeshEvent): void {
    const host = "host" in event ? event.host : undefined;
    if (host === undefined) return this.#show(event);
    if (event.type === "output") return this.#hold(host, event);
    // Words of a host's agent about itself are no output of its command.
    if (event.type === "connection") return this.#show(event);
    if (event.type === "down" || event.type === "away") this.#failed(host, event);
    else this.#release(host);
    if (event.type === "ready") this.#attemptsOf(host).isReady = true;
    this.#show(event);
  }

  /** Shows all that is held. */
  flush(): void {
    for (const host of this.#held.keys()) this.#release(host);
  }

  #hold(host: string, event: Output): void {
    const held = this.#held.get(host);
    if (held) held.lines.push(event);
    else {
      const timer = setTimeout(() => this.#release(host), HOLD);
      this.#held.set(host, { timer, lines: [event] });
    }
    if (held && held.lines.length > MOST) this.#showLine(host, held.lines.shift()!);
  }

  /** The host was up for a while, or never tried, before the first of some failures. */
  #failed(host: string, { attempt, message }: Down): void {
    const attempts = this.#attemptsOf(host);
    if (attempt === 1) attempts.earlier.clear();
    attempts.isReady = false;
    this.#release(host, message);
    for (const text of attempts.last) {
      if (attempts.earlier.size < MOST_REMEMBERED) attempts.earlier.add(text);
    }
    attempts.last.clear();
  }

  #attemptsOf(host: string): Attempts {
    const known = this.#attempts.get(host);
    if (known) return known;
    const attempts = {
      isReady: false,
      earlier: new Set<string>(),
      last: new Set<string>(),
    };
    this.#attempts.set(host, attempts);
    return attempts;
  }

  /** Shows the lines of a host that are not part of the reason, nor known from attempts before. */
  #release(host: string, reason = ""): void {
    const held = this.#held.get(host);
    if (!held) return;
    clearTimeout(held.timer);
    this.#held.delete(host);
    for (const event of held.lines) {
      if (!reason.includes(event.line.trim())) this.#showLine(host, event);
    }
  }

  #showLine(host: string, event: Output): void {
    const { isReady, earlier, last } = this.#attemptsOf(host);
    if (isReady) return this.#show(event);
    const text = event.line.trim().replace(VARYING, "0");
    if (earlier.has(text)) return;
    if (last.size < MOST_REMEMBERED) last.add(text);
    this.#show(event);
  }
}

type Output = MeshEvent & { readonly type: "output" };
type Down = MeshEvent & { readonly type: "down" | "away" };

/** The attempts to reach a host, and the lines of each, without the parts that vary. */
interface Attempts {
  /** Whether the last attempt came through: then all that the host says is news. */
  isReady: boolean;
  /** The lines of the failures in a row. */
  readonly earlier: Set<string>;
  /** The lines of the attempt under way. */
  readonly last: Set<string>;
}

interface Held {
  readonly timer: ReturnType<typeof setTimeout>;
  readonly lines: Output[];
}
