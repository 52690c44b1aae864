/**
 * Provocation: has the ends of a connection tell their sequence numbers, or that they are gone.
 *
 * In turn by an acknowledgement just below the window and by a second SYN, which a TCP
 * answers with its own numbers (RFC 9293, 3.10.7.4; RFC 5961, 4). The agents' stacks answer
 * an acknowledgement only if it is no farther off than a window is large; a SYN is always
 * answered, but means something to an end that is still opening.
 *
 * @module
 */

import type { Delivery } from "./delivery.ts";
import type { Flow } from "./flow.ts";
import type { Members } from "./members.ts";
import { provocationFor } from "./refusal.ts";

/** How often the ends of a connection are provoked before it is let go. */
export const MOST_TRIES = 8;
/** Connections that are provoked at once. */
export const AT_ONCE = 2048;
/** What is still opening is provoked in turn from so far away: half of the numbers. */
const FAR = 2 ** 31;

/** The ends of a connection, as bits. */
export const End = { INITIATOR: 1, VIA: 2, BOTH: 3 } as const;

/** How often that was done before, and the ends that need it no more. */
export interface Provoked {
  readonly tries: number;
  readonly done: number;
}

/** Provokes the ends of a connection, as far as their hosts are up. */
export function provoke(
  flow: Flow,
  { members, delivery }: { readonly members: Members; readonly delivery: Delivery },
  { tries, done }: Provoked,
): void {
  const isBySyn = tries % 2 === 1 && flow.phase !== "opening";
  const away = tries % 2 === 1 && !isBySyn ? FAR : -1;
  const { initiatorExpects, viaExpects } = flow;
  if ((done & End.INITIATOR) === 0) {
    const sequence = initiatorExpects + away >>> 0;
    const spec = { ...toInitiator(flow), sequence, acknowledged: viaExpects };
    delivery.say(members.named(flow.initiator), provocationFor(spec, isBySyn));
  }
  if ((done & End.VIA) === 0) {
    const sequence = viaExpects + away >>> 0;
    const spec = { ...toVia(flow), sequence, acknowledged: initiatorExpects };
    delivery.say(members.named(flow.via), provocationFor(spec, isBySyn));
  }
}

/** The ends of a packet to the initiator of a connection. */
export function toInitiator({ address, port, foreign, foreignPort }: Flow) {
  return {
    source: foreign,
    sourcePort: foreignPort,
    destination: address,
    destinationPort: port,
  };
}

/** The ends of a packet to the host that a connection is bound to. */
export function toVia({ address, port, foreign, foreignPort }: Flow) {
  return {
    source: address,
    sourcePort: port,
    destination: foreign,
    destinationPort: foreignPort,
  };
}
