/** The real listeners of an agent, and what its manager is told about them. */
import { listen, type Listener } from "../proxy/listener.ts";
import type { ListenerStatus } from "../wire/control.ts";

/** One to be opened. */
export interface Wanted {
  readonly kind: ListenerStatus["kind"];
  /** Name or address, IPv6 without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** Takes each connection. */
  readonly serve: (socket: Deno.TcpConn) => void;
}

/** Listeners that end together. */
export class Listeners {
  readonly #warn: (message: string) => void;
  readonly #listeners: Listener[] = [];
  readonly #statuses: ListenerStatus[] = [];

  /** `warn` takes a line for people about an accept that failed. */
  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  /** All that were wanted, opened or not. */
  get statuses(): readonly ListenerStatus[] {
    return this.#statuses;
  }

  /** Opens one. Never throws: what stands in the way is told by its status. */
  open({ kind, hostname, port, serve }: Wanted): void {
    const address = `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
    try {
      this.#listeners.push(listen({
        hostname,
        port,
        onConnection: serve,
        onError: (error) => {
          this.#warn(`Cannot accept a connection on ${address}: ${error.message}`);
        },
      }));
      this.#statuses.push({ address, kind });
    } catch (cause) {
      const error = cause as Error & { code?: string };
      const code = error.code ?? codeOf(error);
      this.#statuses.push({ address, kind, error: { code, message: error.message } });
    }
  }

  /** Notes one that cannot be opened, because its address is none. */
  refuse(kind: ListenerStatus["kind"], address: string, message: string): void {
    this.#statuses.push({ address, kind, error: { code: "EINVAL", message } });
  }

  /** Stops them; settles when they have. Connections go on. */
  async close(): Promise<void> {
    for (const listener of this.#listeners) listener.close();
    await Promise.all(this.#listeners.map(({ finished }) => finished));
  }
}

/** The system's name of an error whose code Deno did not keep. */
function codeOf(error: Error): string {
  if (error instanceof Deno.errors.AddrInUse) return "EADDRINUSE";
  if (error instanceof Deno.errors.AddrNotAvailable) return "EADDRNOTAVAIL";
  if (error instanceof Deno.errors.PermissionDenied) return "EACCES";
  return error.name;
}
