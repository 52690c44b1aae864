/**
 * The agent's side of a link: reads into memory that the caller chooses, and writes.
 *
 * The streams of a {@linkcode Link} cannot express reads that fill given memory and
 * writes that give memory back; such reads and writes let a process read its standard
 * input straight into the stack's memory, and write from there.
 *
 * @module
 */
import { Handover } from "../../link/handover.ts";
import { idleMemory } from "../../link/idle_memory.ts";
import type { Link, LinkExit } from "../../transports/mod.ts";
import { BufferPool, Lease } from "../../wire/lease.ts";

/** Written bytes are copied to buffers of this size, which are used again. The stack's
 * output buffer is as large, so that no frame is cut. */
const COPY_BYTES = 320 * 1024;
/** Unused buffers that are kept. */
const MOST_UNUSED = 16;

/** An end of a duplex of bytes. At most two reads and one write are under way. */
export interface AgentPort {
  /**
   * Fills some of `into`; the number of bytes, or null at the end of input. A caller that
   * asks for the next read while another is under way spares the port a copy; reads are
   * served in order.
   */
  read(into: Uint8Array): Promise<number | null>;
  /** Writes all of `bytes`, which may be reused once the promise has settled. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends both directions; a read under way ends with null or rejects. */
  close(): void;
}

/** A link whose other end is in this process. */
export interface JoinedLink {
  /** The end of whoever is to talk to the agent. */
  readonly link: Link;
  /** The agent's end. */
  readonly port: AgentPort;
}

/**
 * Makes a link and the port at its other end. Bytes go over without a stream between, if
 * the users of the link's streams know {@linkcode Handover}. The link ends
 * when both directions have ended, or by force.
 */
export function joinedLink(): JoinedLink {
  const there = new Handover();
  const back = new Handover();
  const { promise: closed, resolve } = Promise.withResolvers<LinkExit>();
  Promise.all([there.ended, back.ended]).then(() =>
    resolve({ ok: true, reason: "both directions ended", stderr: [] })
  );
  const abort = (reason: string) => {
    resolve({ ok: false, reason, stderr: [] });
    const error = new Error(`The link was aborted: ${reason}`);
    there.fail(error);
    back.fail(error);
  };
  const { writable } = there;
  const { readable } = back;
  return {
    // A write settles when the agent has copied the chunk.
    link: { readable, writable, closed, abort, releasesChunks: true },
    port: handoverPort(there, back),
  };
}

function handoverPort(from: Handover, to: Handover): AgentPort {
  const pool = new BufferPool(COPY_BYTES, MOST_UNUSED);
  const stop = idleMemory.onQuiet(() => pool.clear());
  return {
    read: inTurn((into) => from.read(into)),
    async write(bytes) {
      for (let at = 0; at < bytes.length; at += pool.bytes) {
        const part = bytes.subarray(at, at + pool.bytes);
        const buffer = pool.take();
        const copy = new Uint8Array(buffer, 0, part.length);
        copy.set(part);
        await to.put(copy, new Lease(() => pool.give(buffer)));
      }
    },
    close() {
      stop();
      from.cancel();
      to.end();
    },
  };
}

/** A read that begins when the read before has ended. */
export function inTurn(read: AgentPort["read"]): AgentPort["read"] {
  let last: Promise<unknown> = Promise.resolve();
  return (into) => {
    const got = last.then(() => read(into));
    last = got.catch(() => {});
    return got;
  };
}
