/**
 * Router: the rules of a mesh at work, and the end of the pipeline of every link.
 *
 * ```
 *             ┌─ the inbound side of one link ─┐
 *  decode ──→ police ──→ (tap) ──→ run ──→ an outlet: the queue of another link,
 *                                               or the waiting room of a host that starts
 * ```
 *
 * A packet between two VIPs goes by its destination (`way.ts`, `delivery.ts`), TCP to any
 * other address by its connection (`routed.ts`), the rest by the table (`table.ts`). Per
 * host the manager tells the presence (`members.ts`). Waiting packets are delivered when
 * the host comes up and refused when the host goes down, so the manager bounds the wait
 * by telling either. A segment of a connection that existed before is refused while its
 * host is starting, because the new agent cannot know that connection.
 *
 * While a host is away, its agent and its connections are there, only nothing gets
 * through. Routed connections of the host are kept, whatever the silence; a SYN waits, but
 * not for as long as the host may be away: the manager has the oldest refused (`expire`).
 *
 * ## Other rules
 *
 * Rules are swapped whole. A host that is in both, with the same VIP, stays unchanged,
 * with its outlet and its waiting packets; a host that is gone goes as if down. A routed
 * connection stays bound to its host while both of its ends stay and any route still
 * leads to its address, or to its host if a name led there: a route that moved is for new
 * connections. Others are reset. A packet that police let pass just before goes its way
 * if that host is still there.
 *
 * ## Policy
 *
 * A connection is decided by the policy at its SYN, when that is forwarded (`policy/gate.ts`):
 * where the way is bound in any case, behind the suggestions that came before it, and by
 * the rules of that moment, also after a wait. No other packet is asked about. When the
 * rules change, connections that the new ones forbid are reset at both ends: routed ones by
 * their flow, those between VIPs as `between.ts` tells.
 *
 * @module
 */

import { type Frame, FrameType, HEADER_BYTES } from "../wire/frame.ts";
import { isSegment } from "../wire/ip/tcp.ts";
import { type Pace, Turn } from "../wire/turn.ts";
import { ConnectionsBetween } from "./between.ts";
import { type RouteCounters, routeCounters } from "./counters.ts";
import { Delivery } from "./delivery.ts";
import { EndedFlows } from "./ended.ts";
import { type AskedEcho, Echoes } from "./echoes.ts";
import type { Flow } from "./flow.ts";
import { FLOW_LIMIT, FlowTable } from "./flows.ts";
import {
  type Around,
  type Forwarding,
  PLAIN_VOICE,
  type WatchedEnd,
} from "./forwarding.ts";
import { type HostOutlet, type Member, Members, type Presence } from "./members.ts";
import { Plan, type RouterRules } from "./plan.ts";
import { Remains } from "./remains.ts";
import { type Denial, Gate } from "./policy/gate.ts";
import { type RouterStatus, statusOf } from "./status.ts";
import { Suggestions } from "./suggestions.ts";
import type { RoutingTable } from "./table.ts";
import type { Way } from "./way.ts";

/** Options of a {@linkcode Router}. */
export interface RouterOptions {
  /** Milliseconds of a clock that never goes back. */
  now(): number;
  /** Routed connections there may be at a time. Default 65 536. */
  readonly flows?: number;
  /**
   * Goes into the hash of routed connections, so that strangers cannot guess the hash.
   * Default 0.
   */
  readonly seed?: number;
  /** Bytes that may wait for one host that is starting or away. Default 1 MiB. */
  readonly waitingBytes?: number;
  /**
   * Lets other pipelines have their turns; without a pace each works on while there is
   * work.
   */
  readonly pace?: Pace;
  /** Told of each connection that the policy denied. */
  onDenied?(denial: Denial): void;
}

/** Packets between two looks at the clock. */
const UNCHECKED_PACKETS = 64;

/** Sends each packet on its way. A host of the rules that was never told of is down. */
export class Router {
  /** The fates of packets so far. */
  readonly counters: Readonly<RouteCounters>;
  readonly #counters = routeCounters();
  /** Lets other pipelines have their turns. */
  readonly pace: Pace | undefined;
  readonly #now: () => number;
  readonly #flows: FlowTable;
  readonly #ended: EndedFlows;
  readonly #members = new Members();
  readonly #suggestions = new Suggestions();
  readonly #delivery: Delivery;
  readonly #between: ConnectionsBetween;
  readonly #remains: Remains;
  readonly #echoes: Echoes;
  readonly #onDenied: (denial: Denial) => void;
  #gate: Gate | undefined;
  #plan: Plan;
  /** The end of all pipelines: the plan, or what stands around it. */
  #end: Forwarding;
  #around: Around | undefined;
  #watch: WatchedEnd | undefined;

  /** Makes a router whose hosts are all down. */
  constructor(rules: RouterRules, options: RouterOptions) {
    const counters = this.counters = this.#counters;
    this.pace = options.pace;
    const now = this.#now = () => options.now();
    const { flows: limit = FLOW_LIMIT, seed = 0 } = options;
    const ended = this.#ended = new EndedFlows({ now, seed });
    this.#flows = new FlowTable({
      now,
      onEnded: (flow) => ended.add(flow),
      isHeld: ({ initiator, via }) => this.#isAway(initiator) || this.#isAway(via),
      ...(options.flows !== undefined && { limit: options.flows }),
      ...(options.seed !== undefined && { seed: options.seed }),
      onLost: (flow, loss) => {
        if (loss === "evicted") this.#counters.evicted++;
        this.#plan.routed.abort(flow);
      },
    });
    const waitingBytes = options.waitingBytes ?? 1 << 20;
    this.#delivery = new Delivery({ counters, waitingBytes, now });
    this.#echoes = new Echoes(seed);
    const parts = { members: this.#members, delivery: this.#delivery, counters };
    this.#between = new ConnectionsBetween({ now, limit, seed, ...parts });
    this.#remains = new Remains({ flows: this.#flows, ...parts });
    this.#onDenied = (denial) => {
      this.#watch?.denied(denial);
      options.onDenied?.(denial);
    };
    this.#end = this.#plan = this.#enact(rules);
    this.#between.swap(this.#gate);
  }

  /** The table in force, which tells where addresses lead. */
  get table(): RoutingTable {
    return this.#plan.table;
  }

  /** Goes by other rules from now on: see above for the parts that stay. */
  swap(rules: RouterRules): void {
    for (const { name } of this.#members.without(rules.hosts)) this.down(name);
    const plan = this.#plan = this.#enact(rules);
    this.#surround();
    for (const flow of this.#flows.endThose((flow) => !plan.routed.allows(flow))) {
      plan.routed.abort(flow);
    }
    if (this.#gate !== undefined) {
      for (const flow of this.#flows.endThose((flow) => plan.routed.forbids(flow))) {
        this.#counters.forbidden++;
        plan.routed.abort(flow);
      }
    }
    this.#between.swap(this.#gate);
  }

  /** Has a watch stand around the end of all pipelines, or none; see `forwarding.ts`. */
  watch(around: Around | undefined): void {
    this.#around = around;
    this.#surround();
  }

  /** Connections that are over here, and perhaps not at their ends. */
  get pursued(): number {
    return this.#between.pursued + this.#remains.size;
  }

  /**
   * Goes on with ending them, and returns how many are left: to be called now and then after
   * a swap or the loss of a host, as long as there are any.
   */
  pursue(): number {
    return this.#between.pursue() + this.#remains.pursue();
  }

  /** The presence of `host`. */
  state(host: string): Presence {
    return this.#members.named(host)?.presence ?? "down";
  }

  /** Says that `host` is being started: its packets wait from now on. */
  starting(host: string): void {
    this.#change(host, "starting");
  }

  /**
   * Says that the link of `host` is gone and its agent is not: SYNs wait from now on, and
   * other packets are dropped.
   */
  away(host: string): void {
    this.#change(host, "away");
  }

  /**
   * Refuses the packets that have waited for `host` for `ms` milliseconds or longer, and
   * returns them. Their senders may begin anew.
   */
  expire(host: string, ms: number): Frame[] {
    const waiting = this.#members.named(host)?.waiting;
    const old = waiting?.emptyUntil(this.#now() - ms) ?? [];
    for (const { from, frame } of old) {
      const flow = this.#flowOf(frame.bytes);
      if (flow) this.#flows.end(flow);
      const origin = this.#members.named(from);
      if (origin) this.#delivery.refuse(origin, frame);
    }
    return old.map(({ frame }) => frame);
  }

  /**
   * The foreign addresses of the routed connections that are bound to `host`, by the name
   * of the host that opened them.
   */
  addressesVia(host: string): ReadonlyMap<string, ReadonlySet<number>> {
    return this.#flows.addressesVia(host);
  }

  /**
   * Says that `host` is up behind `outlet`, which gets the waiting frames at once, except
   * those of senders gone meanwhile.
   */
  up(host: string, outlet: HostOutlet): void {
    if (this.state(host) === "away") this.#flows.renew(host);
    const member = this.#change(host, "up", outlet);
    for (const { from, frame } of member?.waiting?.empty() ?? []) {
      if (this.#members.named(from)?.outlet !== undefined) this.forward(from, frame);
    }
  }

  /**
   * Says that `host` is down: waiting and further packets are refused, and the routed
   * connections that `host` opened or that are bound to `host` are reset.
   */
  down(host: string): void {
    const member = this.#change(host, "down");
    for (const { from, frame } of member?.waiting?.empty() ?? []) {
      const origin = this.#members.named(from);
      if (origin && !this.#flowOf(frame.bytes)) this.#delivery.refuse(origin, frame);
    }
    for (const flow of this.#flows.endAll(host)) this.#plan.routed.abort(flow);
    this.#between.down(host);
  }

  /** Takes a suggestion of an agent, see {@linkcode RoutingTable.learn}. */
  learn(
    from: string,
    addresses: Iterable<number>,
    route: number,
    names?: readonly string[],
  ): number {
    return this.#plan.table.learn(from, addresses, route, names);
  }

  /** Forgets the suggestions of the agent of `from`, when that agent is gone. */
  forget(from: string): void {
    this.#suggestions.forget(from);
  }

  /**
   * Gives the look-up of packets of the host `from`, for police: undefined for a packet
   * that `from` may not send.
   */
  finder(from: string): (packet: Uint8Array, at: number) => Way | undefined {
    const origin = this.#origin(from);
    return (packet, at) => this.#plan.find(origin, packet, at);
  }

  /** Whether `from` may send the packet at `at`, whose header is sound. */
  admits(from: string, packet: Uint8Array, at = 0): boolean {
    const origin = this.#members.named(from);
    return origin !== undefined &&
      this.#plan.find(origin, packet, at) !== undefined;
  }

  /**
   * Takes a packet of `from` that was not admitted, see {@linkcode RoutedConnections}.
   */
  disown(from: string, frame: Frame): void {
    const origin = this.#members.named(from);
    if (origin) this.#end.disown(origin, frame);
  }

  /**
   * Whether a packet of `from` that was not admitted is the rest of a connection that ended
   * a moment ago, see {@linkcode EndedFlows}. A host that has left the mesh has none.
   */
  isLate(from: string, frame: Frame): boolean {
    if (this.#members.named(from) === undefined) return false;
    return this.#ended.isRest(from, frame.bytes, HEADER_BYTES);
  }

  /**
   * Runs the pipeline of the host `from` to its end: packets are forwarded, and each
   * control frame is given to `onControl`, in order. An error of `onControl` ends the
   * pipeline. Work on the pipeline stops after a turn's worth, also in the middle of a
   * batch, until others had theirs.
   */
  async run(
    from: string,
    batches: AsyncIterable<Frame[]>,
    onControl: (frame: Frame) => void,
  ): Promise<void> {
    const origin = this.#origin(from);
    const turn = this.pace && new Turn(this.pace);
    for await (const batch of batches) {
      turn?.begin();
      let packets = 0;
      for (const frame of batch) {
        if (frame.type === FrameType.L3) {
          const way = frame.way ?? this.#plan.find(origin, frame.bytes, HEADER_BYTES);
          this.#end.forward(origin, frame, way);
          if (++packets % UNCHECKED_PACKETS !== 0) continue;
        } else onControl(frame);
        if (turn?.isOver()) await turn.rest();
      }
      turn?.end();
      if (turn?.isOver()) await turn.rest();
    }
  }

  /** Looks up a packet of `from`, whose header is sound, and forwards it. */
  forward(from: string, frame: Frame): void {
    const origin = this.#members.named(from);
    if (origin === undefined) return;
    const way = this.#plan.find(origin, frame.bytes, HEADER_BYTES);
    this.#plan.forward(origin, frame, way);
  }

  /**
   * Sends an ICMP echo request from the VIP of one host to that of another, as if the first
   * had, and takes the answer in its stead; see {@linkcode Echoes}. Returns the end of the
   * wait for it, or undefined if too many are under way, or one of the hosts is not there.
   */
  echo(asked: AskedEcho): (() => void) | undefined {
    const [from, to] = [this.#members.named(asked.from), this.#members.named(asked.to)];
    if (from?.vip === undefined || to?.vip === undefined) return undefined;
    const echo = this.#echoes.ask(from.vip, to.vip, asked);
    if (echo === undefined) return undefined;
    this.forward(from.name, echo.request);
    return echo.forget;
  }

  /** The router at the moment, as plain data. Looks at each routed connection. */
  status(): RouterStatus {
    return statusOf({
      version: this.#plan.version,
      counters: this.#counters,
      flows: this.#flows,
      members: this.#members,
      suggestions: this.#suggestions,
      between: this.#between,
      gate: this.#gate,
    });
  }

  #change(host: string, presence: Presence, outlet?: HostOutlet): Member | undefined {
    const member = this.#members.named(host);
    if (member === undefined) return undefined;
    member.presence = presence;
    member.outlet = outlet;
    return member;
  }

  #enact(rules: RouterRules): Plan {
    this.#members.replace(rules.hosts);
    const { policy = [], ports = [] } = rules;
    const options = { onDenied: this.#onDenied, before: this.#gate };
    this.#gate = policy.length > 0 ? new Gate({ policy, ports }, options) : undefined;
    return new Plan(rules, {
      members: this.#members,
      flows: this.#flows,
      suggestions: this.#suggestions,
      delivery: this.#delivery,
      counters: this.#counters,
      between: this.#between,
      echoes: this.#echoes,
      gate: this.#gate,
      remains: this.#remains,
    });
  }

  #surround(): void {
    const watch = this.#watch = this.#around?.({
      end: this.#plan,
      voice: PLAIN_VOICE,
      table: this.#plan.table,
      members: this.#members,
      flows: this.#flows,
      counters: this.#counters,
    });
    this.#end = watch ?? this.#plan;
    this.#delivery.voice = watch ?? PLAIN_VOICE;
  }

  #origin(from: string): Member {
    const origin = this.#members.named(from);
    if (origin === undefined) throw new Error(`The rules know no host "${from}"`);
    return origin;
  }

  /** The flow that the packet of an initiator is of. */
  #flowOf(packet: Uint8Array): Flow | undefined {
    if (!isSegment(packet, HEADER_BYTES)) return undefined;
    return this.#flows.outbound(packet, HEADER_BYTES);
  }

  #isAway(host: string): boolean {
    return this.#members.named(host)?.presence === "away";
  }
}
