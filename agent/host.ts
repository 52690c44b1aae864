/**
 * The host that a configured agent is: its listeners for ports of the mesh and for clients of
 * proxies, its service to other hosts, and its name files.
 *
 * All of them follow from a configuration, which can be swapped: see
 * {@linkcode Host.apply}. The parser of HTTP, and DNS, are loaded when they are needed first.
 *
 * @module
 */
import { Connector } from "../proxy/connector.ts";
import { NameServer } from "../proxy/dns/server.ts";
import { SystemResolver } from "../proxy/dns/system.ts";
import { onDescriptorShortage } from "../proxy/edge/descriptors.ts";
import { Dials } from "../proxy/edge/dials.ts";
import { resetsDone } from "../proxy/edge/reset.ts";
import { Seldom } from "../proxy/edge/seldom.ts";
import type { TcpConnection } from "../stack/tcp.ts";
import type { AgentServices } from "../wire/control/agent_services.ts";
import type {
  ConfigureArgs,
  ExtendArgs,
  ListenerStatus,
  RouteSuggestion,
  UpdateArgs,
  UpdateData,
} from "../wire/control/control.ts";
import { formatIpv4 } from "../wire/ip/ipv4.ts";
import { type Configuration, configurationOf } from "./configuration.ts";
import {
  type NameFiles,
  type NameFilesContents,
  writeNameFiles,
} from "./name_files/name_files.ts";
import { Egress } from "./egress.ts";
import { InForce } from "./in_force.ts";
import { Inbound } from "./inbound.ts";
import { Listeners } from "./listeners.ts";
import type { LivingStack } from "./living_stack.ts";
import { Neighbours } from "./neighbours.ts";
import { Outbound } from "./outbound.ts";
import { Proxies } from "./proxies.ts";
import { Tasks } from "./tasks.ts";

/** How long open connections may take to end when the agent does. */
const END_LIMIT_MS = 500;

/** Options of a {@linkcode Host}. */
export interface HostOptions {
  /** Not started yet. */
  readonly stack: LivingStack;
  /** Takes a line of text for people. */
  readonly warn: (message: string) => void;
  /** Tells the manager where addresses lie, ahead of packets that are sent later. */
  readonly suggest: (suggestion: RouteSuggestion) => void;
  /** Settles when the packets of now are on their way, ahead of later suggestions. */
  readonly sent: () => Promise<void>;
  /** Told which of the listeners that had failed are up now. */
  readonly listening: (statuses: readonly ListenerStatus[]) => void;
}

/** A host of the mesh, seen from itself. */
export class Host {
  /** Which other hosts are there. */
  readonly neighbours = new Neighbours();
  readonly #stack: LivingStack;
  readonly #inForce: InForce;
  readonly #tasks: Tasks;
  readonly #dials = new Dials();
  readonly #connector: Connector;
  readonly #listeners: Listeners;
  readonly #inbound: Inbound;
  readonly #outbound: Outbound;
  readonly #proxies: Proxies;
  readonly #egress: Egress;
  readonly #stopTelling: () => void;
  #files: Promise<NameFiles>;
  readonly #ending = new AbortController();

  /** Begins; throws a {@linkcode ControlError} if `args` make no sense. */
  constructor(args: ConfigureArgs, options: HostOptions) {
    const { stack, warn } = options;
    const { signal } = this.#ending;
    const configuration = configurationOf(args);
    const { me } = configuration;
    const inForce = this.#inForce = new InForce(configuration);
    const tasks = this.#tasks = new Tasks(warn);
    const seldom = new Seldom(warn);
    const dials = this.#dials;
    const common = { seldom, signal, dials };
    const connector = this.#connector = connectorOf(inForce, options, common);
    const nameServer = nameServerOf(inForce, options, common);
    this.#stack = stack;
    this.#inbound = new Inbound({ inForce, nameServer, tasks, dials, signal });
    this.#outbound = new Outbound({
      me,
      stack,
      nameServer,
      tasks,
      dials,
      seldom,
      warn,
      signal,
    });
    this.#proxies = new Proxies({ connector, tasks, warn, seldom, signal });
    const { neighbours } = this;
    this.#egress = new Egress({ connector, inForce, neighbours, tasks, seldom, signal });
    this.#listeners = new Listeners({ warn, onUp: options.listening });
    this.#stopTelling = onDescriptorShortage(warn);
    stack.start(me);
    this.#listen();
    this.#files = writeNameFiles({ ...filesOf(configuration), warn });
  }

  /** All listeners that are wanted. */
  get statuses(): readonly ListenerStatus[] {
    return this.#listeners.statuses;
  }

  /** Its clients and its dials. */
  get services(): AgentServices {
    return { services: this.#tasks.counters, dials: { ...this.#dials.counters } };
  }

  /** Takes the arguments of `extend`, in place of those before. */
  extend(args: ExtendArgs): void {
    const { source } = this.#inForce.configuration;
    this.apply(configurationOf(source.configure, args));
  }

  /** Takes the arguments of `update`; as {@linkcode Host.apply}. */
  update({ version, configure, extend }: UpdateArgs): UpdateData {
    this.apply(configurationOf(configure, extend), version);
    return { version };
  }

  /** Another link leads to a manager, which tells everything that counts from now on. */
  relinked(): void {
    this.neighbours.forget();
    this.#inForce.forgetVersion();
  }

  /**
   * Goes by another configuration from now on. Only differences are touched: listeners
   * that are no longer wanted close, new listeners open, names and routes count from the
   * next connection on, and the name files are written if their contents differ. Open
   * connections go on, also those through a port that closes.
   *
   * Throws a {@linkcode ControlError}, and changes nothing, see {@linkcode InForce.swap}.
   */
  apply(configuration: Configuration, version?: number): void {
    const changes = this.#inForce.swap(configuration, version);
    if (changes.directory) this.#connector.forgetNames();
    this.#listen();
    if (!changes.files) return;
    this.#files = this.#files.then(async (files) => {
      await files.rewrite(filesOf(configuration));
      return files;
    });
  }

  /** Takes a connection that another host asks for. */
  serve(connection: TcpConnection): void {
    this.#inbound.serve(connection);
  }

  /** Closes all listeners, resets all connections, and puts the system's files back. */
  async end(): Promise<void> {
    this.#ending.abort();
    this.#stopTelling();
    const listening = this.#listeners.close();
    const restored = this.#files.then((files) => files.restore());
    if (!this.#stack.current.broken) {
      this.#stack.abortRange(0, 0);
      this.#stack.attempt((current) => current.dispatch());
    }
    let timer: ReturnType<typeof setTimeout> | undefined;
    const limit = new Promise<void>((resolve) =>
      timer = setTimeout(resolve, END_LIMIT_MS)
    );
    await Promise.race([
      Promise.all([this.#tasks.ended().then(resetsDone), listening, restored]),
      limit,
    ]);
    clearTimeout(timer);
  }

  #listen(): void {
    const { configuration } = this.#inForce;
    this.#listeners.apply([
      ...this.#outbound.wanted(configuration),
      ...this.#proxies.wanted(configuration),
      ...this.#egress.wanted(configuration),
    ]);
  }
}

/** Shared by the parts of a host, beside its options. */
interface Common {
  readonly seldom: Seldom;
  readonly dials: Dials;
  readonly signal: AbortSignal;
}

function connectorOf(
  inForce: InForce,
  { stack, suggest, sent }: HostOptions,
  { seldom, dials, signal }: Common,
): Connector {
  return new Connector({
    me: inForce.configuration.me,
    stack,
    get directory() {
      return inForce.configuration.directory;
    },
    get forwards() {
      return inForce.configuration.forwards;
    },
    get nameServers() {
      return inForce.configuration.nameServers;
    },
    get published() {
      return inForce.configuration.published;
    },
    suggest: (address, via, name) =>
      suggest({
        ip: [formatIpv4(address)],
        route: formatIpv4(via),
        ...(name !== undefined && inForce.configuration.tellsNames && { names: [name] }),
      }),
    sent,
    dial: dials.dial,
    warn: (message) => seldom.happened("misled", message),
    signal,
  });
}

function nameServerOf(
  inForce: InForce,
  { warn }: HostOptions,
  { seldom, signal }: Common,
): NameServer {
  return new NameServer({
    get names() {
      return inForce.configuration.directory.names;
    },
    namesOf: (address) => inForce.configuration.directory.namesOf(address),
    upstream: new SystemResolver({ signal }),
    mayAsk: (client, name) => inForce.namePolicy.mayAsk(client, name),
    onRefused: (client, { code, text }) => {
      const host = inForce.configuration.directory.nameOf(client) ?? "a stranger";
      seldom.happened(`${code} ${host}`, `The name server refused ${host}: ${text}`);
    },
    onResolved: (name, addresses) => inForce.foreign.note(name, addresses),
    onError: (error) => warn(`The name server does not work: ${error.message}`),
  });
}

function filesOf({ source: { configure } }: Configuration): NameFilesContents {
  const { hostnameMap: names, stateDir, writeEtcHosts = false } = configure;
  return { names, stateDir, writeEtcHosts };
}
