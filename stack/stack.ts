/**
 * The TCP/IP stack of an agent: lwIP in WebAssembly, synchronous, without a clock.
 *
 * @module
 */
import {
  CONNECT_TABLE_FULL,
  EVENT_FAILED,
  EVENT_SYN,
  NO_EVENT,
  POLL_NEVER,
  REASONS,
  type StackStatistics,
  STATISTICS,
} from "./abi.ts";
import { Instance } from "./instance.ts";
import { TcpConnection, type TcpEnds, type TcpStack } from "./tcp.ts";

export type { StackStatistics };

/** A stretch of the stack's memory that frames are read into. */
export interface InputBuffer {
  /** The stack's number for the buffer. */
  readonly which: number;
  /** Where the bytes of a read go. */
  readonly body: Uint8Array;
  /** The body's place in {@link Stack.memory}. */
  readonly address: number;
  /** Bytes in front of the body, for the frame that the last read left unfinished. */
  readonly headroom: number;
}

/** The output of a stack that waits to be taken, in bytes. */
export interface OutputWaiting {
  /** All of it. */
  readonly bytes: number;
  /** A CREDIT frame, which must go even if nothing else may. */
  readonly credit: number;
  /** Acknowledgements, what sparse connections send, and such a frame. */
  readonly first: number;
}

const REASON_RESET = REASONS.indexOf("reset");
const U32 = 2 ** 32;
/** More than the stack lets wait in any case. */
const MOST_OUTPUT = 2 ** 30;

/** The mask of a prefix of so many bits. */
function maskOf(prefix: number): number {
  return prefix === 0 ? 0 : (U32 - 2 ** (32 - prefix)) >>> 0;
}

/** Options of a {@link Stack}. */
export interface StackOptions {
  /** Four numbers of 32 bits that others cannot guess: sequence numbers come from them. */
  readonly seed: Uint32Array;
  /**
   * A peer wants to connect. The connection waits until its `accept` or `refuse` is
   * called; its `failed` settles if the peer gives up first.
   */
  readonly onSyn: (connection: TcpConnection) => void;
  /**
   * SYNs of a host (32 bits, host order) were dropped, as the host has its share of the
   * connections; `count` is of all hosts since the start.
   */
  readonly onTurnedAway?: (address: number, count: number) => void;
  /** Something was called that may have made output or needs a timer. */
  readonly onTouched: () => void;
  /**
   * The stack broke: an invariant of lwIP did not hold. Its connections, of which `lost`
   * are the ends, have failed, and every further call throws this error.
   */
  readonly onBroken: (error: Error, lost: readonly TcpEnds[]) => void;
}

/**
 * An instance of the stack.
 *
 * Nothing here waits: bytes go in with {@link Stack.input}, time with {@link Stack.poll},
 * frames come out with {@link Stack.takeOutput}, and after each of them
 * {@link Stack.dispatch} tells the connections of their events.
 */
export class Stack implements TcpStack {
  /** All memory of the instance; its size never changes, so views stay valid. */
  readonly memory: Uint8Array<ArrayBuffer>;
  /** For {@link TcpConnection} and for tests. */
  readonly instance: Instance;
  readonly #options: StackOptions;
  readonly #connections = new Map<number, TcpConnection>();
  #told = 0;
  #started = false;
  #creditTaken = 0;

  /** Makes an instance of {@linkcode stackModule}'s module; no address is set yet. */
  constructor(module: WebAssembly.Module, options: StackOptions) {
    this.instance = new Instance(module, (error) => this.#breakDown(error));
    this.memory = this.instance.memory;
    this.#options = options;
  }

  /** Why the stack broke; undefined while intact. */
  get broken(): Error | undefined {
    return this.instance.broken;
  }

  /** Gives the stack its address (32 bits, host order). To be called once. */
  start(address: number): void {
    if (this.#started) throw new Error("The stack has an address already");
    this.#started = true;
    const [a = 0, b = 0, c = 0, d = 0] = this.#options.seed;
    this.instance.exports.init(this.memory.length, address, a, b, c, d);
  }

  /**
   * A buffer to read frames into, the caller's until {@link Stack.releaseInput}. A caller
   * may have two at a time.
   */
  takeInput(): InputBuffer {
    const which = this.instance.exports.in_take();
    if (which < 0) throw new RangeError("The stack's input buffers are all in use");
    const [address = 0, size = 0, headroom = 0] = this.instance.reply;
    const body = this.memory.subarray(address, address + size);
    return { which, body, address, headroom };
  }

  /** The caller does not look at the buffer any more. */
  releaseInput(buffer: InputBuffer): void {
    this.instance.exports.in_release(buffer.which);
  }

  /**
   * Processes the whole L3 frames at `address` in `buffer` and returns the bytes used.
   * Stops at a frame that is unfinished, not of type L3, or malformed. Packets may stay
   * in the buffer, which nobody may write to before the stack gives the buffer out again.
   */
  input(buffer: InputBuffer, address: number, length: number): number {
    const used = this.instance.exports.input(buffer.which, address, length);
    this.#options.onTouched();
    return used;
  }

  /**
   * Runs the timers due at `now` (milliseconds from any origin) and returns the
   * milliseconds until the next call is due: `Infinity` if nothing waits for time.
   */
  poll(now: number): number {
    const wait = this.instance.exports.poll(Math.trunc(now) % U32);
    return wait === POLL_NEVER ? Infinity : wait;
  }

  /**
   * The frames to be sent now, or undefined if there are none or the last frames were not
   * yet reported by {@link Stack.outputDone}. The bytes stay as they are until then.
   * Acknowledgements and what sparse connections send come first; with `onlyFirst` they
   * come alone, and the rest stays.
   */
  takeOutput(onlyFirst = false): Uint8Array<ArrayBuffer> | undefined {
    const length = this.instance.exports.out_take(onlyFirst ? 1 : 0);
    const [at = 0, credit = 0] = this.instance.reply;
    this.#creditTaken = length === 0 ? 0 : credit;
    if (length === 0) return undefined;
    return this.memory.subarray(at, at + length);
  }

  /** Bytes of a CREDIT frame in what {@link Stack.takeOutput} gave last. */
  get creditTaken(): number {
    return this.#creditTaken;
  }

  /** Bytes of frames that wait to be taken. */
  waiting(): OutputWaiting {
    const bytes = this.instance.exports.out_waiting();
    const [credit = 0, first = 0] = this.instance.reply;
    return { bytes, credit, first };
  }

  /**
   * From now on about `limit` bytes of bulk wait to be taken at the most, and a segment has
   * at most `segment` bytes of data, but at least 512; a segment always fits. `Infinity`
   * means as many as at the beginning.
   */
  limitOutput(limit: number, segment: number): void {
    const most = (bytes: number) => Math.min(bytes, MOST_OUTPUT);
    this.instance.exports.out_settings(most(limit), most(segment));
    this.#options.onTouched();
  }

  /**
   * Puts a CREDIT frame ahead of the output, in the place of one that waits: so many bytes
   * were taken of the link, and the next is wanted after `every` more.
   */
  putCredit(total: number, every: number): void {
    this.instance.exports.out_credit(Math.floor(total / U32), total % U32, every);
    this.#options.onTouched();
  }

  /** The bytes of the last {@link Stack.takeOutput} have been sent. */
  outputDone(): void {
    this.instance.exports.out_done();
  }

  /**
   * Begins to connect to an address and port of the mesh.
   *
   * Throws a RangeError if the table of connections is full or memory is used up.
   */
  connect(address: number, port: number): TcpConnection {
    const index = this.instance.exports.conn_connect(address, port);
    if (index < 0) {
      throw new RangeError(
        index === CONNECT_TABLE_FULL
          ? "The stack's table of connections is full"
          : "The stack has no memory",
      );
    }
    const connection = this.#adopt(index);
    this.#options.onTouched();
    return connection;
  }

  /**
   * Ends all connections to the addresses with these leading bits, without a word to the
   * other side: its host is down. Returns how many.
   */
  abortRange(network: number, prefix: number): number {
    const count = this.instance.exports.abort_range(network, maskOf(prefix));
    this.#options.onTouched();
    return count;
  }

  /**
   * The hosts whose addresses have these leading bits (`prefix` of them, 0 to 32; `network`
   * in host order) are away and may be back: no connection to them times out until
   * {@linkcode Stack.resume}, and those that are closed stay in TIME_WAIT (RFC 9293,
   * 3.4.3). A connection whose SYN is not answered fails by its own clock all the same.
   * What is sent meanwhile may be lost.
   *
   * Several ranges may be held at a time. A range ends with `resume` of just that range, or
   * with {@linkcode Stack.abortRange} of a range around it.
   */
  hold(network: number, prefix: number): void {
    this.instance.exports.hold(network, maskOf(prefix));
    this.#options.onTouched();
  }

  /**
   * The hosts of a held range are back: connections to them go on, except for those that lie
   * in another held range. All that was under way is sent again; a connection without that
   * asks its peer, so that a lost window update or reset becomes known: at once as far as
   * the output has room, else when it has. Returns how many connections go on.
   */
  resume(network: number, prefix: number): number {
    const count = this.instance.exports.resume(network, maskOf(prefix));
    this.#options.onTouched();
    return count;
  }

  /**
   * Tells the other end of a connection that this host had with an earlier instance: the
   * peer learns that there is none, and resets. False if there is no room for that just
   * now.
   */
  knock({ localAddress, localPort, remoteAddress, remotePort }: TcpEnds): boolean {
    const { exports } = this.instance;
    return exports.knock(localAddress, localPort, remoteAddress, remotePort) !== 0;
  }

  /** Tells each connection its events since the last call. */
  dispatch(): void {
    const [count = 0, address = 0] = this.instance.turnedAway;
    if (count !== this.#told) {
      this.#told = count;
      this.#options.onTurnedAway?.(address, count);
    }
    for (;;) {
      const index = this.instance.exports.next_event();
      if (index === NO_EVENT) return;
      const [events = 0, reason = 0, code = 0] = this.instance.reply;
      if (events === 0) continue;
      if (events & EVENT_SYN) {
        const connection = this.#adopt(index);
        if (events !== EVENT_SYN) connection.handle(events, reason, code);
        this.#options.onSyn(connection);
      } else {
        this.#connections.get(index)?.handle(events, reason, code);
      }
    }
  }

  /** The stack's present holdings, and its counts. */
  statistics(): StackStatistics {
    const at = this.instance.exports.statistics();
    const words = new Uint32Array(this.memory.buffer, at, STATISTICS.length);
    type Words = Record<typeof STATISTICS[number], number>;
    return Object.fromEntries(STATISTICS.map((name, i) => [name, words[i]])) as Words;
  }

  /**
   * Memory that holds nothing any more, each piece told once: its content may be lost until
   * the next call of any method.
   */
  *freedMemory(): Generator<Uint8Array<ArrayBuffer>, void> {
    for (let page = 0;;) {
      const length = this.instance.exports.free_run(page);
      if (length === 0) return;
      const [at = 0, next = 0] = this.instance.reply;
      page = next;
      yield this.memory.subarray(at, at + length);
    }
  }

  /** For {@link TcpConnection} alone: the connection was released. */
  forget(index: number): void {
    this.#connections.delete(index);
  }

  /** For {@link TcpConnection} alone: a call of its made output or needs a timer. */
  touched(): void {
    this.#options.onTouched();
  }

  #adopt(index: number): TcpConnection {
    this.instance.exports.conn_addresses(index);
    const [localAddress = 0, localPort = 0, remoteAddress = 0, remotePort = 0] =
      this.instance.reply;
    const ends = { localAddress, localPort, remoteAddress, remotePort };
    const connection = new TcpConnection(this, index, ends);
    this.#connections.set(index, connection);
    return connection;
  }

  #breakDown(error: Error): void {
    const lost = [...this.#connections.values()];
    for (const connection of lost) connection.handle(EVENT_FAILED, REASON_RESET, 0);
    this.#options.onBroken(error, lost.map(({ ends }) => ends));
  }
}
