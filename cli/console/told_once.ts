/**
 * Each failure is told once: the lines that a command wrote before it failed are part of
 * the reason, and so are not shown beside it.
 *
 * Lines of a host are held for a moment, to see whether its link fails of what they say.
 * The machine's form of the log gets everything as it comes.
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

/** Events on their way to the log of people. */
export class ToldOnce {
  readonly #show: (event: MeshEvent) => void;
  readonly #held = new Map<string, Held>();

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
    this.#release(host, event.type === "down" ? event.message : "");
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
    if (held && held.lines.length > MOST) this.#show(held.lines.shift()!);
  }

  /** Shows the lines of a host that are not part of the reason. */
  #release(host: string, reason = ""): void {
    const held = this.#held.get(host);
    if (!held) return;
    clearTimeout(held.timer);
    this.#held.delete(host);
    for (const event of held.lines) {
      if (!reason.includes(event.line.trim())) this.#show(event);
    }
  }
}

type Output = MeshEvent & { readonly type: "output" };

interface Held {
  readonly timer: ReturnType<typeof setTimeout>;
  readonly lines: Output[];
}
