/**
 * The listener of a control socket: hands over connections, so many at a time, and survives
 * a shortage of descriptors.
 *
 * `Deno.serve` does neither: an accept that fails ends its server, and with that the
 * process; and whoever may connect can take all descriptors of the mesh.
 *
 * Clients beyond {@linkcode MOST_CONNECTIONS} wait in the queue of the kernel.
 *
 * @module
 */

import { noteShortage } from "../proxy/edge/descriptors.ts";

/** Connections that are served at a time. */
export const MOST_CONNECTIONS = 64;
/** Milliseconds after an accept that failed. */
const PAUSE_MS = 100;

/** Serves a connection, and closes it. Never rejects. */
export type Serve = (connection: Deno.UnixConn) => Promise<void>;

/** A listener, until it is closed. */
export class ControlListener {
  readonly #listener: Deno.UnixListener;
  readonly #open = new Map<Deno.UnixConn, Promise<void>>();
  #isClosed = false;
  /** Lets the loop go on. */
  #wake = () => {};

  /** Listens at a path. @throws {Error} as `Deno.listen` does. */
  constructor(path: string, serve: Serve) {
    this.#listener = Deno.listen({ transport: "unix", path });
    this.#accept(serve);
  }

  /** Takes no more connections, and those that are not done in `ms` are closed. */
  async close(ms: number): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#listener.close();
    this.#wake();
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    await Promise.race([late, Promise.all(this.#open.values())]);
    clearTimeout(timer);
    for (const connection of this.#open.keys()) closed(connection);
    await Promise.all(this.#open.values());
  }

  async #accept(serve: Serve): Promise<void> {
    while (!this.#isClosed) {
      if (this.#open.size >= MOST_CONNECTIONS) {
        await this.#pause();
        continue;
      }
      let connection: Deno.UnixConn;
      try {
        connection = await this.#listener.accept();
      } catch (error) {
        if (this.#isClosed) return;
        noteShortage(error);
        await this.#pause(PAUSE_MS);
        continue;
      }
      const done = serve(connection).finally(() => {
        this.#open.delete(connection);
        if (this.#open.size === MOST_CONNECTIONS - 1) this.#wake();
      });
      this.#open.set(connection, done);
    }
  }

  /** Waits until it is woken, or for `ms`. */
  #pause(ms?: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Closes a connection, unless somebody has. */
export function closed(connection: Deno.UnixConn): void {
  try {
    connection.close();
  } catch {
    // It is.
  }
}
