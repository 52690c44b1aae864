/**
 * Origin servers: connections to them, which are kept and used again.
 *
 * @module
 */
import { DialError } from "../../edge/dial.ts";
import { ReadAhead } from "../../edge/read_ahead.ts";
import type { ByteStream } from "../../edge/stream.ts";
import type { Deadlines, Timed } from "../deadlines.ts";
import { formatHostPort } from "../../../wire/text.ts";

/** How long an idle connection is kept; many servers keep theirs for 5 s. */
const IDLE_MS = 4000;
/**
 * The same for a client's own: the client has to log in again when its connection ends.
 */
const OWN_IDLE_MS = 60_000;
/**
 * A server that closes connections without a word does so within this time of its answer.
 */
const PROOF_MS = 100;
/**
 * A connection idle for longer is not trusted with requests that may not be sent twice.
 */
const TRUST_MS = 500;
/** Servers remembered for keeping their connections. */
const MOST_KEEPING = 1024;
/** Connections kept that are not in use, for each server. */
const MOST_IDLE = 64;
/** A server, or a client that sends to it, that is silent for longer is given up. */
const SILENCE_LIMIT_MS = 600_000;

/**
 * Makes connections: the mesh's `Connector`, or anything whose streams keep to the
 * contract.
 */
export interface ProxyConnector {
  /** Rejects with a `DialError`, or the signal's reason. */
  connect(hostname: string, port: number, signal?: AbortSignal): Promise<ByteStream>;
}

/** A server. */
export interface OriginAddress {
  readonly hostname: string;
  readonly port: number;
}

/**
 * Schemes that authenticate the connection, with all that comes over it afterwards, and
 * not a single request (RFC 4559, 6; MS-NTHT).
 */
const BINDING = /(?:^|,)\s*(?:ntlm|negotiate)(?:[\s,]|$)/i;

/** Whether this value of `Authorization` or `WWW-Authenticate` is about a connection. */
export function bindsConnection(value: string): boolean {
  return BINDING.test(value);
}

/** A connection to a server. */
export class OriginConnection {
  readonly stream: ByteStream;
  /** Reads `stream`. */
  readonly input: ReadAhead;
  readonly address: OriginAddress;
  /**
   * Whether the connection was kept: the server may close it before the request arrives.
   */
  isKept = false;
  /** When the connection was last in use. */
  idleSince = 0;
  /** Why the connection was ended here. */
  failure: Error | undefined;
  #written = performance.now();
  #isOver = false;

  constructor(stream: ByteStream, address: OriginAddress) {
    this.stream = stream;
    this.input = new ReadAhead(stream);
    this.address = address;
  }

  /** When a byte moved last. */
  get active(): number {
    return Math.max(this.#written, this.input.active);
  }

  /** Writes all of `bytes`. */
  async write(bytes: Uint8Array): Promise<void> {
    await this.stream.write(bytes);
    this.#written = performance.now();
  }

  /** Ends the connection with a reset, unless ended before. */
  reset(failure?: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.failure ??= failure;
    this.stream.reset();
  }

  /** Ends the connection in order, unless ended before. */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.stream.close();
  }
}

/** Keeps connections to servers. */
export class Origins implements Timed {
  readonly #connector: ProxyConnector;
  readonly #deadlines: Deadlines;
  readonly #idleMs: number;
  /**
   * Whether all requests are of the same client, which may authenticate its connections.
   */
  readonly isOwn: boolean;
  /** Connections that are not in use, by server, the last used at the end. */
  readonly #idle = new Map<string, OriginConnection[]>();
  readonly #busy = new Set<OriginConnection>();
  /** Servers that were seen to keep a connection behind an answer. */
  readonly #keeping = new Set<string>();
  #isOver = false;

  constructor(connector: ProxyConnector, deadlines: Deadlines, { isOwn = false } = {}) {
    this.#connector = connector;
    this.#deadlines = deadlines;
    this.#idleMs = isOwn ? OWN_IDLE_MS : IDLE_MS;
    this.isOwn = isOwn;
  }

  /** A connection that was kept, if any. */
  takeKept(address: OriginAddress): OriginConnection | undefined {
    const key = keyOf(address);
    const idle = this.#idle.get(key);
    const connection = idle?.pop();
    if (idle?.length === 0) this.#idle.delete(key);
    if (!connection) return undefined;
    connection.input.unwatch();
    connection.input.onBytes = connection.input.onEnd = undefined;
    connection.isKept = true;
    this.#busy.add(connection);
    return connection;
  }

  /**
   * The same for a request that may not be sent twice: only of a server that was seen to
   * keep its connections, and only if in use a moment ago.
   */
  takeTrusted(address: OriginAddress): OriginConnection | undefined {
    const key = keyOf(address);
    const last = this.#idle.get(key)?.at(-1);
    if (!last || !this.#keeping.has(key)) return undefined;
    if (performance.now() - last.idleSince > TRUST_MS) return undefined;
    return this.takeKept(address);
  }

  /** A server closed a kept connection under a request. */
  distrust(address: OriginAddress): void {
    this.#keeping.delete(keyOf(address));
  }

  #trust(key: string): void {
    if (this.#keeping.size >= MOST_KEEPING) this.#keeping.clear();
    this.#keeping.add(key);
  }

  /** A new connection; rejects with a `DialError`, or the signal's reason. */
  async connect(address: OriginAddress, signal: AbortSignal): Promise<OriginConnection> {
    const { hostname, port } = address;
    const stream = await this.#connector.connect(hostname, port, signal);
    if (this.#isOver || signal.aborted) {
      stream.reset();
      throw signal.aborted ? signal.reason : new Error("ended");
    }
    const connection = new OriginConnection(stream, address);
    this.#add(connection);
    return connection;
  }

  #add(connection: OriginConnection): void {
    if (this.#busy.size === 0 && this.#idle.size === 0) this.#deadlines.add(this);
    this.#busy.add(connection);
  }

  /** Takes a connection back that is to serve another request. */
  keep(connection: OriginConnection): void {
    const { input, address } = connection;
    const key = keyOf(address);
    const idle = this.#idle.get(key) ?? [];
    if (this.#isOver || idle.length >= MOST_IDLE || !isSilent(input)) {
      this.drop(connection);
      return connection.close();
    }
    this.#busy.delete(connection);
    this.#idle.set(key, idle);
    idle.push(connection);
    connection.idleSince = performance.now();
    if (connection.isKept) this.#trust(key); // a second request was answered
    const gone = () => {
      const tookMs = performance.now() - connection.idleSince;
      if (tookMs < 2 * TRUST_MS) this.#keeping.delete(key);
      this.#forget(connection);
      connection.close();
    };
    input.onEnd = gone;
    input.onBytes = gone; // nobody asked for them
    input.watch();
  }

  /** Forgets a connection that serves no other request. */
  drop(connection: OriginConnection): void {
    this.#busy.delete(connection);
    this.#checkEmpty();
  }

  #forget(connection: OriginConnection): void {
    const key = keyOf(connection.address);
    const left = this.#idle.get(key)?.filter((other) => other !== connection) ?? [];
    if (left.length > 0) this.#idle.set(key, left);
    else this.#idle.delete(key);
    this.#checkEmpty();
  }

  #checkEmpty(): void {
    if (this.#busy.size === 0 && this.#idle.size === 0) this.#deadlines.delete(this);
  }

  check(now: number): void {
    for (const [key, idle] of [...this.#idle]) {
      for (const connection of [...idle]) {
        if (now - connection.idleSince >= PROOF_MS) this.#trust(key);
        if (now - connection.active < this.#idleMs) continue;
        this.#forget(connection);
        connection.close();
      }
    }
    for (const connection of this.#busy) {
      if (now - connection.active < SILENCE_LIMIT_MS) continue;
      const { hostname, port } = connection.address;
      const cause = new Error(`no byte in ${SILENCE_LIMIT_MS / 60_000} minutes`);
      const target = formatHostPort(hostname, port);
      connection.reset(new DialError("timed-out", target, cause));
    }
  }

  /** Ends all connections. */
  destroy(): void {
    this.#isOver = true;
    for (const idle of this.#idle.values()) for (const one of idle) one.close();
    for (const connection of this.#busy) connection.reset(new Error("ended"));
    this.#idle.clear();
    this.#busy.clear();
    this.#deadlines.delete(this);
  }
}

function isSilent({ size, ended }: ReadAhead): boolean {
  return size === 0 && ended === undefined;
}

function keyOf({ hostname, port }: OriginAddress): string {
  return `${hostname} ${port}`;
}
