/**
 * A listener of the kernel that hands over each connection and survives bad moments.
 *
 * @module
 */
import { noteShortage } from "./descriptors.ts";
import { turns } from "./turns.ts";

/** After a failed accept (mostly: too many open files), how long until the next. */
const PAUSE_MS = 100;

/** A listener that was opened. */
export interface Listener extends Disposable {
  /** The address listened on. */
  readonly address: Deno.NetAddr;
  /** Settles when the listener has stopped. */
  readonly finished: Promise<void>;
  /** Stops; connections that were handed over go on. */
  close(): void;
}

/** Options of {@linkcode listen}. */
export interface ListenOptions {
  readonly hostname: string;
  readonly port: number;
  /** Takes each connection; small writes are sent at once. */
  readonly onConnection: (connection: Deno.TcpConn) => void;
  /**
   * Told of an accept that failed, at most once a second; not for want of descriptors.
   */
  readonly onError: (error: Error) => void;
}

/**
 * Listens on an address of this machine.
 *
 * Throws as `Deno.listen` does: the address is in use, not this machine's, or needs
 * a right.
 */
export function listen(options: ListenOptions): Listener {
  const { hostname, port } = options;
  const listener = Deno.listen({ hostname, port, transport: "tcp" });
  let closed = false;
  const close = () => {
    if (closed) return;
    closed = true;
    listener.close();
    wake();
  };
  let wake = () => {};
  const pause = () =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, PAUSE_MS);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const accept = async () => {
    let told = -Infinity;
    while (!closed) {
      try {
        options.onConnection(prepared(await listener.accept()));
        const turn = turns.next();
        if (turn) await turn;
      } catch (error) {
        if (closed) return;
        if (isGone(error)) continue;
        if (!noteShortage(error) && performance.now() - told > 1000) {
          told = performance.now();
          options.onError(error as Error);
        }
        await pause();
      }
    }
  };
  return {
    address: listener.addr as Deno.NetAddr,
    finished: accept(),
    close,
    [Symbol.dispose]: close,
  };
}

/**
 * Makes a connection send small writes at once; closes a connection that is gone already.
 */
export function prepared(connection: Deno.TcpConn): Deno.TcpConn {
  try {
    connection.setNoDelay();
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** The client went away between its connecting and our accepting: nobody's fault. */
function isGone(error: unknown): boolean {
  return error instanceof Deno.errors.NotConnected ||
    error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.ConnectionAborted;
}
