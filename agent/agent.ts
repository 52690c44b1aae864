/**
 * One agent: what runs on a host. It is configured by the manager's first request, brings
 * up a stack with the host's virtual address, listens for the ports of the mesh, and ends
 * when its input ends.
 */
import { stackModule } from "../stack/module.ts";
import { Stack } from "../stack/stack.ts";
import type { TcpConnection } from "../stack/tcp.ts";
import {
  type AgentStatus,
  type ConfigureArgs,
  ControlError,
  type ControlMessage,
  decodeControl,
  encodeControl,
  type ListenerStatus,
  parseConfigureArgs,
  parseHostDown,
} from "../wire/control.ts";
import { parseCidr, parseIpv4 } from "../wire/ipv4.ts";
import { dial, DialError, icmpCodeOf } from "../proxy/dial.ts";
import { listen, type Listener } from "../proxy/listener.ts";
import { resetConnection } from "../proxy/reset.ts";
import { relay, splice } from "../proxy/splice.ts";
import type { AgentPort } from "./port.ts";
import { Pump } from "./pump.ts";

/** What an agent of this version announces; see `docs/protocol.md`. */
export const FEATURES: readonly string[] = [
  "loopback",
  "tcp",
  "loopback.disable",
  "ping",
  "hostDown",
  "status",
];

/** A manager that does not ask for the status in this time only shows our stderr. */
const STATUS_WAIT_MS = 1000;
/** How long open connections may take to end when the agent does. */
const END_LIMIT_MS = 500;
const ICMP_PROHIBITED = 13;

/** A line of text for people. */
export interface AgentLogEvent {
  readonly level: "warning";
  readonly message: string;
}

/** Options of {@linkcode runAgent}. */
export interface AgentOptions {
  /** Told to the manager, for people. */
  readonly version: string;
  /** Takes a line of text for people: a warning, or why something could not be done. */
  readonly log: (event: AgentLogEvent) => void;
  /** Ends the agent as the end of its input does. */
  readonly signal?: AbortSignal;
}

/**
 * Runs an agent on `port` until its input ends or `signal` is aborted; by then its
 * listeners are closed and its connections reset.
 *
 * Rejects if the link breaks, or with an Error that shows the bytes if what comes is not
 * NoRouter's protocol.
 */
export async function runAgent(port: AgentPort, options: AgentOptions): Promise<void> {
  const agent = new Agent(port, options);
  await agent.run(await stackModule());
}

interface Target {
  readonly hostname: string;
  readonly port: number;
}

class Agent {
  readonly #options: AgentOptions;
  readonly #pump: Pump;
  readonly #forwards = new Map<number, Target>();
  readonly #listeners: Listener[] = [];
  readonly #statuses: ListenerStatus[] = [];
  /** What goes on for a connection, each until it has ended. */
  readonly #tasks = new Set<Promise<void>>();
  readonly #ending = new AbortController();
  #stack!: Stack;
  #me = 0;
  #configured = false;
  #tellFailures: ReturnType<typeof setTimeout> | undefined;

  constructor(port: AgentPort, options: AgentOptions) {
    this.#options = options;
    this.#pump = new Pump({ port, onControl: (payload) => this.#onControl(payload) });
  }

  async run(module: WebAssembly.Module): Promise<void> {
    this.#stack = new Stack(module, {
      seed: crypto.getRandomValues(new Uint32Array(4)),
      onSyn: (connection) => this.#track(this.#serve(connection)),
      onTouched: () => this.#pump.touched(),
      onBroken: (error) => this.#pump.fail(error),
    });
    const { signal } = this.#options;
    const stop = () => this.#pump.stop();
    signal?.addEventListener("abort", stop);
    try {
      if (!signal?.aborted) await this.#pump.run(this.#stack);
    } finally {
      signal?.removeEventListener("abort", stop);
      await this.#end();
    }
  }

  async #end(): Promise<void> {
    clearTimeout(this.#tellFailures);
    this.#ending.abort();
    for (const listener of this.#listeners) listener.close();
    if (this.#configured && !this.#stack.broken) {
      this.#stack.abortRange(0, 0);
      this.#stack.dispatch();
    }
    let timer: ReturnType<typeof setTimeout> | undefined;
    const limit = new Promise<void>((resolve) =>
      timer = setTimeout(resolve, END_LIMIT_MS)
    );
    const finished = this.#listeners.map((listener) => listener.finished);
    await Promise.race([Promise.all([...this.#tasks, ...finished]), limit]);
    clearTimeout(timer);
  }

  #warn(message: string): void {
    this.#options.log({ level: "warning", message });
  }

  #track(task: Promise<void>): void {
    const tracked = task
      .catch((error) => this.#warn(`A connection failed unexpectedly: ${error}`))
      .finally(() => this.#tasks.delete(tracked));
    this.#tasks.add(tracked);
  }

  // ---- what the manager says ----

  #onControl(payload: Uint8Array): void {
    try {
      const message = decodeControl(payload);
      if (message.type === "request") this.#onRequest(message.body);
      else if (message.type === "event") this.#onEvent(message.body);
    } catch (error) {
      if (!(error instanceof ControlError)) throw error;
      this.#warn(
        `The manager sent a message that makes no sense: ${error.message}`,
      );
    }
  }

  #onRequest(body: (ControlMessage & { type: "request" })["body"]): void {
    const { id, op } = body;
    try {
      this.#answer(id, op, this.#perform(op, body.args));
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const result = { request_id: id, op, error: message };
      this.#pump.send(encodeControl({ type: "result", body: result }));
    }
  }

  #answer(id: number, op: string, data: unknown): void {
    const body = { request_id: id, op, ...(data !== undefined && { data }) };
    this.#pump.send(encodeControl({ type: "result", body }));
  }

  #perform(op: string, args: unknown): unknown {
    switch (op) {
      case "configure":
        this.#configure(parseConfigureArgs(args));
        return { features: FEATURES, version: this.#options.version };
      case "ping":
        return undefined;
      case "status":
        clearTimeout(this.#tellFailures);
        return { listeners: this.#statuses } satisfies AgentStatus;
      default:
        throw new ControlError(
          `This agent cannot "${op}"; it can configure, ping, status`,
        );
    }
  }

  #onEvent({ type, data }: { type: string; data?: unknown }): void {
    if (type !== "hostDown") return; // something newer than this agent
    const { ip, ranges } = parseHostDown(data);
    for (const range of [`${ip}/32`, ...ranges]) {
      const cidr = parseCidr(range);
      if (!cidr) {
        throw new ControlError(`hostDown names ${JSON.stringify(range)}, no range`);
      }
      if (this.#configured) this.#stack.abortRange(cidr.network, cidr.prefix);
    }
  }

  #configure(args: ConfigureArgs): void {
    if (this.#configured) throw new ControlError("This agent is configured already");
    const me = parseIpv4(args.me);
    if (me === undefined) {
      throw new ControlError(
        `"me" is ${JSON.stringify(args.me)}, wanted an IPv4 address`,
      );
    }
    this.#configured = true;
    this.#me = me;
    this.#stack.start(me);
    this.#pump.start();
    const isLoopback = !args.loopback?.disable;
    for (const { listen_port, connect_ip, connect_port } of args.forwards) {
      const target = { hostname: connect_ip, port: connect_port };
      this.#forwards.set(listen_port, target);
      if (!isLoopback) continue;
      this.#listen(args.me, listen_port, (socket) => this.#relay(socket, target));
    }
    if (isLoopback) {
      for (const { ip, port } of args.others) {
        const address = parseIpv4(ip);
        if (address === undefined) {
          throw new ControlError(`"others" names ${JSON.stringify(ip)}, no IPv4 address`);
        }
        this.#listen(ip, port, (socket) => this.#connect(socket, address, port));
      }
    }
    const failed = this.#statuses.filter(({ error }) => error);
    if (failed.length === 0) return;
    this.#tellFailures = setTimeout(() => {
      for (const { address, error } of failed) {
        this.#warn(`Cannot listen on ${address}: ${error!.message}`);
      }
    }, STATUS_WAIT_MS);
  }

  #listen(
    hostname: string,
    port: number,
    serve: (socket: Deno.TcpConn) => Promise<void>,
  ): void {
    const address = `${hostname}:${port}`;
    try {
      this.#listeners.push(listen({
        hostname,
        port,
        onConnection: (socket) => this.#track(serve(socket)),
        onError: (error) => {
          this.#warn(`Cannot accept a connection on ${address}: ${error.message}`);
        },
      }));
      this.#statuses.push({ address, kind: "loopback" });
    } catch (cause) {
      const error = cause as Error & { code?: string };
      const code = error.code ?? codeOf(error);
      this.#statuses.push({
        address,
        kind: "loopback",
        error: { code, message: error.message },
      });
    }
  }

  // ---- connections ----

  /** A peer's SYN: dial its target first, so that the answer is the target's own. */
  async #serve(connection: TcpConnection): Promise<void> {
    const { localAddress, localPort } = connection.ends;
    if (localAddress !== this.#me) return connection.refuse(ICMP_PROHIBITED);
    const target = this.#forwards.get(localPort);
    if (!target) return connection.refuse();
    const gaveUp = new AbortController();
    connection.onFailure = () => gaveUp.abort();
    if (connection.failure) return connection.refuse();
    const signal = AbortSignal.any([gaveUp.signal, this.#ending.signal]);
    let socket: Deno.TcpConn;
    try {
      socket = await dial(target.hostname, target.port, signal);
    } catch (error) {
      if (!(error instanceof DialError)) throw error;
      return connection.refuse(icmpCodeOf(error.failure));
    }
    connection.accept();
    await this.#join(socket, connection);
  }

  /** A client of this machine asked for a port of another host. */
  async #connect(socket: Deno.TcpConn, address: number, port: number): Promise<void> {
    let connection: TcpConnection;
    try {
      connection = this.#stack.connect(address, port);
    } catch (error) {
      resetConnection(socket);
      this.#warn(`Cannot connect to port ${port}: ${(error as Error).message}`);
      return;
    }
    await this.#join(socket, connection);
  }

  async #join(socket: Deno.TcpConn, connection: TcpConnection): Promise<void> {
    try {
      await connection.opened();
    } catch {
      resetConnection(socket);
      connection.release();
      return;
    }
    await splice(socket, connection);
  }

  /** A client of this machine asked for a port of this very host. */
  async #relay(socket: Deno.TcpConn, target: Target): Promise<void> {
    let other: Deno.TcpConn;
    try {
      other = await dial(target.hostname, target.port, this.#ending.signal);
    } catch {
      return resetConnection(socket);
    }
    await relay(socket, other, this.#ending.signal);
  }
}

/** The system's name of an error whose code Deno did not keep. */
function codeOf(error: Error): string {
  if (error instanceof Deno.errors.AddrInUse) return "EADDRINUSE";
  if (error instanceof Deno.errors.AddrNotAvailable) return "EADDRNOTAVAIL";
  if (error instanceof Deno.errors.PermissionDenied) return "EACCES";
  return error.name;
}
