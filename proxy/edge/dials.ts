/**
 * Dials of real addresses, counted by what became of them.
 *
 * @module
 */
import { type DialCounters, dialCounters } from "../../wire/control/agent_services.ts";
import { dial, DialError } from "./dial.ts";

/** Dials and counts. */
export class Dials {
  readonly #counters = dialCounters();

  /** The dials that are over, by fate. */
  get counters(): Readonly<DialCounters> {
    return this.#counters;
  }

  /** As the function {@linkcode dial}. */
  readonly dial = async (
    hostname: string,
    port: number,
    signal?: AbortSignal,
  ): Promise<Deno.TcpConn> => {
    try {
      const socket = await dial(hostname, port, signal);
      this.#counters.connected++;
      return socket;
    } catch (error) {
      const failure = error instanceof DialError ? error.failure : "failed";
      this.#counters[signal?.aborted ? "abandoned" : failure]++;
      throw error;
    }
  };
}
