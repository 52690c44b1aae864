/**
 * A TCP connection of the stack.
 *
 * Theory of operation. A connection opens in one of two ways: {@link Stack.connect} sends
 * a SYN, or a peer's SYN is shown to `onSyn` and held until `accept` or `refuse` is
 * called, so that the target can be dialled first. `opened()` settles when the handshake
 * is done or has failed. From then on the connection is two streams:
 *
 * - receiving: `readable()` waits for bytes or the end, `peek()` shows them where they lie
 *   in the stack's memory, `consume()` gives them back once they were written elsewhere;
 *   only that reopens the window (RFC 9293, 3.8.6);
 * - sending: `writable()` waits for room, `allocate()` gives a block to read a socket
 *   into, `send()` hands it over without a copy, `shutdown()` ends the stream.
 *
 * A failure of any kind (reset, refusal, silence, the peer's host down) rejects whatever
 * waits, calls `onFailure`, and stays the failure from then on. `abort()` sends a reset.
 * `release()` must be called once, when nothing reads or writes the connection's memory
 * any more; if both streams have ended, bytes under way are still delivered, otherwise
 * the connection is reset. If the stack breaks, its connections have failed: whatever
 * waits is rejected, and the other calls do nothing.
 *
 * At most one caller waits in each of `opened`, `readable` and `writable`.
 *
 * @module
 */
import { formatIpv4 } from "../wire/ip/ipv4.ts";
import {
  EVENT_EOF,
  EVENT_FAILED,
  EVENT_OPEN,
  EVENT_READABLE,
  EVENT_WRITABLE,
  REASONS,
  REFUSE_WITHOUT_ICMP,
  SEND_CLOSED,
  SEND_TAKEN,
} from "./abi.ts";
import type { Instance } from "./instance.ts";

/** Why a connection failed. */
export type TcpFailureReason = typeof REASONS[number];

/** A connection failed, or was used after its end. */
export class TcpError extends Error {
  override readonly name = "TcpError";
  /** Why. */
  readonly reason: TcpFailureReason;
  /** With reason `unreachable`: the code of the ICMP message (RFC 792, RFC 1812). */
  readonly icmpCode: number;

  /** `peer` is the other end as text, for the message. */
  constructor(reason: TcpFailureReason, peer: string, icmpCode = 0) {
    super(
      `Connection with ${peer}: ${reason}` + (icmpCode ? ` (ICMP code ${icmpCode})` : ""),
    );
    this.reason = reason;
    this.icmpCode = icmpCode;
  }
}

/** The four numbers of a connection; addresses are 32 bits in host order. */
export interface TcpEnds {
  readonly localAddress: number;
  readonly localPort: number;
  readonly remoteAddress: number;
  readonly remotePort: number;
}

/** The needs of a connection from its stack. */
export interface TcpStack {
  readonly instance: Instance;
  /** The connection was released: no further events are wanted. */
  forget(index: number): void;
  /** A call made output, or needs a timer. */
  touched(): void;
}

/** A block of the stack's memory that bytes to send are read into. */
export interface SendBlock {
  /** The stack's name for the block. */
  readonly id: number;
  /** Where the bytes go. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

class Signal {
  #wake: (() => void) | undefined;

  wait(): Promise<void> {
    return new Promise((resolve) => this.call(resolve));
  }

  call(wake: () => void): void {
    if (this.#wake !== undefined) throw new Error("Somebody waits here already");
    this.#wake = wake;
  }

  wake(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

/** A TCP connection; see the head of this file. */
export class TcpConnection {
  /** Both ends. */
  readonly ends: TcpEnds;
  /** Called once, at a failure; may be set at any time before. */
  onFailure: ((error: TcpError) => void) | undefined;
  readonly #stack: TcpStack;
  readonly #instance: Instance;
  readonly #index: number;
  readonly #reading = new Signal();
  readonly #writing = new Signal();
  #open = false;
  #ended = false;
  #released = false;
  #failure: TcpError | undefined;

  /** For {@link Stack} alone. */
  constructor(stack: TcpStack, index: number, ends: TcpEnds) {
    this.#stack = stack;
    this.#instance = stack.instance;
    this.#index = index;
    this.ends = ends;
  }

  /** Why the connection failed; undefined while intact. */
  get failure(): TcpError | undefined {
    return this.#failure;
  }

  /** For {@link Stack} alone: events, as bits. */
  handle(events: number, reason: number, code: number): void {
    if (events & EVENT_OPEN) this.#open = true;
    if (events & EVENT_EOF) this.#ended = true;
    if (events & EVENT_FAILED) this.#fail(REASONS[reason] ?? "reset", code);
    if (events & (EVENT_READABLE | EVENT_EOF)) this.#reading.wake();
    if (events & (EVENT_WRITABLE | EVENT_OPEN)) this.#writing.wake();
  }

  /** The target of a held SYN was dialled: go on with the handshake. */
  accept(): void {
    if (this.#instance.broken) return;
    this.#instance.exports.conn_accept(this.#index);
    this.#stack.touched();
  }

  /**
   * The target of a held SYN could not be dialled: answer with a reset and, given a code,
   * preceded by ICMP destination unreachable of that code. Releases the connection.
   */
  refuse(icmpCode: number = REFUSE_WITHOUT_ICMP): void {
    if (this.#released) return;
    this.#released = true;
    this.#stack.forget(this.#index);
    if (this.#instance.broken) return;
    this.#instance.exports.conn_refuse(this.#index, icmpCode);
    this.#stack.touched();
  }

  /**
   * Settles when the handshake is done; rejects with a {@link TcpError} at a failure. One that
   * has failed since with bytes to read is open: they were sent before.
   */
  async opened(): Promise<void> {
    while (!this.#open) {
      this.#check();
      await this.#writing.wait();
    }
    const isLastWords = this.#failure && !this.#released && this.peek().length > 0;
    if (!isLastWords) this.#check();
  }

  /** Whether the peer has ended its stream; bytes may be left to read. */
  get hasEnded(): boolean {
    return this.#ended;
  }

  /**
   * Calls `wake` once, when `readable` would look again: at bytes, the end or a failure. In
   * place of `readable`, for a reader that holds nothing while it waits.
   */
  whenReadable(wake: () => void): void {
    this.#reading.call(wake);
  }

  /**
   * Waits for bytes to read; false at the end of the stream, when all were consumed. After
   * a failure the bytes that came before can be read, then it rejects.
   */
  async readable(): Promise<boolean> {
    for (;;) {
      if (!this.#released && this.peek().length > 0) return true;
      this.#check();
      if (this.#ended) return false;
      await this.#reading.wait();
    }
  }

  /** The next bytes as they lie in the stack's memory, valid until `consume`. */
  peek(): Uint8Array<ArrayBuffer> {
    if (this.#instance.broken) return this.#instance.memory.subarray(0, 0);
    const length = this.#instance.exports.conn_peek(this.#index);
    const at = this.#instance.reply[0]!;
    return this.#instance.memory.subarray(at, at + length);
  }

  /** The first `length` bytes from `peek` are not needed any more. */
  consume(length: number): void {
    if (this.#instance.broken) return;
    this.#instance.exports.conn_consume(this.#index, length);
    this.#stack.touched();
  }

  /** How many bytes may be sent now. Throws a {@linkcode TcpError} after a failure. */
  get room(): number {
    this.#check();
    return this.#instance.exports.conn_room(this.#index);
  }

  /**
   * Whether bytes that were sent are not acknowledged yet; if so, calls `wake` once, when all
   * are, or at a failure. Whoever waits for room is woken now.
   */
  whenAcknowledged(wake: () => void): boolean {
    if (this.#failure || this.#released || this.#instance.broken) return false;
    if (!this.#instance.exports.conn_unacknowledged(this.#index)) return false;
    this.#writing.wake();
    this.#writing.call(wake);
    return true;
  }

  /** The same as {@linkcode TcpConnection.whenReadable} for `writable`. */
  whenWritable(wake: () => void): void {
    this.#stack.touched(); // a shortage of memory is looked at again by the timer
    this.#writing.call(wake);
  }

  /** Waits until bytes may be sent and returns how many. */
  async writable(): Promise<number> {
    for (;;) {
      const room = this.room;
      if (room > 0) return room;
      this.#stack.touched(); // a shortage of memory is looked at again by the timer
      await this.#writing.wait();
    }
  }

  /** A block for about `size` bytes (at most 256 KiB), or undefined if memory is short. */
  allocate(size: number): SendBlock | undefined {
    if (this.#instance.broken) return undefined;
    const id = this.#instance.exports.tx_alloc(size);
    if (id === 0) return undefined;
    const [at = 0, length = 0] = this.#instance.reply;
    return { id, bytes: this.#instance.memory.subarray(at, at + length) };
  }

  /** Gives back a block that was not sent. */
  free(block: SendBlock): void {
    if (this.#instance.broken) return;
    this.#instance.exports.tx_free(block.id);
  }

  /**
   * Sends the first `length` bytes of a block, which `writable()` must have allowed.
   * Returns `taken` if the block now belongs to the stack, `copied` if the caller may
   * fill the block again. Throws a {@link TcpError} if the connection is over.
   */
  send(block: SendBlock, length: number): "taken" | "copied" {
    this.#check();
    const result = this.#instance.exports.conn_send(this.#index, block.id, length);
    this.#stack.touched();
    if (result === SEND_CLOSED) throw new TcpError("closed", this.#peer());
    return result === SEND_TAKEN ? "taken" : "copied";
  }

  /** Ends the stream to the peer after the bytes sent. */
  shutdown(): void {
    if (this.#instance.broken) return;
    this.#instance.exports.conn_shutdown(this.#index);
    this.#stack.touched();
  }

  /** Ends the connection with a reset, now. The connection still has to be released. */
  abort(): void {
    if (this.#released || this.#failure) return;
    this.#instance.exports.conn_abort(this.#index);
    this.#fail("reset", 0);
    this.#stack.touched();
  }

  /** The caller is done with the connection and all of its memory. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#reading.wake(); // waiting callers are told of the end
    this.#writing.wake();
    this.#stack.forget(this.#index);
    if (this.#instance.broken) return;
    this.#instance.exports.conn_release(this.#index);
    this.#stack.touched();
  }

  #peer(): string {
    return `${formatIpv4(this.ends.remoteAddress)}:${this.ends.remotePort}`;
  }

  #check(): void {
    if (this.#failure) throw this.#failure;
    if (this.#released) throw new TcpError("closed", this.#peer());
  }

  #fail(reason: TcpFailureReason, code: number): void {
    if (this.#failure) return;
    this.#failure = new TcpError(reason, this.#peer(), code);
    this.#reading.wake();
    this.#writing.wake();
    this.onFailure?.(this.#failure);
  }
}
