/**
 * Reads a stream ahead of whoever uses its bytes.
 *
 * Only a read can tell that a peer has left, and a read that is under way cannot be taken
 * back. So while something else is waited for, the stream is read on, up to a limit, and
 * the bytes wait here.
 *
 * Whoever waits for bytes gets them in its turn (`turns.ts`), however fast they come.
 *
 * @module
 */
import type { ByteStream } from "./stream.ts";
import { turns } from "./turns.ts";

/** Bytes that {@linkcode ReadAhead.watch} reads; a peer that sent more is not watched. */
const MOST_AHEAD = 65_536;
/**
 * An idle stream holds a small buffer; a read that fills its buffer earns a larger
 * buffer. The second size is that of the longest header of a request: so thousands of
 * clients that stop in the middle of theirs hold no large buffers.
 */
const SMALL = 4096;
const MIDDLE = 65_536;
const LARGE = 262_144;
/** Less room than this is not worth a read. */
const LEAST_ROOM = 1024;

const NOTHING = new Uint8Array(0);

/** The reading side of a stream; nobody else may read it. */
export class ReadAhead {
  readonly stream: ByteStream;
  /** Called when the stream has ended, or failed, while nobody waits in `fill`. */
  onEnd: (() => void) | undefined;
  /** Called when bytes came while nobody waits in `fill`. */
  onBytes: (() => void) | undefined;
  /** When bytes came last (`performance.now()`). */
  active = 0;
  #buffer: Uint8Array<ArrayBuffer> = NOTHING;
  #start = 0;
  #end = 0;
  #size = SMALL;
  #isReading = false;
  #isWatching = false;
  #wake: (() => void) | undefined;
  #ended: Error | null | undefined;

  /** `first` was read already. */
  constructor(stream: ByteStream, first: Uint8Array = NOTHING) {
    this.stream = stream;
    if (first.length === 0) return;
    this.#buffer = new Uint8Array(Math.max(SMALL, first.length));
    this.#buffer.set(first);
    this.#end = first.length;
  }

  /**
   * Bytes that came and were not consumed. They stay where they are until a read begins:
   * by `fill`, or at any time while the stream is watched.
   */
  get held(): Uint8Array {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  /** How many these are. */
  get size(): number {
    return this.#end - this.#start;
  }

  /** How the stream ended: null is in order; undefined while it goes on. */
  get ended(): Error | null | undefined {
    return this.#ended;
  }

  /** Whether the stream is being read. */
  get isReading(): boolean {
    return this.#isReading;
  }

  /** Takes the first `count` of the bytes that are held out. */
  consume(count: number): void {
    this.#start += count;
    if (this.#isWatching) this.#read();
  }

  /** Settles when more bytes are held, the stream has ended, or someone interrupts. */
  fill(): Promise<void> {
    if (this.#ended !== undefined) return Promise.resolve();
    this.#read();
    return new Promise((resolve) => this.#wake = resolve);
  }

  /** Lets `fill` settle without more bytes. */
  interrupt(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  /** Reads on without `fill` until `unwatch`, and calls `onBytes` and `onEnd`. */
  watch(): void {
    this.#isWatching = true;
    this.#read();
  }

  /** Ends `watch`; a read may still be under way. */
  unwatch(): void {
    this.#isWatching = false;
  }

  #read(): void {
    if (this.#isReading || this.#ended !== undefined) return;
    if (this.#isWatching && this.size >= MOST_AHEAD) return;
    const room = this.#makeRoom();
    this.#isReading = true;
    this.stream.read(room).then((got) => {
      this.#isReading = false;
      if (got === null) return this.#finish(null);
      this.#end += got;
      this.active = performance.now();
      if (got === room.length) this.#size = this.#size === SMALL ? MIDDLE : LARGE;
      else if (got < SMALL) this.#size = SMALL;
      if (this.#isWatching) this.#read();
      if (this.#wake) this.#wakeInTurn();
      else this.onBytes?.();
    }).catch((error) => {
      this.#isReading = false;
      this.#finish(error instanceof Error ? error : new Error(String(error)));
    });
  }

  #wakeInTurn(): void {
    const turn = turns.next();
    if (!turn) return this.interrupt();
    const wake = this.#wake;
    turn.then(() => {
      if (this.#wake === wake) this.interrupt();
    });
  }

  #finish(how: Error | null): void {
    if (this.#ended !== undefined) return;
    this.#ended = how;
    if (this.#wake) this.interrupt();
    else this.onEnd?.();
  }

  /** Where the next bytes go; bytes that are held may move. */
  #makeRoom(): Uint8Array<ArrayBuffer> {
    const { size } = this;
    if (size === 0) {
      this.#start = this.#end = 0;
      if (this.#buffer.length !== this.#size) this.#buffer = new Uint8Array(this.#size);
    } else if (this.#buffer.length - this.#end < LEAST_ROOM) {
      if (size <= this.#buffer.length / 2) {
        this.#buffer.copyWithin(0, this.#start, this.#end);
      } else {
        const grown = new Uint8Array(2 * this.#buffer.length);
        grown.set(this.held);
        this.#buffer = grown;
      }
      this.#start = 0;
      this.#end = size;
    }
    const most = this.#isWatching ? MOST_AHEAD - size : Infinity;
    return this.#buffer.subarray(this.#end, this.#end + most);
  }
}
