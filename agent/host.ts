/**
 * What an agent does once it is configured: it listens for the ports of the mesh and for
 * the clients of its proxies, serves what other hosts ask for, and writes the host files.
 *
 * What only some hosts need is loaded when it is needed: the parser of HTTP, and DNS.
 */
import { parseListen } from "../manifest/listen.ts";
import type { Credentials } from "../proxy/auth.ts";
import { Connector, type Target } from "../proxy/connector.ts";
import { onDescriptorShortage } from "../proxy/edge/descriptors.ts";
import { dial, DialError, icmpCodeOf } from "../proxy/edge/dial.ts";
import { Directory } from "../proxy/directory.ts";
import { SystemResolver } from "../proxy/dns/system.ts";
import { Foreign } from "../proxy/foreign.ts";
import type { HttpProxy, HttpProxyOptions } from "../proxy/http/proxy.ts";
import { NamePolicy } from "../proxy/dns/name_policy.ts";
import { NameServer } from "../proxy/dns/name_server.ts";
import { resetConnection } from "../proxy/edge/reset.ts";
import { Seldom } from "../proxy/edge/seldom.ts";
import { SocksProxy } from "../proxy/socks/proxy.ts";
import { relay, splice } from "../proxy/edge/splice.ts";
import { MeshStream, SocketStream } from "../proxy/edge/stream.ts";
import type { TcpConnection } from "../stack/tcp.ts";
import {
  type ConfigureArgs,
  ControlError,
  type ExtendArgs,
  type ListenerStatus,
  type RouteSuggestion,
} from "../wire/control.ts";
import { formatIpv4, parseIpv4 } from "../wire/ip/ipv4.ts";
import { Arrivals } from "./arrivals.ts";
import { type HostFiles, writeHostFiles } from "./host_files.ts";
import { Listeners } from "./listeners.ts";
import type { LivingStack } from "./living_stack.ts";
import { isServedBy, publishedBy } from "./published.ts";

/** How long open connections may take to end when the agent does. */
const END_LIMIT_MS = 500;
const DNS_PORT = 10053;
const ICMP_PROHIBITED = 13;

/** Options of a {@linkcode Host}. */
export interface HostOptions {
  /** Not started yet. */
  readonly stack: LivingStack;
  /** Takes a line of text for people. */
  readonly warn: (message: string) => void;
  /** Tells the manager where addresses lie, ahead of packets that are sent later. */
  readonly suggest: (suggestion: RouteSuggestion) => void;
  /** Settles when the packets of now are on their way, ahead of what is suggested later. */
  readonly sent: () => Promise<void>;
  /** Told which of the listeners that had failed are up now. */
  readonly listening: (statuses: readonly ListenerStatus[]) => void;
}

/** A host of the mesh, seen from itself. */
export class Host {
  readonly #options: HostOptions;
  readonly #me: number;
  readonly #listeners: Listeners;
  readonly #stopTelling: () => void;
  /** What this host publishes, by port. */
  readonly #forwards: ReadonlyMap<number, Target>;
  readonly #directory: Directory;
  readonly #foreign: Foreign;
  readonly #connector: Connector;
  readonly #nameServer: NameServer;
  readonly #seldom: Seldom;
  readonly #namePolicy: NamePolicy;
  readonly #dnsPort: number;
  readonly #files: Promise<HostFiles>;
  readonly #arrivals = new Arrivals();
  /** What goes on for a connection, each until it has ended. */
  readonly #tasks = new Set<Promise<void>>();
  readonly #ending = new AbortController();

  /** Begins; throws a {@linkcode ControlError} if `args` make no sense. */
  constructor(args: ConfigureArgs, options: HostOptions) {
    const { stack, warn } = options;
    const { signal } = this.#ending;
    this.#options = options;
    const me = this.#me = addressOf("me", args.me);
    for (const { ip } of args.others) addressOf("others", ip);
    this.#forwards = new Map(args.forwards.map((forward) => [
      forward.listen_port,
      { hostname: forward.connect_ip, port: forward.connect_port },
    ]));
    const nameServers = new Map(
      args.nameServers?.map(({ ip, port }) => [addressOf("nameServers", ip), port]),
    );
    this.#dnsPort = nameServers.get(me) ?? DNS_PORT;
    const directory = new Directory({
      me,
      names: args.hostnameMap,
      routes: args.routes ?? [],
    });
    this.#directory = directory;
    const { mine } = directory;
    const isVip = (address: number) => directory.isVip(address);
    const foreign = this.#foreign = new Foreign({ ...mine, isVip });
    const policy = this.#namePolicy = new NamePolicy(mine);
    const seldom = this.#seldom = new Seldom(warn);
    this.#connector = new Connector({
      me,
      stack,
      directory,
      forwards: this.#forwards,
      nameServers,
      published: publishedBy(args),
      suggest: (address, via) =>
        options.suggest({ ip: [formatIpv4(address)], route: formatIpv4(via) }),
      sent: options.sent,
      warn: (message) => seldom.happened("misled", message),
      signal,
    });
    this.#nameServer = new NameServer({
      names: directory.names,
      namesOf: (address) => directory.namesOf(address),
      upstream: new SystemResolver({ signal }),
      mayAsk: (client, name) => policy.mayAsk(client, name),
      onRefused: (client, { code, text }) => {
        const host = directory.nameOf(client) ?? "a stranger";
        seldom.happened(`${code} ${host}`, `The name server refused ${host}: ${text}`);
      },
      onResolved: (name, addresses) => foreign.note(name, addresses),
      onError: (error) => warn(`The name server does not work: ${error.message}`),
    });
    this.#listeners = new Listeners({ warn, onUp: options.listening });
    this.#stopTelling = onDescriptorShortage(warn);
    stack.start(me);
    if (!args.loopback?.disable) this.#listenForPorts(args, nameServers);
    if (args.http?.listen) this.#listenForHttp(args.http.listen);
    if (args.socks?.listen) this.#listenForSocks(args.socks.listen);
    this.#files = writeHostFiles({
      names: args.hostnameMap,
      stateDir: args.stateDir,
      writeEtcHosts: args.writeEtcHosts ?? false,
      warn,
    });
  }

  /** All listeners that were wanted. */
  get statuses(): readonly ListenerStatus[] {
    return this.#listeners.statuses;
  }

  /** What `configure` has no words for. */
  extend({ http, socks, exceptions = [], aliases, resolveFor }: ExtendArgs): void {
    if (aliases) this.#directory.aliases(aliases);
    if (resolveFor) {
      const all = resolveFor.includes("*");
      this.#namePolicy.resolveFor(
        all ? "all" : resolveFor.map((vip) => addressOf("resolveFor", vip)),
      );
    }
    for (const { route, hostnames } of exceptions) {
      this.#directory.except(route, hostnames);
    }
    if (http) this.#listenForHttp(http.listen, http.auth);
    if (socks) this.#listenForSocks(socks.listen, socks.auth);
  }

  /** Takes a connection that another host asks for. */
  serve(connection: TcpConnection): void {
    const { remoteAddress } = connection.ends;
    this.#arrivals.add(remoteAddress, () => this.#track(this.#serve(connection)));
  }

  /** Closes all listeners, resets all connections, and puts the system's files back. */
  async end(): Promise<void> {
    const { stack } = this.#options;
    this.#ending.abort();
    this.#stopTelling();
    const listening = this.#listeners.close();
    const restored = this.#files.then((files) => files.restore());
    if (!stack.current.broken) {
      stack.abortRange(0, 0);
      stack.attempt((current) => current.dispatch());
    }
    let timer: ReturnType<typeof setTimeout> | undefined;
    const limit = new Promise<void>((resolve) =>
      timer = setTimeout(resolve, END_LIMIT_MS)
    );
    await Promise.race([Promise.all([...this.#tasks, listening, restored]), limit]);
    clearTimeout(timer);
  }

  #track(task: Promise<void>): void {
    const tracked = task
      .catch((error) => this.#options.warn(`A connection failed unexpectedly: ${error}`))
      .finally(() => this.#tasks.delete(tracked));
    this.#tasks.add(tracked);
  }

  // ---- what is listened for ----

  #listen(
    kind: ListenerStatus["kind"],
    { hostname, port, isServed }: Target & { readonly isServed?: () => boolean },
    serve: (socket: Deno.TcpConn) => Promise<void>,
  ): void {
    const tracked = (socket: Deno.TcpConn) => this.#track(serve(socket));
    const wanted = { kind, hostname, port, serve: tracked };
    this.#listeners.open({ ...wanted, ...(isServed && { isServed }) });
  }

  #listenForPorts(args: ConfigureArgs, nameServers: ReadonlyMap<number, number>): void {
    const hostname = args.me;
    for (const [port, target] of this.#forwards) {
      this.#listen(
        "loopback",
        { hostname, port, isServed: () => isServedBy(target, { hostname, port }) },
        (socket) => this.#relay(socket, target),
      );
    }
    for (const { ip, port } of args.others) {
      const address = parseIpv4(ip)!;
      this.#listen(
        "loopback",
        { hostname: ip, port },
        (socket) => this.#connect(socket, address, port),
      );
    }
    for (const [address, port] of nameServers) {
      this.#listen(
        "dns",
        { hostname: formatIpv4(address), port },
        address === this.#me
          ? (socket) => this.#answerProgram(socket)
          : (socket) => this.#connect(socket, address, port),
      );
    }
  }

  #listenForHttp(listen: string, auth?: Credentials): void {
    const options = {
      connector: this.#connector,
      auth,
      signal: this.#ending.signal,
      onFull: (message: string) => this.#seldom.happened("full", message),
      onBreak: (target: string, why: string) =>
        this.#seldom.happened(
          "break",
          `The HTTP proxy had to break off an answer of ${target}: ${why}`,
        ),
    };
    let proxy: Promise<HttpProxy> | undefined;
    this.#listenForProxy("http", listen, async (socket) => {
      try {
        await (await (proxy ??= loadHttp(options))).serve(socket);
      } catch (error) {
        proxy = undefined;
        resetConnection(socket);
        this.#options.warn(`The HTTP proxy cannot be loaded: ${error}`);
      }
    });
  }

  #listenForSocks(listen: string, auth?: Credentials): void {
    const proxy = new SocksProxy({
      connector: this.#connector,
      auth,
      signal: this.#ending.signal,
      warn: (message: string) => this.#seldom.happened("socks", message),
    });
    this.#listenForProxy("socks", listen, (socket) => proxy.serve(socket));
  }

  #listenForProxy(
    kind: "http" | "socks",
    listen: string,
    serve: (socket: Deno.TcpConn) => Promise<void>,
  ): void {
    const parsed = parseListen(listen);
    if (typeof parsed === "string") this.#listeners.refuse(kind, listen, parsed);
    else this.#listen(kind, parsed, serve);
  }

  // ---- connections ----

  /** A peer's SYN: dial its target first, so that the answer is the target's own. */
  async #serve(connection: TcpConnection): Promise<void> {
    const { localAddress, localPort } = connection.ends;
    let target: Target;
    if (localAddress === this.#me) {
      const forward = this.#forwards.get(localPort);
      if (!forward && localPort === this.#dnsPort) return await this.#answer(connection);
      if (!forward) return connection.refuse();
      target = forward;
    } else {
      if (!this.#foreign.allows(localAddress)) return connection.refuse(ICMP_PROHIBITED);
      target = { hostname: formatIpv4(localAddress), port: localPort };
    }
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

  /** A question of a program: of this host, unless the VIP is one that others can reach. */
  async #answerProgram(socket: Deno.TcpConn): Promise<void> {
    const { hostname } = socket.remoteAddr as Deno.NetAddr;
    const client = parseIpv4(hostname);
    const isOwn = client !== undefined && (client >>> 24 === 127 || client === this.#me);
    await this.#nameServer.serve(
      new SocketStream(socket),
      isOwn ? undefined : client ?? 0,
    );
  }

  /** A peer's question of a name. */
  async #answer(connection: TcpConnection): Promise<void> {
    connection.accept();
    try {
      await connection.opened();
    } catch {
      return connection.release();
    }
    const { remoteAddress } = connection.ends;
    await this.#nameServer.serve(new MeshStream(connection), remoteAddress);
  }

  /** A client of this machine asked for a port of another host. */
  async #connect(socket: Deno.TcpConn, address: number, port: number): Promise<void> {
    const { stack, warn } = this.#options;
    let connection: TcpConnection;
    try {
      connection = stack.connect(address, port);
    } catch (error) {
      resetConnection(socket);
      warn(`Cannot connect to port ${port}: ${(error as Error).message}`);
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

async function loadHttp(options: HttpProxyOptions): Promise<HttpProxy> {
  const { HttpProxy } = await import("../proxy/http/proxy.ts");
  return new HttpProxy(options);
}

function addressOf(what: string, text: string): number {
  const address = parseIpv4(text);
  if (address !== undefined) return address;
  throw new ControlError(`${what}: ${JSON.stringify(text)} is no IPv4 address`);
}
