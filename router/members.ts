/**
 * Members: the hosts of a mesh as a router knows them, by name and by VIP.
 *
 * Per host the manager tells the presence:
 *
 * | presence | a packet to the host                                                 |
 * | -------- | -------------------------------------------------------------------- |
 * | up       | goes to the host's outlet (its link's queue)                         |
 * | starting | waits, bounded, if it may begin something; else it is refused        |
 * | away     | a SYN waits, bounded also in time; all else is dropped without a word |
 * | down     | is refused: host unreachable to a SYN, then a reset, as to all TCP    |
 *
 * @module
 */

import type { QueueStatus } from "../link/queue/queue.ts";
import { Sender, type SharedOutlet } from "../link/sender.ts";
import type { WaitingRoom } from "../link/queue/waiting.ts";
import type { TableHost } from "./table.ts";

/** Whether a host is there, as the manager says. */
export type Presence = "up" | "starting" | "away" | "down";

/** Where frames for a host go. */
export interface HostOutlet extends SharedOutlet {
  /** The frames that wait there, if known; see {@linkcode QueueStatus}. */
  status?(): QueueStatus;
}

/** A host of the mesh. */
export class Member {
  /** Its name. */
  readonly name: string;
  /** The sender charged for this host's waiting packets. */
  readonly sender: Sender;
  /** The presence that the manager told last. */
  presence: Presence = "down";
  /** Where its frames go while the host is up. */
  outlet: HostOutlet | undefined;
  /** Where frames wait while the host is starting or away; made for the first frame. */
  waiting: WaitingRoom | undefined;
  #vip: number | undefined;

  /** A host that is down. */
  constructor({ name, vip }: TableHost) {
    this.name = name;
    this.sender = new Sender(name);
    this.#vip = vip;
  }

  /**
   * Its VIP; none after {@linkcode Member.leave}, so that the host has no address to send
   * from.
   */
  get vip(): number | undefined {
    return this.#vip;
  }

  /** The host is no member any more. */
  leave(): void {
    this.#vip = undefined;
    this.presence = "down";
    this.outlet = undefined;
  }
}

/** All hosts of the rules in force. */
export class Members {
  readonly #byName = new Map<string, Member>();
  readonly #byVip = new Map<number, Member>();

  /** The host of that name. */
  named(name: string): Member | undefined {
    return this.#byName.get(name);
  }

  /** The host whose VIP `address` is; any other address is foreign. */
  at(address: number): Member | undefined {
    return this.#byVip.get(address);
  }

  /** All of them, in the order in which they came. */
  [Symbol.iterator](): Iterator<Member> {
    return this.#byName.values();
  }

  /** Those that are not among `hosts`; a host of another VIP is another host. */
  without(hosts: readonly TableHost[]): Member[] {
    const vips = new Map(hosts.map(({ name, vip }) => [name, vip]));
    return [...this].filter(({ name, vip }) => vips.get(name) !== vip);
  }

  /** Has exactly these hosts from now on; new ones are down. */
  replace(hosts: readonly TableHost[]): void {
    for (const member of this.without(hosts)) {
      this.#byName.delete(member.name);
      this.#byVip.delete(member.vip!);
      member.leave();
    }
    for (const host of hosts) {
      if (this.#byName.has(host.name)) continue;
      const member = new Member(host);
      this.#byName.set(host.name, member);
      this.#byVip.set(host.vip, member);
    }
  }
}
