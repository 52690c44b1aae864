/** The TCP/IP stack of one agent: lwIP in WebAssembly, synchronous, without a clock. */
import { TcpConnection, type TcpEnds } from "./tcp.ts";

/** What `lwip.wasm` exports; see `lwip/glue.c`, where each is described. */
export interface StackExports {
  readonly memory: WebAssembly.Memory;
  init(memory: number, address: number, a: number, b: number, c: number, d: number): void;
  input(which: number, at: number, length: number): number;
  poll(now: number): number;
  next_event(): number;
  conn_addresses(conn: number): void;
  conn_connect(address: number, port: number): number;
  conn_accept(conn: number): number;
  conn_refuse(conn: number, code: number): void;
  conn_peek(conn: number): number;
  conn_consume(conn: number, length: number): void;
  conn_room(conn: number): number;
  conn_send(conn: number, block: number, length: number): number;
  conn_shutdown(conn: number): void;
  conn_abort(conn: number): void;
  conn_release(conn: number): void;
  tx_alloc(size: number): number;
  tx_free(block: number): void;
  abort_range(network: number, mask: number): number;
  in_take(): number;
  in_release(which: number): void;
  out_take(): number;
  out_done(): void;
  knock(local: number, localPort: number, remote: number, remotePort: number): number;
  reply_address(): number;
  turned_away_address(): number;
  panic_text(): number;
  statistics(): number;
}

/** What the stack holds and has counted. Pages are of 64 KiB. */
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
  /** lwIP's control blocks: live ones, and those in TIME_WAIT. */
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
}

/** A stretch of the stack's memory that frames are read into. */
export interface InputBuffer {
  /** The stack's number for it. */
  readonly which: number;
  /** Where the bytes of a read go. */
  readonly body: Uint8Array;
  /** The body's place in {@link Stack.memory}. */
  readonly address: number;
  /** Bytes in front of the body, for the frame that the last read left unfinished. */
  readonly headroom: number;
}

/** Of the bits and numbers of `lwip/glue.c`. */
const EVENT_SYN = 1;
const EVENT_FAILED = 64;
const REASON_RESET = 1;
const U32 = 2 ** 32;

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
   * SYNs of a host (32 bits, host order) were dropped, as it has its share of the connections;
   * `count` is of all hosts since the start.
   */
  readonly onTurnedAway?: (address: number, count: number) => void;
  /** Something was called that may have made output or needs a timer. */
  readonly onTouched: () => void;
  /**
   * The stack broke: one of lwIP's invariants did not hold. Its connections, of which `lost`
   * are the ends, have failed, and every further call throws this error.
   */
  readonly onBroken: (error: Error, lost: readonly TcpEnds[]) => void;
}

/**
 * One instance of the stack.
 *
 * Nothing here waits: bytes go in with {@link Stack.input}, time with {@link Stack.poll},
 * frames come out with {@link Stack.takeOutput}, and after each of them
 * {@link Stack.dispatch} tells the connections what happened to them.
 */
export class Stack {
  /** All memory of the instance; its size never changes, so views of it stay valid. */
  readonly memory: Uint8Array<ArrayBuffer>;
  /** For {@link TcpConnection} alone. */
  readonly exports: StackExports;
  /** Results of the last call besides its value; for {@link TcpConnection} alone. */
  readonly reply: Uint32Array;
  readonly #options: StackOptions;
  readonly #connections = new Map<number, TcpConnection>();
  /** How many SYNs were dropped for their host's share, and the last such host. */
  readonly #turnedAway: Uint32Array;
  #told = 0;
  #started = false;
  #broken: Error | undefined;

  /** Makes an instance of {@linkcode stackModule}'s module; it has no address yet. */
  constructor(module: WebAssembly.Module, options: StackOptions) {
    const instance = new WebAssembly.Instance(module, {});
    this.exports = this.#guarded(instance.exports);
    this.#options = options;
    const buffer = this.exports.memory.buffer as ArrayBuffer;
    this.memory = new Uint8Array(buffer);
    this.reply = new Uint32Array(buffer, this.exports.reply_address(), 4);
    this.#turnedAway = new Uint32Array(buffer, this.exports.turned_away_address(), 2);
  }

  /** Why the stack broke, if it did. */
  get broken(): Error | undefined {
    return this.#broken;
  }

  /** Gives the stack its address (32 bits, host order). To be called once. */
  start(address: number): void {
    if (this.#started) throw new Error("The stack has an address already");
    this.#started = true;
    const [a = 0, b = 0, c = 0, d = 0] = this.#options.seed;
    this.exports.init(this.memory.length, address, a, b, c, d);
  }

  /**
   * A buffer to read frames into, the caller's until {@link Stack.releaseInput}. A caller
   * may have two at a time.
   */
  takeInput(): InputBuffer {
    const which = this.exports.in_take();
    if (which < 0) throw new RangeError("The stack's input buffers are all in use");
    const [address = 0, size = 0, headroom = 0] = this.reply;
    const body = this.memory.subarray(address, address + size);
    return { which, body, address, headroom };
  }

  /** The caller does not look at the buffer any more. */
  releaseInput(buffer: InputBuffer): void {
    this.exports.in_release(buffer.which);
  }

  /**
   * Processes the whole L3 frames at `address` in `buffer` and returns the bytes used. It
   * stops at a frame that is unfinished, not of type L3, or malformed. Packets may stay in
   * the buffer, which nobody may write to before the stack gives it out again.
   */
  input(buffer: InputBuffer, address: number, length: number): number {
    const used = this.exports.input(buffer.which, address, length);
    this.#options.onTouched();
    return used;
  }

  /**
   * Runs what is due at `now` (milliseconds from any origin) and returns the milliseconds
   * until it wants to be called again: `Infinity` if nothing waits for time.
   */
  poll(now: number): number {
    const wait = this.exports.poll(Math.trunc(now) % U32) >>> 0;
    return wait === U32 - 1 ? Infinity : wait;
  }

  /**
   * The frames to be sent now, or undefined if there are none or the last ones were not
   * yet reported by {@link Stack.outputDone}. The bytes stay as they are until then.
   */
  takeOutput(): Uint8Array<ArrayBuffer> | undefined {
    const length = this.exports.out_take();
    if (length === 0) return undefined;
    const at = this.reply[0]!;
    return this.memory.subarray(at, at + length);
  }

  /** The bytes of the last {@link Stack.takeOutput} have been sent. */
  outputDone(): void {
    this.exports.out_done();
  }

  /**
   * Begins to connect to an address and port of the mesh.
   *
   * Throws a RangeError if the table of connections is full or memory is used up.
   */
  connect(address: number, port: number): TcpConnection {
    const index = this.exports.conn_connect(address, port);
    if (index < 0) {
      throw new RangeError(
        index === -1
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
    const mask = prefix === 0 ? 0 : (U32 - 2 ** (32 - prefix)) >>> 0;
    const count = this.exports.abort_range(network, mask);
    this.#options.onTouched();
    return count;
  }

  /**
   * Tells the other end of a connection that this host had with an earlier instance: it gets
   * to know that there is none, and resets. False if there is no room for that just now.
   */
  knock({ localAddress, localPort, remoteAddress, remotePort }: TcpEnds): boolean {
    const { exports } = this;
    return exports.knock(localAddress, localPort, remoteAddress, remotePort) !== 0;
  }

  /** Tells each connection what happened to it since the last time. */
  dispatch(): void {
    const [count = 0, address = 0] = this.#turnedAway;
    if (count !== this.#told) {
      this.#told = count;
      this.#options.onTurnedAway?.(address, count);
    }
    for (;;) {
      const index = this.exports.next_event();
      if (index < 0) return;
      const [events = 0, reason = 0, code = 0] = this.reply;
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

  /** What the stack holds now and has counted. */
  statistics(): StackStatistics {
    const values = new Uint32Array(this.memory.buffer, this.exports.statistics(), 14);
    const [
      pages = 0,
      usedPages = 0,
      usedBlocks = 0,
      connections = 0,
      pendingSyns = 0,
      active = 0,
      timeWait = 0,
      packetsIn = 0,
      packetsDropped = 0,
      packetsWithoutMemory = 0,
      packetsOut = 0,
      packetsPutOff = 0,
      failures = 0,
      turnedAway = 0,
    ] = values;
    return {
      pages,
      usedPages,
      usedBlocks,
      connections,
      pendingSyns,
      active,
      timeWait,
      packetsIn,
      packetsDropped,
      packetsWithoutMemory,
      packetsOut,
      packetsPutOff,
      failures,
      turnedAway,
    };
  }

  /** For {@link TcpConnection} alone: it was released. */
  forget(index: number): void {
    this.#connections.delete(index);
  }

  /** For {@link TcpConnection} alone: a call of its made output or needs a timer. */
  touched(): void {
    this.#options.onTouched();
  }

  #adopt(index: number): TcpConnection {
    this.exports.conn_addresses(index);
    const [localAddress = 0, localPort = 0, remoteAddress = 0, remotePort = 0] =
      this.reply;
    const ends = { localAddress, localPort, remoteAddress, remotePort };
    const connection = new TcpConnection(this, index, ends);
    this.#connections.set(index, connection);
    return connection;
  }

  /** The module's functions, so that a trap in any of them ends the stack as a whole. */
  #guarded(exports: WebAssembly.Exports): StackExports {
    type Call = (...args: (number | undefined)[]) => number;
    const guarded: Record<string, unknown> = {};
    for (const [name, member] of Object.entries(exports)) {
      const call = member as Call;
      guarded[name] = typeof member !== "function"
        ? member
        : (a?: number, b?: number, c?: number, d?: number, e?: number, f?: number) => {
          if (this.#broken) throw this.#broken;
          try {
            return call(a, b, c, d, e, f);
          } catch (cause) {
            throw this.#breakDown(exports["panic_text"] as Call, cause);
          }
        };
    }
    return guarded as unknown as StackExports;
  }

  #breakDown(panicText: () => number, cause: unknown): Error {
    const at = panicText();
    const text = at === 0
      ? String(cause)
      : new TextDecoder().decode(this.memory.slice(at, this.memory.indexOf(0, at)));
    this.#broken = new Error(`The TCP/IP stack stopped: ${text}`, { cause });
    const lost = [...this.#connections.values()];
    for (const connection of lost) connection.handle(EVENT_FAILED, REASON_RESET, 0);
    this.#options.onBroken(this.#broken, lost.map(({ ends }) => ends));
    return this.#broken;
  }
}
