/**
 * The host's side of `lwip/abi.h`: the numbers shared with `lwip.wasm`, and the functions
 * of that module.
 *
 * Names and numbers are those of the header, where each has its contract; `abi_test.ts`
 * compares this file and the module with the header.
 *
 * @module
 */

/** Events of a connection, as bits: a peer wants to connect. */
export const EVENT_SYN = 1;
/** The handshake is done. */
export const EVENT_OPEN = 2;
/** There are bytes to read. */
export const EVENT_READABLE = 4;
/** The peer has ended its stream. */
export const EVENT_EOF = 8;
/** There is room to send again. */
export const EVENT_WRITABLE = 16;
/** Both streams have ended and all was acknowledged. */
export const EVENT_CLOSED = 32;
/** The connection is over, for a reason of {@linkcode REASONS}. */
export const EVENT_FAILED = 64;

/** Why a connection ended, by the header's numbers. */
export const REASONS = [
  "closed",
  "reset",
  "refused",
  "timed-out",
  "unreachable",
  "host-down",
  "no-memory",
] as const;

/** Of `poll`: nothing waits for time. */
export const POLL_NEVER = -1;
/** Of `next_event`: nothing happened. */
export const NO_EVENT = -1;
/** Of `conn_connect`: the table of connections is full. */
export const CONNECT_TABLE_FULL = -1;
/** Of `conn_connect`: memory is used up. */
export const CONNECT_NO_MEMORY = -2;
/** Of `conn_send`: the connection is not open. */
export const SEND_CLOSED = -1;
/** Of `conn_send`: the block is the stack's now. */
export const SEND_TAKEN = 1;
/** Of `conn_send`: the block is still the host's. */
export const SEND_COPIED = 2;
/** For `conn_refuse`: a reset says all. */
export const REFUSE_WITHOUT_ICMP = 255;

/** Holdings and counts of the stack. Pages are of 64 KiB. */
export interface StackStatistics {
  /** Pages of the pool, and those in use. */
  readonly pages: number;
  readonly usedPages: number;
  /** Blocks of any size in use. */
  readonly usedBlocks: number;
  /** Entries of the connection table in use. */
  readonly connections: number;
  /** SYNs held until their target is dialled. */
  readonly pendingSyns: number;
  /** lwIP's control blocks: live, and in TIME_WAIT. */
  readonly active: number;
  readonly timeWait: number;
  /** Packets in; dropped as malformed; dropped for want of memory. */
  readonly packetsIn: number;
  readonly packetsDropped: number;
  readonly packetsWithoutMemory: number;
  /** Packets out; put off because the output buffer was full. */
  readonly packetsOut: number;
  readonly packetsPutOff: number;
  /** Connections that ended by a failure. */
  readonly failures: number;
  /** SYNs dropped because their host had its share of the connections. */
  readonly turnedAway: number;
  /** ICMP echo requests answered; not answered, as answers had their share of the output. */
  readonly echoes: number;
  readonly echoesDropped: number;
}

/** The words of `statistics`, in the header's order. */
export const STATISTICS = [
  "pages",
  "usedPages",
  "usedBlocks",
  "connections",
  "pendingSyns",
  "active",
  "timeWait",
  "packetsIn",
  "packetsDropped",
  "packetsWithoutMemory",
  "packetsOut",
  "packetsPutOff",
  "failures",
  "turnedAway",
  "echoes",
  "echoesDropped",
] as const satisfies readonly (keyof StackStatistics)[];

/** The exports of `lwip.wasm`. */
export interface StackExports {
  readonly memory: WebAssembly.Memory;
  init(memory: number, address: number, a: number, b: number, c: number, d: number): void;
  poll(now: number): number;
  next_event(): number;
  abort_range(network: number, mask: number): number;
  hold(network: number, mask: number): void;
  resume(network: number, mask: number): number;
  knock(local: number, localPort: number, remote: number, remotePort: number): number;
  reply_address(): number;
  turned_away_address(): number;
  panic_text(): number;
  statistics(): number;
  free_run(page: number): number;
  in_take(): number;
  in_release(which: number): void;
  input(which: number, at: number, length: number): number;
  out_take(onlyFirst: number): number;
  out_done(): void;
  out_waiting(): number;
  out_settings(limit: number, segment: number): void;
  out_credit(high: number, low: number, every: number): void;
  conn_connect(address: number, port: number): number;
  conn_addresses(conn: number): void;
  conn_accept(conn: number): number;
  conn_refuse(conn: number, code: number): void;
  conn_peek(conn: number): number;
  conn_consume(conn: number, length: number): void;
  tx_alloc(size: number): number;
  tx_free(block: number): void;
  conn_room(conn: number): number;
  conn_send(conn: number, block: number, length: number): number;
  conn_shutdown(conn: number): void;
  conn_unacknowledged(conn: number): number;
  conn_abort(conn: number): void;
  conn_release(conn: number): void;
}
