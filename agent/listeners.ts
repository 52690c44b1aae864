/**
 * The real listeners of an agent, and what its manager is told about them.
 *
 * One that cannot be opened is tried again, after 1 s and then ever more seldom, up to 30 s:
 * what is in its way, another mesh perhaps, may end.
 */
import { listen, type Listener } from "../proxy/edge/listener.ts";
import type { ListenerStatus } from "../wire/control/control.ts";

/** Milliseconds until those that failed are tried again, doubled up to the last. */
const RETRY_MS = { first: 1000, last: 30_000 };

/** So many are told at once: a manager takes control messages of 64 KiB. */
const MOST_TOLD = 100;

/** One to be opened. */
export interface Wanted {
  readonly kind: ListenerStatus["kind"];
  /** Name or address, IPv6 without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** Takes each connection. */
  readonly serve: (socket: Deno.TcpConn) => void;
  /** Asked if the address is in use: whether who listens there is whom clients want anyway. */
  readonly isServed?: () => boolean;
}

/** What listeners tell. */
export interface ListenersOptions {
  /** Takes a line for people about an accept that failed. */
  readonly warn: (message: string) => void;
  /** Told which of those that had failed are up now, 100 at a time. */
  readonly onUp: (statuses: readonly ListenerStatus[]) => void;
}

/** Listeners that end together. */
export class Listeners {
  readonly #options: ListenersOptions;
  readonly #listeners: Listener[] = [];
  readonly #statuses: ListenerStatus[] = [];
  /** Those to be tried again, and their statuses. */
  #failed: { readonly wanted: Wanted; readonly status: ListenerStatus }[] = [];
  #retryMs = RETRY_MS.first;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  /** Listens nowhere yet. */
  constructor(options: ListenersOptions) {
    this.#options = options;
  }

  /** All that were wanted, opened or not. */
  get statuses(): readonly ListenerStatus[] {
    return this.#statuses;
  }

  /** Opens one. Never throws: what stands in the way is told by its status. */
  open(wanted: Wanted): void {
    const { hostname, port, kind } = wanted;
    const address = `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
    const status: ListenerStatus = { address, kind };
    this.#statuses.push(status);
    if (this.#try(wanted, status)) return;
    this.#failed.push({ wanted, status });
    this.#retryMs = RETRY_MS.first;
    this.#retryLater();
  }

  /** Notes one that cannot be opened, because its address is none. */
  refuse(kind: ListenerStatus["kind"], address: string, message: string): void {
    this.#statuses.push({ address, kind, error: { code: "EINVAL", message } });
  }

  /** Stops them; settles when they have. Connections go on. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const listener of this.#listeners) listener.close();
    await Promise.all(this.#listeners.map(({ finished }) => finished));
  }

  /** Whether nothing is left to do for one. */
  #try({ hostname, port, serve, isServed }: Wanted, status: ListenerStatus): boolean {
    try {
      this.#listeners.push(listen({
        hostname,
        port,
        onConnection: serve,
        onError: ({ message }) => {
          this.#options.warn(
            `Cannot accept a connection on ${status.address}: ${message}`,
          );
        },
      }));
    } catch (cause) {
      const error = cause as Error & { code?: string };
      const code = error.code ?? codeOf(error);
      if (code !== "EADDRINUSE" || !isServed?.()) {
        status.error = { code, message: error.message };
        return false;
      }
    }
    delete status.error;
    return true;
  }

  #retryLater(): void {
    clearTimeout(this.#timer);
    if (this.#closed || this.#failed.length === 0) return;
    this.#timer = setTimeout(() => {
      const tried = this.#failed;
      this.#failed = tried.filter(({ wanted, status }) => !this.#try(wanted, status));
      this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MS.last);
      this.#retryLater();
      const up = tried.map(({ status }) => status).filter(({ error }) => !error);
      for (let told = 0; told < up.length; told += MOST_TOLD) {
        this.#options.onUp(up.slice(told, told + MOST_TOLD));
      }
    }, this.#retryMs);
  }
}

/** The system's name of an error whose code Deno did not keep. */
function codeOf(error: Error): string {
  if (error instanceof Deno.errors.AddrInUse) return "EADDRINUSE";
  if (error instanceof Deno.errors.AddrNotAvailable) return "EADDRNOTAVAIL";
  if (error instanceof Deno.errors.PermissionDenied) return "EACCES";
  return error.name;
}
