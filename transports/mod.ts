/**
 * How the manager reaches a host: the contract of a {@linkcode Transport} and of the
 * {@linkcode Link} it opens.
 *
 * A transport is the whole plug-in interface. It turns what the manifest says about a
 * host into options, and opens a link: a duplex of bytes on which a NoRouter agent
 * speaks. What carries the bytes (a child process, a socket, memory) is its own affair.
 * The suite in `transports/testing.ts` checks a link against what is stated here.
 *
 * A transport to a service that runs an agent for whoever connects, such as
 * `socat TCP-LISTEN:7000,fork EXEC:"norouter agent --automated"`:
 *
 * ```ts
 * import { strict as assert } from "node:assert";
 * import { type LinkExit, SpecError, type Transport } from "@norouter/cli/transport";
 *
 * const tcp: Transport<{ hostname: string; port: number }> = {
 *   name: "tcp",
 *   parse(spec) {
 *     const [, hostname, port] = /^([^:]+):(\d+)$/.exec(String(spec)) ?? [];
 *     if (!hostname) throw new SpecError([], `wanted "host:port", got ${JSON.stringify(spec)}`);
 *     return { hostname, port: Number(port) };
 *   },
 *   describe: ({ hostname, port }) => `tcp ${hostname}:${port}`,
 *   async open(options, { signal }) {
 *     const conn = await Deno.connect({ ...options, signal });
 *     conn.setNoDelay();
 *     const { promise: closed, resolve } = Promise.withResolvers<LinkExit>();
 *     let isOpen = true;
 *     const end = (ok: boolean, reason: string) => {
 *       if (!isOpen) return;
 *       isOpen = false;
 *       conn.close(); // fails reads and writes under way
 *       resolve({ ok, reason, stderr: [] });
 *     };
 *     const failed = (error: unknown) => {
 *       end(false, String(error));
 *       throw error;
 *     };
 *     signal.addEventListener("abort", () => end(false, String(signal.reason)));
 *     // Not conn.readable and conn.writable: the end of one would close the other.
 *     const readable = new ReadableStream<Uint8Array<ArrayBuffer>>({
 *       async pull(controller) {
 *         const bytes = new Uint8Array(65_536);
 *         const count = await conn.read(bytes).catch(failed);
 *         if (count !== null) return controller.enqueue(bytes.subarray(0, count));
 *         controller.close();
 *         end(true, "the service ended");
 *       },
 *       cancel: () => end(false, "nobody reads any more"),
 *     });
 *     const writable = new WritableStream<Uint8Array>({
 *       async write(chunk) {
 *         for (let at = 0; at < chunk.length;) {
 *           at += await conn.write(chunk.subarray(at)).catch(failed);
 *         }
 *       },
 *       close: () => conn.closeWrite(),
 *       abort: (reason) => end(false, String(reason)),
 *     });
 *     return { readable, writable, closed, abort: (reason) => end(false, reason) };
 *   },
 * };
 *
 * assert.deepEqual(tcp.parse("10.0.0.5:7000"), { hostname: "10.0.0.5", port: 7000 });
 * assert.throws(() => tcp.parse("10.0.0.5"), SpecError);
 * ```
 *
 * @module
 */

import type { SpecPlace } from "../manifest/manifest.ts";

export type { Plugin, PluginKit } from "./kit.ts";
export type { SpecPlace } from "../manifest/manifest.ts";

/**
 * A duplex of bytes with an agent at its other end.
 *
 * - **Bytes, not messages.** What was written arrives whole and in order, but in any
 *   partition: a read may bring less than one write or more than several. `readable` is a
 *   byte stream (one that has a BYOB reader) where the transport can provide it.
 * - **Ownership.** A chunk given to `writable` belongs to the link from then on and must
 *   not be changed, because a link may hand the very same memory to its reader; unless the
 *   link says otherwise by `releasesChunks`. A chunk read belongs to the reader.
 * - **Back-pressure.** A write settles when the link has taken the bytes. While the other
 *   end does not read, a link takes a bounded amount (some MiB at most) and then lets the
 *   writes wait. It never drops and never grows.
 * - **End of input.** Closing `writable` is end of input for the agent, which finishes, ends
 *   its output, and goes away; bytes written before arrive first. The two directions
 *   end apart: `readable` goes on until the agent ends it.
 * - **After the end.** Writes to an ended link fail; reads give end of stream once what had
 *   arrived was read. They fail or end, and never wait for ever. Cancelling `readable` makes
 *   the agent's writes fail.
 * - **`closed`** settles always, never rejects, and may settle before the last bytes were
 *   read. Should something else still hold the agent's output open (a grandchild of the
 *   command), `readable` need not end by itself; a reader then gives up a moment after
 *   `closed`.
 */
export interface Link {
  /** The bytes from the agent. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** The bytes to the agent. Closing it is the orderly way to end an agent. */
  readonly writable: WritableStream<Uint8Array<ArrayBufferLike>>;
  /**
   * Whether a settled write means that the link no longer looks at the chunk, so that its
   * memory may be used again: true where bytes are copied out, as to a process. Absent
   * means no.
   */
  readonly releasesChunks?: boolean;
  /** How and why the link ended. Settles exactly once and never rejects. */
  readonly closed: Promise<LinkExit>;
  /**
   * Ends the link by force, at the latest within two seconds, without waiting for the
   * agent: pending reads and writes end or fail, and `closed` settles with `ok: false`
   * and this reason. Harmless when called again or after the end.
   */
  abort(reason: string): void;
}

/** How a link ended. */
export interface LinkExit {
  /** Whether the other end went away in an orderly manner (for a command: status 0). */
  readonly ok: boolean;
  /** The exit status, if what ended has one. */
  readonly status?: number;
  /** The signal that ended the process, such as `SIGKILL`, if one did. */
  readonly signal?: string;
  /** What happened, to stand after "the link ended: ", such as `docker exited with status 1`. */
  readonly reason: string;
  /** The last lines (some 20 at most) of text the other end wrote beside the link, oldest first. */
  readonly stderr: readonly string[];
  /** What the user can do about it, if the transport knows, to stand in brackets after all else. */
  readonly hint?: string;
}

/** What {@linkcode Transport.open} is given. */
export interface OpenContext {
  /** The host's name in the manifest, for messages. */
  readonly host: string;
  /** Aborted when the link is no longer wanted: an `open` under way rejects, an open link ends as by `abort`. */
  readonly signal: AbortSignal;
  /** Takes one line of text for the user (a line of a command's stderr), without its line end. */
  log(line: string): void;
  /** Says that opening gets on, though it takes long: the host's time to answer begins anew. */
  alive?(): void;
  /** Says the same, and how far something is: `done` of `total` bytes. */
  progress?(progress: Progress): void;
}

/** How far something is that is sent to a host. */
export interface Progress {
  /** What is sent, such as `the agent`. */
  readonly what: string;
  /** Bytes sent so far. */
  readonly done: number;
  /** Bytes to be sent. */
  readonly total: number;
  /** Milliseconds since it began. */
  readonly ms: number;
}

/**
 * A way to reach a host. `Options` is what {@linkcode Transport.parse} makes of the
 * manifest's value and `open` is given.
 *
 * Further powers are optional members, so that a transport written today stays one.
 */
export interface Transport<Options = unknown> {
  /** The name, which is also the manifest's field: lower case, such as `cmd`. */
  readonly name: string;
  /**
   * Checks the manifest's value. Synchronous and without I/O. `place` says where that stands;
   * absent where it stands in no file.
   *
   * @throws {SpecError} naming the wrong part and what was wanted; for several mistakes
   * at once an `AggregateError` of them.
   */
  parse(spec: unknown, place?: SpecPlace): Options;
  /**
   * Opens a link on which an agent speaks, or is about to: `open` need not wait for it.
   * Called again after each end of the link.
   *
   * @throws {Error} with a message for the user, if the link cannot be started at all.
   */
  open(options: Options, context: OpenContext): Promise<Link>;
  /** What is run or reached, in one line, for messages: for a command, the command. */
  describe(options: Options): string;
  /**
   * Runs a command on the host, each word as it is; its standard input and output are the
   * link. With this, the manager puts the agent on hosts that have none, and `open` is not
   * used for them.
   *
   * @throws {Error} as `open` does.
   */
  exec?(
    options: Options,
    words: readonly string[],
    context: OpenContext,
  ): Promise<Link>;
  /** The same as `describe` where the agent is put on the host first; absent where it is the same. */
  describeSent?(options: Options): string;
  /** Whether these options say how the agent is started, so that `open` is used all the same. */
  hasAgent?(options: Options): boolean;
  /**
   * What the user can do if a command of `exec` that ended so, before it said a word, was
   * another than the words given: for ways on which the host may have its own will, as sshd has
   * by `ForceCommand`. Undefined where that is not why.
   */
  otherCommand?(exit: LinkExit): string | undefined;
  /** Another way to put files on the host, for one without a shell. */
  readonly files?: HostFiles<Options>;
}

/** Puts files on a host without running anything there. */
export interface HostFiles<Options> {
  /**
   * The host's machine, as `uname -m` or the makers of images put it: `x86_64`, `arm64`.
   *
   * @throws {Error} with a message for the user.
   */
  machine(options: Options, context: OpenContext): Promise<string>;
  /**
   * Copies the file or folder `from` of this machine to the path `to` there, whose folder
   * exists.
   *
   * @throws {Error} with a message for the user.
   */
  put(options: Options, from: string, to: string, context: OpenContext): Promise<void>;
  /** What is at a path of the host, a link not followed; undefined if nothing is. */
  look?(
    options: Options,
    path: string,
    context: OpenContext,
  ): Promise<PathInfo | undefined>;
}

/** What is at a path of a host. */
export interface PathInfo {
  /** What it is; `file` is whatever is neither of the others. */
  readonly kind: "folder" | "link" | "file";
  /** The rights, as of `chmod`: up to 0o7777. */
  readonly mode: number;
  /** The owner's number. */
  readonly uid: number;
}

/**
 * A mistake in the manifest's value for a transport. The manifest's parser adds file,
 * line and column.
 */
export class SpecError extends Error {
  /** Where in the value the mistake is: keys and indices from its top; empty for all of it. */
  readonly path: readonly (string | number)[];
  /** Whether it is the last key of `path` that is wrong, rather than what it leads to. */
  readonly isKey: boolean;

  /**
   * Creates an error at `path`; `message` says what was wanted and what was there. With
   * `isKey`, as for an option that nobody knows, it is reported where the key stands.
   */
  constructor(
    path: readonly (string | number)[],
    message: string,
    options: { readonly isKey?: boolean } = {},
  ) {
    super(message);
    this.name = "SpecError";
    this.path = path;
    this.isKey = options.isKey ?? false;
  }
}
