/**
 * The statistics of an agent's TCP/IP stack, in the result of `status`.
 *
 * @module
 */

import * as v from "valibot";

/** State and counters of an agent's stack, since the stack was made, or made anew. */
export interface AgentStack {
  /** Pages of its pool of memory, of 64 KiB each. */
  pages: number;
  /** Those of them in use. */
  usedPages: number;
  /** Blocks of any size in use. */
  usedBlocks: number;
  /** Places of its table of connections in use. */
  connections: number;
  /** SYNs held until their target is dialled. */
  pendingSyns: number;
  /** lwIP's control blocks of live connections. */
  active: number;
  /** lwIP's control blocks in TIME_WAIT. */
  timeWait: number;
  /** Packets in. */
  packetsIn: number;
  /** Packets in that were dropped as malformed. */
  packetsDropped: number;
  /** Packets in that were dropped for want of memory. */
  packetsWithoutMemory: number;
  /** Packets out. */
  packetsOut: number;
  /** Packets out that waited because the output buffer was full. */
  packetsPutOff: number;
  /** Connections that ended by a failure. */
  failures: number;
  /** SYNs dropped because their host had its share of the connections. */
  turnedAway: number;
  /** ICMP echo requests that it answered. */
  echoes: number;
  /** Those that it did not, because answers had their share of the output. */
  echoesDropped: number;
  /** How often the stack broke and was made anew, since the agent's start. */
  renewals: number;
}

/** An agent of another version may count less. */
const count = v.nullish(v.pipe(v.number(), v.safeInteger(), v.minValue(0)), 0);

/** Statistics of a stack. */
export const AGENT_STACK: v.GenericSchema<unknown, AgentStack> = v.object({
  pages: count,
  usedPages: count,
  usedBlocks: count,
  connections: count,
  pendingSyns: count,
  active: count,
  timeWait: count,
  packetsIn: count,
  packetsDropped: count,
  packetsWithoutMemory: count,
  packetsOut: count,
  packetsPutOff: count,
  failures: count,
  turnedAway: count,
  echoes: count,
  echoesDropped: count,
  renewals: count,
});
