/**
 * The real listeners of an agent, and their states as its manager is told.
 *
 * The wanted listeners are given as a whole. A listener whose address was wanted before stays
 * open, and serves as the new entry says from then on.
 *
 * A listener that cannot be opened is tried again, after 1 s and then ever more seldom, up to
 * 30 s: the program in the way, another mesh perhaps, may end. If a listener of ours was in
 * the way, which takes a moment to end, the next one is tried after that moment.
 *
 * @module
 */
import { listen, type Listener } from "../proxy/edge/listener.ts";
import type { ListenerStatus } from "../wire/control/control.ts";
import { formatHostPort } from "../wire/text.ts";

/** Milliseconds until failed listeners are tried again, doubled up to the last. */
const RETRY_MS = { first: 1000, last: 30_000 };

/** So many are told at once: a manager takes control messages of 64 KiB. */
const MOST_TOLD = 100;

/** A listener to be opened. */
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

/** A listener that cannot be opened, because its address is not valid. */
export interface Refused {
  readonly kind: ListenerStatus["kind"];
  /** The address as given. */
  readonly address: string;
  /** The fault of the address. */
  readonly refusal: string;
}

/** Options of {@linkcode Listeners}. */
export interface ListenersOptions {
  /** Takes a line for people about an accept that failed. */
  readonly warn: (message: string) => void;
  /** Told which failed listeners are up now, 100 at a time. */
  readonly onUp: (statuses: readonly ListenerStatus[]) => void;
}

/**
 * A wanted listener. Without `listener` and error, another program serves its clients, or it
 * waits for one of ours to end.
 */
interface Entry {
  wanted: Wanted;
  readonly status: ListenerStatus;
  listener: Listener | undefined;
  isWaiting: boolean;
}

/** Listeners that end together. */
export class Listeners {
  readonly #options: ListenersOptions;
  #entries: readonly Entry[] = [];
  #refused: readonly ListenerStatus[] = [];
  /** Of listeners that were closed. */
  readonly #ending = new Set<Promise<void>>();
  #retryMs = RETRY_MS.first;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  /** Listens nowhere yet. */
  constructor(options: ListenersOptions) {
    this.#options = options;
  }

  /** All that are wanted, opened or not. */
  get statuses(): readonly ListenerStatus[] {
    return [...this.#entries.map(({ status }) => status), ...this.#refused];
  }

  /**
   * Listens on these addresses and on no others; connections of those that are closed go on.
   * Never throws: failures are in the statuses.
   */
  apply(all: readonly (Wanted | Refused)[]): void {
    const known = Map.groupBy(this.#entries, ({ status }) => status.address);
    const kept = new Set<Entry>();
    this.#entries = all.filter((each) => "serve" in each).map((wanted) => {
      const address = formatHostPort(wanted.hostname, wanted.port);
      const entry = known.get(address)?.shift();
      if (!entry) {
        const status = { address, kind: wanted.kind };
        return { wanted, status, listener: undefined, isWaiting: false };
      }
      kept.add(entry);
      entry.wanted = wanted;
      entry.status.kind = wanted.kind;
      return entry;
    });
    this.#refused = all.filter((each) => "refusal" in each).map(
      ({ kind, address, refusal: message }) => {
        return { address, kind, error: { code: "EINVAL", message } };
      },
    );
    for (const gone of known.values().flatMap((entries) => entries)) this.#end(gone);
    let hasFailed = false;
    for (const entry of this.#entries) {
      const isFailed = kept.has(entry) && entry.status.error !== undefined;
      if (entry.listener || isFailed || entry.isWaiting || this.#try(entry)) continue;
      hasFailed = true;
    }
    if (hasFailed) this.#retrySoon();
  }

  /** Stops them; settles when they have. Connections go on. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const entry of this.#entries) this.#end(entry);
    await Promise.all(this.#ending);
  }

  #end({ listener }: Entry): void {
    if (!listener) return;
    listener.close();
    const ending = listener.finished.finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }

  /** Opens a listener; false if a further try is due. */
  #try(entry: Entry): boolean {
    const { wanted: { hostname, port }, status } = entry;
    try {
      entry.listener = listen({
        hostname,
        port,
        onConnection: (socket) => entry.wanted.serve(socket),
        onError: ({ message }) => {
          this.#options.warn(
            `Cannot accept a connection on ${status.address}: ${message}`,
          );
        },
      });
    } catch (cause) {
      const error = cause as Error & { code?: string };
      const code = error.code ?? codeOf(error);
      if (code === "EADDRINUSE" && this.#ending.size > 0) {
        this.#waitFor(entry);
      } else if (code !== "EADDRINUSE" || !entry.wanted.isServed?.()) {
        status.error = { code, message: error.message };
        return false;
      }
    }
    delete status.error;
    return true;
  }

  /** Tries once more when those of ours that are ending have ended. */
  async #waitFor(entry: Entry): Promise<void> {
    entry.isWaiting = true;
    await Promise.all(this.#ending);
    entry.isWaiting = false;
    if (this.#closed || !this.#entries.includes(entry)) return;
    if (!this.#try(entry)) this.#retrySoon();
  }

  #retrySoon(): void {
    this.#retryMs = RETRY_MS.first;
    this.#retryLater();
  }

  #retryLater(): void {
    clearTimeout(this.#timer);
    if (this.#closed || !this.#entries.some(({ status }) => status.error)) return;
    this.#timer = setTimeout(() => {
      this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MS.last);
      this.#retry();
      this.#retryLater();
    }, this.#retryMs);
  }

  /** Tries the failed listeners, and tells which are up now. */
  #retry(): void {
    if (this.#closed) return;
    const up = this.#entries.filter((entry) => entry.status.error && this.#try(entry))
      .map(({ status }) => status);
    for (let told = 0; told < up.length; told += MOST_TOLD) {
      this.#options.onUp(up.slice(told, told + MOST_TOLD));
    }
  }
}

/** The system's name of an error whose code Deno did not keep. */
function codeOf(error: Error): string {
  if (error instanceof Deno.errors.AddrInUse) return "EADDRINUSE";
  if (error instanceof Deno.errors.AddrNotAvailable) return "EADDRNOTAVAIL";
  if (error instanceof Deno.errors.PermissionDenied) return "EACCES";
  return error.name;
}
