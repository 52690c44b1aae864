/**
 * How the manager reaches a host: the contract of a {@linkcode Transport} and of its
 * {@linkcode Link}.
 *
 * A transport is the whole plug-in interface. A transport turns the manifest's value for
 * a host into options, and opens a link: a duplex of bytes on which a NoRouter agent
 * speaks. The carrier of the bytes (a child process, a socket, memory) is its own affair.
 * The suite in `transports/testing.ts` checks links against this contract.
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
 *     // Not conn.readable and conn.writable: each closes the other at its end.
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
import type { Link, LinkExit } from "../link/link.ts";
import type { SpecPlace } from "../manifest/manifest.ts";

export type { Link, LinkExit } from "../link/link.ts";
export type { SpecPlace } from "../manifest/manifest.ts";

/** The arguments of {@linkcode Transport.open}. */
export interface OpenContext {
  /** The host's name in the manifest, for messages. */
  readonly host: string;
  /**
   * Aborted when the link is no longer wanted: an `open` under way rejects, an open link
   * ends as by `abort`.
   */
  readonly signal: AbortSignal;
  /**
   * Takes a line of text for the user (a line of a command's stderr), without its line
   * end.
   */
  log(line: string): void;
  /**
   * Says that opening gets on, if slowly: the host's time to answer begins anew.
   */
  alive?(): void;
  /**
   * Says that the command asks the user something on the terminal, or does so no more.
   * Others wait meanwhile, and other text on the terminal would cover the question.
   */
  asking?(isAsking: boolean): void;
  /** Settles once the host has answered, so that its command asks nothing any more. */
  readonly answered?: Promise<unknown>;
  /**
   * Names an agent that may still be on the host, from a link before: the command that
   * starts an agent gets `--attach` and this word, and then lends its standard input and
   * output to that agent. Without one it starts an agent as ever.
   */
  readonly attach?: string;
  /**
   * Whether the agent on this link lives on when the link has ended. Asked at that moment;
   * processes of a session of their own are then neither ended nor told.
   */
  outlives?(): boolean;
  /** Says the same as `alive`, and how far something is: `done` of `total` bytes. */
  progress?(progress: Progress): void;
}

/** How far something is that is sent to a host. */
export interface Progress {
  /** The thing that is sent, such as `the agent`. */
  readonly what: string;
  /** Bytes sent so far. */
  readonly done: number;
  /** Bytes to be sent. */
  readonly total: number;
  /** Milliseconds since the start. */
  readonly ms: number;
}

/**
 * A way to reach a host. `Options` is the type that {@linkcode Transport.parse} makes of
 * the manifest's value and that `open` takes.
 *
 * Further powers are optional members, so that a transport written today stays a
 * transport.
 */
export interface Transport<Options = unknown> {
  /** The name, which is also the manifest's field: lower case, such as `cmd`. */
  readonly name: string;
  /**
   * Checks the manifest's value. Synchronous and without I/O. `place` says where that
   * value stands; absent for a value outside any file.
   *
   * @throws {SpecError} naming the wrong part and the wanted value; for several mistakes
   * at once an `AggregateError` of them.
   */
  parse(spec: unknown, place?: SpecPlace): Options;
  /**
   * Opens a link on which an agent speaks, or is about to: `open` need not wait for the
   * agent. Called again after each end of the link, with {@linkcode OpenContext.attach}
   * where the agent may have outlived it.
   *
   * @throws {Error} with a message for the user, if the link cannot be started at all.
   */
  open(options: Options, context: OpenContext): Promise<Link>;
  /** How the host is reached, in a line, for messages: for a command, the command. */
  describe(options: Options): string;
  /**
   * Runs a command on the host, each word unchanged; its standard input and output are
   * the link. With this, the manager puts the agent on hosts that have none, and `open`
   * is not used for them.
   *
   * @throws {Error} as `open` does.
   */
  exec?(
    options: Options,
    words: readonly string[],
    context: OpenContext,
  ): Promise<Link>;
  /**
   * The same as `describe` where the agent is put on the host first; absent where both
   * are the same.
   */
  describeSent?(options: Options): string;
  /**
   * Whether these options say how the agent is started, so that `open` is used all the
   * same.
   */
  hasAgent?(options: Options): boolean;
  /**
   * Advice for the user if the host ran another command than the words given to `exec`,
   * as sshd does by `ForceCommand`, and that command ended so before any output.
   * Undefined where that is not the cause.
   */
  otherCommand?(exit: LinkExit): string | undefined;
  /**
   * How such a host is given a folder to keep the agent in, for hosts that have none: `start
   * the container with "--tmpfs /tmp:exec"`.
   */
  readonly roomAdvice?: string;
  /**
   * Whether a command of `exec` is killed over there when its link is gone, as LXD does.
   * An agent is then started in a session of its own, so that it can outlive its link.
   */
  readonly killsCommands?: boolean;
  /** Another way to put files on the host, for hosts without a shell. */
  readonly files?: HostFiles<Options>;
}

/** Puts files on a host without running anything there. */
export interface HostFiles<Options> {
  /**
   * The host's machine, as `uname -m` or the makers of images write: `x86_64`, `arm64`.
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
  /**
   * The entry at a path of the host, a link not followed; undefined if there is none.
   *
   * @throws {Error} if nobody can tell.
   */
  look?(
    options: Options,
    path: string,
    context: OpenContext,
  ): Promise<PathInfo | undefined>;
  /**
   * The entry at a path of the host, and all below it; none if there is none.
   *
   * @throws {Error} if nobody can tell.
   */
  lookBelow?(
    options: Options,
    path: string,
    context: OpenContext,
  ): Promise<readonly TreeEntry[]>;
}

/** An entry of a host, at a path or below. */
export interface TreeEntry extends PathInfo {
  /** Begins with the last name of the path that was looked at: `lib/libc.so.6`. */
  readonly path: string;
}

/** An entry at a path of a host. */
export interface PathInfo {
  /** Its kind; `file` is whatever is neither of the others. */
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
  /**
   * Where in the value the mistake is: keys and indices from its top; empty for the whole
   * value.
   */
  readonly path: readonly (string | number)[];
  /** Whether the last key of `path` is wrong, rather than its value. */
  readonly isKey: boolean;

  /**
   * Creates an error at `path`; `message` names the wanted and the given value. With
   * `isKey`, as for an unknown option, the error is reported where the key stands.
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

/**
 * The default export of a plug-in: a transport, or a function that makes a transport with
 * a {@linkcode PluginKit}.
 */
// deno-lint-ignore no-explicit-any -- only the transport knows its options
export type Plugin = Transport<any> | ((kit: PluginKit) => Transport<any>);

/** The tools that a plug-in is given. */
export interface PluginKit {
  /** The error for a mistake in the manifest's value. */
  readonly SpecError: typeof SpecError;
  /**
   * Starts a command on this machine and gives its link, with all that the contract asks
   * of a link. The command's standard error is shown.
   *
   * @param words the program and its arguments; no shell is involved.
   * @throws {Error} if the program cannot be started.
   */
  openProcess(words: readonly string[], context: OpenContext): Link;
  /**
   * The words behind the program that start an agent: `agent --automated` and, with
   * {@linkcode OpenContext.attach}, which agent is to be given the link instead if it is
   * still there. A transport that leaves that out gets a new agent each time, and all
   * connections of the host end with its link.
   *
   * @throws {Error} if `attach` names no agent.
   */
  agentWords(context: Pick<OpenContext, "attach">): readonly string[];
}
