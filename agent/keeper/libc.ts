/**
 * The C library, as far as a keeper and those who lend to it need it: Linux with 64 bits,
 * whose structures are the same on x64 and arm64.
 *
 * @module
 */

/** Flags of `open(2)`, the same on x64 and arm64. */
export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_NOCTTY = 0o400;
export const O_APPEND = 0o2000;
export const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
/** Errors. */
export const ENXIO = 6;
export const EAGAIN = 11;

const F_SETPIPE_SZ = 1031;
const PIPE_BYTES = 1 << 20;
const AF_UNIX = 1;
const SOCK_STREAM_CLOEXEC = 1 | O_CLOEXEC;
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const SHUT_RDWR = 2;
const SCM_RIGHTS = 1;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;
/** Bytes of `sun_path`, the zero at its end included. */
const SUN_PATH_BYTES = 108;
/** A `cmsghdr`, and an `int`. */
const CMSG_BYTES = 16;
const INT_BYTES = 4;
/** Descriptors that a message may bring. */
const MOST_PASSED = 4;
/** Bytes of a message that brings descriptors. */
const MOST_MESSAGE = 4096;

const SYMBOLS = {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize", nonblocking: true },
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  dup2: { parameters: ["i32", "i32"], result: "i32" },
  dup3: { parameters: ["i32", "i32", "i32"], result: "i32" },
  mkfifo: { parameters: ["buffer", "u32"], result: "i32" },
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  getsockopt: {
    parameters: ["i32", "i32", "i32", "buffer", "buffer"],
    result: "i32",
  },
  sendmsg: { parameters: ["i32", "buffer", "i32"], result: "isize" },
  recvmsg: { parameters: ["i32", "buffer", "i32"], result: "isize" },
  __errno_location: { parameters: [], result: "pointer" },
} as const;

/** A call of the C library failed. */
export class SystemError extends Error {
  override name = "SystemError";
  /** The system's number of the error. */
  readonly errno: number;

  constructor(what: string, errno: number) {
    super(`${what}: error ${errno} of the system`);
    this.errno = errno;
  }
}

/** Who is at the other end of a unix socket, as the kernel says. */
export interface Peer {
  /** 0 if it is in another namespace of processes. */
  readonly pid: number;
  readonly uid: number;
}

/** A message of a unix socket, and the descriptors that came with it, ours from then on. */
export interface Message {
  readonly text: string;
  readonly descriptors: readonly number[];
}

/** Opens the library. @throws {Error} why not, for people. */
export function openLibc(): Libc {
  if (Deno.build.os !== "linux") throw new Error("the system is not Linux");
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") {
    throw new Error("FFI is not allowed");
  }
  for (const name of ["libc.so.6", "libc.so"]) {
    try {
      return new Libc(symbolsOf(name));
    } catch {
      // The other C library's name, or none that can be loaded.
    }
  }
  throw new Error("the C library cannot be loaded");
}

type Symbols = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/**
 * The functions of a library, each made ready when it is used first, which takes its time.
 * Throws if there is no such library.
 */
function symbolsOf(library: string): Symbols {
  const { __errno_location } = SYMBOLS;
  const ready: Record<string, unknown> =
    Deno.dlopen(library, { __errno_location }).symbols;
  return new Proxy(ready, {
    get(_, name: keyof Symbols) {
      const open = () => Deno.dlopen(library, { [name]: SYMBOLS[name] }).symbols[name];
      return ready[name] ??= open();
    },
  }) as Symbols;
}

/** The calls. All but `read` return at once. */
export class Libc {
  readonly #symbols: Symbols;

  /** See {@linkcode openLibc}. */
  constructor(symbols: Symbols) {
    this.#symbols = symbols;
  }

  /** Opens a file, not to be inherited. @throws {SystemError} */
  open(path: string, flags: number): number {
    const fd = this.#symbols.open(cString(path), flags | O_CLOEXEC);
    return this.#checked(fd, `Cannot open ${path}`);
  }

  /** Closes a descriptor. */
  close(fd: number): void {
    this.#symbols.close(fd);
  }

  /** Writes a short text; what does not fit is lost. False if nobody reads. */
  write(fd: number, text: string): boolean {
    const bytes = new TextEncoder().encode(text);
    return this.#symbols.write(fd, bytes, BigInt(bytes.length)) ===
      BigInt(bytes.length);
  }

  /** Reads some bytes, on another thread; none at the end, or if that fails. */
  async read(fd: number, into: Uint8Array<ArrayBuffer>): Promise<number> {
    const { read } = this.#symbols;
    return Math.max(0, Number(await read(fd, into, BigInt(into.length))));
  }

  /** Makes `number` mean what `fd` means. */
  point(number: number, fd: number): void {
    const { dup2, dup3 } = this.#symbols;
    if (number > 2) dup3(fd, number, O_CLOEXEC);
    else dup2(fd, number);
  }

  /** Makes a pipe large; does nothing to what is no pipe. */
  enlarge(fd: number): void {
    this.#symbols.fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES);
  }

  /** Makes a FIFO for this user alone. @throws {SystemError} */
  mkfifo(path: string): void {
    const result = this.#symbols.mkfifo(cString(path), 0o600);
    this.#checked(result, `Cannot make a FIFO ${path}`);
  }

  /** Connects to a unix socket. @throws {SystemError} */
  connect(path: string): number {
    const { socket, connect } = this.#symbols;
    const name = cString(path);
    const address = new Uint8Array(2 + SUN_PATH_BYTES);
    if (name.length > SUN_PATH_BYTES) throw new Error(`${path} is too long for a socket`);
    new DataView(address.buffer).setUint16(0, AF_UNIX, true);
    address.set(name, 2);
    const fd = this.#checked(socket(AF_UNIX, SOCK_STREAM_CLOEXEC, 0), "No socket");
    const result = connect(fd, address, address.length);
    if (result < 0) {
      const error = this.#failure(`Cannot connect to ${path}`);
      this.close(fd);
      throw error;
    }
    return fd;
  }

  /** Ends both directions of a socket, also for a read under way. */
  shutdown(socket: number): void {
    this.#symbols.shutdown(socket, SHUT_RDWR);
  }

  /** @throws {SystemError} */
  peerOf(socket: number): Peer {
    const credentials = new Int32Array(3); // pid, uid, gid
    const length = new Uint32Array([credentials.byteLength]);
    const result = this.#symbols.getsockopt(
      socket,
      SOL_SOCKET,
      SO_PEERCRED,
      credentials,
      length,
    );
    this.#checked(result, "Cannot tell the peer of a socket");
    return { pid: credentials[0]!, uid: credentials[1]! };
  }

  /** Sends a message, with descriptors. @throws {SystemError} */
  send(socket: number, { text, descriptors }: Message): void {
    const control = new Uint8Array(controlBytes(descriptors.length));
    const view = new DataView(control.buffer);
    view.setBigUint64(0, BigInt(CMSG_BYTES + INT_BYTES * descriptors.length), true);
    view.setInt32(8, SOL_SOCKET, true);
    view.setInt32(12, SCM_RIGHTS, true);
    for (const [i, fd] of descriptors.entries()) {
      view.setInt32(CMSG_BYTES + INT_BYTES * i, fd, true);
    }
    const data = new TextEncoder().encode(text);
    const header = headerOf(data, descriptors.length > 0 ? control : undefined);
    const sent = this.#symbols.sendmsg(socket, header.bytes, MSG_NOSIGNAL);
    header.hold();
    this.#checked(Number(sent), "Cannot send a message");
  }

  /** A message that came, or undefined if none has. @throws {SystemError} */
  receive(socket: number): Message | undefined {
    const data = new Uint8Array(MOST_MESSAGE);
    const control = new Uint8Array(controlBytes(MOST_PASSED));
    const header = headerOf(data, control);
    const flags = MSG_DONTWAIT | MSG_CMSG_CLOEXEC;
    const got = Number(this.#symbols.recvmsg(socket, header.bytes, flags));
    header.hold();
    if (got < 0) {
      const error = this.#failure("Cannot receive a message");
      if (error.errno === EAGAIN) return undefined;
      throw error;
    }
    return {
      text: new TextDecoder().decode(data.subarray(0, got)),
      descriptors: passedIn(control.subarray(0, header.controlLength)),
    };
  }

  #checked(result: number, what: string): number {
    if (result < 0) throw this.#failure(what);
    return result;
  }

  #failure(what: string): SystemError {
    const at = this.#symbols.__errno_location();
    return new SystemError(what, at ? new Deno.UnsafePointerView(at).getInt32() : 0);
  }
}

function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}

/** Bytes of a control message of so many descriptors: a multiple of 8. */
function controlBytes(descriptors: number): number {
  return CMSG_BYTES + Math.ceil(INT_BYTES * descriptors / 8) * 8;
}

/** A `msghdr` of one part, and of control messages if there are any. */
function headerOf(data: Uint8Array<ArrayBuffer>, control?: Uint8Array<ArrayBuffer>) {
  const bytes = new Uint8Array(56);
  const view = new DataView(bytes.buffer);
  const part = new BigUint64Array([addressOf(data), BigInt(data.length)]);
  view.setBigUint64(16, addressOf(part), true);
  view.setBigUint64(24, 1n, true);
  if (control) {
    view.setBigUint64(32, addressOf(control), true);
    view.setBigUint64(40, BigInt(control.length), true);
  }
  return {
    bytes,
    get controlLength() {
      return Number(view.getBigUint64(40, true));
    },
    /** To be called behind the system call: its memory lives until then. */
    hold: () => [data, part, control],
  };
}

function addressOf(memory: BufferSource): bigint {
  return Deno.UnsafePointer.value(Deno.UnsafePointer.of(memory));
}

/** The descriptors in control messages. */
function passedIn(control: Uint8Array): number[] {
  if (control.length < CMSG_BYTES) return [];
  const view = new DataView(control.buffer, control.byteOffset, control.length);
  const length = Math.min(Number(view.getBigUint64(0, true)), control.length);
  if (view.getInt32(8, true) !== SOL_SOCKET || view.getInt32(12, true) !== SCM_RIGHTS) {
    return [];
  }
  const descriptors: number[] = [];
  for (let at = CMSG_BYTES; at + INT_BYTES <= length; at += INT_BYTES) {
    descriptors.push(view.getInt32(at, true));
  }
  return descriptors;
}
