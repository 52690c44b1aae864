/**
 * Joins a socket of the kernel with a connection of the stack: the only code that copies
 * user data.
 *
 * Both directions run at once and end apart. End of stream on one side becomes a
 * half-close on the other; a failure on either side becomes a reset on the other, also for
 * a direction that is stuck in a write. At once, but what the peer sent before its reset is
 * still written to the socket, and what a socket brought before its reset is still sent, as
 * a kernel delivers that too: a server's last words are often a message and a reset. Nothing
 * is read that cannot be passed on: a socket only while the connection's send buffer has
 * room, and the window of the connection opens only after its bytes were written to the
 * socket.
 *
 * Ten thousand idle connections must not hold much memory each. So a direction that waits
 * is a callback and no suspended function, and an idle socket is read into a small block
 * of the stack's memory; a read that fills its block earns a larger block.
 *
 * @module
 */
import { systemPace } from "../../link/pace.ts";
import type { SendBlock, TcpConnection } from "../../stack/tcp.ts";
import { HalfOpen } from "./half_open.ts";
import { memoryMayBeFree } from "./shortage.ts";
import { closeWrite, OwnedSocket } from "./socket.ts";

/** Milliseconds in which some of the last bytes before a failure have to be written. */
const LAST_WORDS_MS = 100;
/** Milliseconds in which the peer has to acknowledge what came before a socket was reset. */
const DELIVERY_MS = 60_000;
const BLOCK_SIZES = [1024, 4096, 16_384, 65_536, 262_144] as const;
/**
 * After a read of so many bytes others have their turn. The next one, of a stream that always
 * has bytes, would be done before anybody else's byte is noticed, up to a whole window.
 */
const LONG_READ = 65_536;
/** After a read that filled less than this share of its block, the smallest comes next. */
const WORTH_KEEPING = 1 / 16;

/**
 * Carries bytes between `socket` and `connection` until both directions have ended, then
 * closes the socket and releases the connection, which must be open. Never rejects: a
 * failure of one side is told to the other, and nobody else wants to know.
 */
export function splice(socket: Deno.TcpConn, connection: TcpConnection): Promise<void> {
  return new Promise((resolve) => new Splice(socket, connection, resolve).begin());
}

class Splice {
  readonly #side: OwnedSocket;
  readonly #connection: TcpConnection;
  readonly #finished: () => void;
  readonly #halfOpen = new HalfOpen(() => this.#breakBoth());
  /** Directions that go on. */
  #directions = 2;
  /** The block that the socket is read into, or will be. */
  #block: SendBlock | undefined;
  /** Which of the block sizes comes next. */
  #size = 0;
  #isWriting = false;
  /** Whether the socket is over, and the connection to be reset behind what it brought. */
  #isDelivering = false;
  #isDelivered = false;
  /** Bounds the delivery of what came before a failure. */
  #delivery: ReturnType<typeof setTimeout> | undefined;

  constructor(
    socket: Deno.TcpConn,
    connection: TcpConnection,
    finished: () => void,
  ) {
    this.#side = new OwnedSocket(socket);
    this.#connection = connection;
    this.#finished = finished;
  }

  begin(): void {
    this.#connection.onFailure = this.#connectionFailed;
    if (this.#connection.failure) this.#connectionFailed();
    this.#read();
    this.#write();
  }

  /** Reads the socket, when what comes can be sent. */
  readonly #read = (): void => {
    const connection = this.#connection;
    if (this.#isDelivering) return this.#uploadEnded();
    try {
      const { room } = connection;
      if (room === 0) return connection.whenWritable(this.#read);
      this.#block ??= connection.allocate(BLOCK_SIZES[this.#size]!);
      if (!this.#block) return void memoryMayBeFree().then(this.#read); // short just now
      const { bytes } = this.#block;
      this.#side.socket.read(room < bytes.length ? bytes.subarray(0, room) : bytes)
        .then(this.#send, this.#uploadFailed);
    } catch {
      this.#uploadFailed();
    }
  };

  /** Sends the bytes of a read, or the end of the socket's stream. */
  readonly #send = (got: number | null): void => {
    const connection = this.#connection;
    const block = this.#block!;
    try {
      if (got === null) return this.#streamEnded();
      this.#halfOpen.parts++;
      const isTaken = connection.send(block, got) === "taken";
      const wanted = nextSize(this.#size, got, block.bytes.length);
      if (isTaken) {
        this.#block = undefined;
      } else if (wanted !== this.#size) {
        this.#block = undefined;
        connection.free(block);
      }
      this.#size = wanted;
      if (got >= LONG_READ) return void systemPace.rest().then(this.#read);
    } catch {
      return this.#uploadFailed();
    }
    this.#read();
  };

  /**
   * The socket has no more bytes: its end, or else a reset that a write is told of. The kernel
   * tells one of the two, and the other sees an end.
   */
  #streamEnded(): void {
    if (this.#isWriting) return void systemPace.rest().then(this.#endUpload);
    this.#endUpload();
  }

  readonly #endUpload = (): void => {
    try {
      if (!this.#isDelivering) this.#connection.shutdown();
    } catch {
      return this.#uploadFailed();
    }
    this.#uploadEnded();
  };

  /** Writes the connection's bytes, or its end, to the socket. */
  readonly #write = (): void => {
    const connection = this.#connection;
    try {
      const bytes = connection.peek();
      if (bytes.length > 0) {
        this.#halfOpen.parts++;
        this.#isWriting = true;
        this.#side.socket.write(bytes).then(this.#written, this.#downloadFailed);
      } else if (connection.failure) {
        this.#downloadFailed();
      } else if (connection.hasEnded) {
        closeWrite(this.#side.socket).then(this.#ended, this.#downloadFailed);
      } else connection.whenReadable(this.#write);
    } catch {
      this.#downloadFailed();
    }
  };

  readonly #written = (count: number): void => {
    this.#isWriting = false;
    try {
      if (this.#connection.failure) this.#giveTime();
      this.#connection.consume(count);
    } catch {
      return this.#downloadFailed();
    }
    this.#write();
  };

  readonly #connectionFailed = (): void => {
    if (this.#hasLastWords) this.#giveTime();
    else this.#side.reset();
  };

  #giveTime(): void {
    clearTimeout(this.#delivery);
    this.#delivery = setTimeout(() => this.#side.reset(), LAST_WORDS_MS);
  }

  /** Whether the connection failed, and bytes that came before are not written yet. */
  get #hasLastWords(): boolean {
    return this.#connection.failure !== undefined && !this.#side.hasEnded &&
      this.#connection.peek().length > 0;
  }

  readonly #uploadFailed = (): void => {
    if (!this.#hasLastWords) this.#breakBoth();
    this.#uploadEnded();
  };

  #uploadEnded(): void {
    if (this.#block) this.#connection.free(this.#block);
    this.#block = undefined;
    this.#ended();
  }

  readonly #downloadFailed = (): void => {
    this.#breakBoth();
    this.#ended();
  };

  /** A direction has ended. */
  readonly #ended = (): void => {
    if (--this.#directions > 0) return this.#halfOpen.begin();
    this.#halfOpen.end();
    clearTimeout(this.#delivery);
    this.#connection.release();
    this.#side.close();
    this.#finished();
  };

  /** Resets the socket, and the connection behind what the socket brought. */
  #breakBoth(): void {
    this.#side.reset();
    if (this.#isDelivering) return;
    this.#isDelivering = true;
    this.#directions++; // a third, until all is delivered
    clearTimeout(this.#delivery);
    this.#delivery = setTimeout(this.#delivered, DELIVERY_MS);
    this.#look();
  }

  readonly #look = (): void => {
    if (!this.#connection.whenAcknowledged(this.#look)) this.#delivered();
  };

  readonly #delivered = (): void => {
    if (this.#isDelivered) return;
    this.#isDelivered = true;
    this.#connection.abort();
    this.#ended();
  };
}

/** Larger after a read that filled its block, the smallest after one that hardly used it. */
function nextSize(size: number, got: number, room: number): number {
  if (got === room) return Math.min(size + 1, BLOCK_SIZES.length - 1);
  return got < room * WORTH_KEEPING ? 0 : size;
}
