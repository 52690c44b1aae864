/**
 * Time and rounds of the event loop, as the system has them.
 *
 * A round lets timers and work known to be ready go on, in some two microseconds
 * (`setTimeout` would take a millisecond or two). A round does not poll the system for
 * new events: while any task wants to run, the runtime that Deno is built on polls only
 * every 61st time. So beside a link or a connection whose bytes are always there, a byte
 * that somebody else sends is noticed late. Once in a while all who rest therefore wait
 * together until the system was asked: after {@linkcode SystemPace.begin} that is a byte
 * to ourselves over a unix socket, which comes by way of the system with all else that is
 * there, in some microseconds; otherwise so many rounds that it must have been. Where
 * we start the runtime ourselves, in our executables, it polls in each round instead
 * (`DENO_TOKIO_EVENT_INTERVAL`), which costs least.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import type { Pace } from "../wire/turn.ts";

/** Rounds after which the system was asked (tokio's `event_interval` + 1). */
const ROUNDS = 62;
/** Milliseconds after which the system has to be asked again, if that takes rounds. */
const ASK_BY_ROUNDS_EVERY = 6;
/** The same, if that takes a byte. */
const ASK_EVERY = 0.5;

/** Time and rounds of a process. */
export class SystemPace implements Pace {
  readonly #askEvery: number;
  #askedAt = -Infinity;
  #asking: Promise<void> | undefined;
  #echo: Echo | undefined;
  #isBegun = false;

  /** `askEvery`: milliseconds between two questions, once begun. */
  constructor(askEvery: number = ASK_EVERY) {
    this.#askEvery = askEvery;
  }

  /**
   * From now on, once somebody rests, a connection with ourselves makes the questions cheap.
   * For programs, which end with their process: it stays open.
   */
  begin(): void {
    this.#isBegun = true;
  }

  /** The runtime was started so that it asks in each round. */
  everyRound(): void {
    this.#askedAt = Infinity;
  }

  now(): number {
    return performance.now();
  }

  rest(): Promise<void> {
    if (this.#asking !== undefined) return this.#asking;
    if (this.#isBegun) this.#open();
    const every = this.#echo ? this.#askEvery : ASK_BY_ROUNDS_EVERY;
    if (performance.now() - this.#askedAt < every) return rounds(1);
    return this.#asking = this.#ask();
  }

  async #ask(): Promise<void> {
    if (!await this.#echo?.ask()) {
      this.#echo = undefined;
      await rounds(ROUNDS);
    }
    this.#asking = undefined;
    this.#askedAt = performance.now();
  }

  #open(): void {
    this.#isBegun = false;
    // There may be no unix sockets, or no folder for them.
    Echo.open().then((echo) => this.#echo = echo, () => {});
  }
}

/** A connection with ourselves. */
class Echo {
  readonly #to: Deno.Conn;
  readonly #from: Deno.Conn;
  readonly #byte = new Uint8Array(1);
  readonly #into = new Uint8Array(16);

  private constructor(to: Deno.Conn, from: Deno.Conn) {
    this.#to = to;
    this.#from = from;
  }

  /** Connects, in a folder of our own, of which nothing is left. Rejects if that cannot be. */
  static async open(): Promise<Echo> {
    const folder = await Deno.makeTempDir({ prefix: "norouter-" });
    try {
      const address = { transport: "unix", path: `${folder}/echo` } as const;
      using listener = Deno.listen(address);
      const [to, from] = await Promise.all([Deno.connect(address), listener.accept()]);
      return new Echo(to, from);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }

  /** Settles when the system was asked for events; false if the connection is broken. */
  async ask(): Promise<boolean> {
    try {
      // The read comes first, and waits: so nothing keeps the system from being asked.
      const got = this.#from.read(this.#into);
      got.catch(() => {}); // told by the result below
      await this.#to.write(this.#byte);
      return await got !== null;
    } catch {
      return false;
    }
  }
}

/** That of this process. */
export const systemPace: SystemPace = new SystemPace();

/** Settles so many rounds later. */
function rounds(count: number): Promise<void> {
  return new Promise((resolve) => {
    const next = () => void (count-- > 0 ? setImmediate(next) : resolve());
    next();
  });
}
