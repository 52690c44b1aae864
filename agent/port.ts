/**
 * The agent's side of a link: reads into memory that the caller chooses, and writes.
 *
 * Reads that fill given memory and writes that may take it back are what the streams of
 * a {@linkcode Link} cannot express; they let a process read its standard input straight
 * into the stack's memory, and write from it.
 */
import type { Link } from "../transports/mod.ts";
import { BufferPool, Lease, lend } from "../wire/lease.ts";

/** What is written is copied to buffers of this size, which are used again. It is the
 * stack's output buffer, so that no frame is cut. */
const COPY_BYTES = 320 * 1024;
/** Unused ones that are kept. */
const MOST_UNUSED = 16;

/** One end of a duplex of bytes. At most two reads and one write are under way. */
export interface AgentPort {
  /**
   * Fills some of `into`; the number of bytes, or null at the end of input. Who asks for the
   * next read while one is under way spares the port a copy; they are served in order.
   */
  read(into: Uint8Array): Promise<number | null>;
  /** Writes all of `bytes`, which may be reused once it has settled. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends both directions; a read under way ends with null or rejects. */
  close(): void;
}

/** A port on a link; used for the agent in the manager's own process. */
export function linkPort(link: Link): AgentPort {
  const reader = link.readable.getReader();
  const writer = link.writable.getWriter();
  const pool = new BufferPool(COPY_BYTES, MOST_UNUSED);
  let rest: Uint8Array = new Uint8Array(0);
  return {
    read: inTurn(async (into) => {
      while (rest.length === 0) {
        const { value, done } = await reader.read();
        if (done) return null;
        rest = value;
      }
      const part = rest.subarray(0, into.length);
      into.set(part);
      rest = rest.subarray(part.length);
      return part.length;
    }),
    async write(bytes) {
      const chunks: Promise<void>[] = [];
      for (let at = 0; at < bytes.length; at += pool.bytes) {
        const part = bytes.subarray(at, at + pool.bytes);
        const buffer = pool.take();
        const copy = new Uint8Array(buffer, 0, part.length);
        copy.set(part);
        lend(copy, new Lease(() => pool.give(buffer)));
        chunks.push(writer.write(copy));
      }
      await Promise.all(chunks);
    },
    close() {
      reader.cancel().catch(() => {});
      writer.close().catch(() => {});
    },
  };
}

/** A read that begins when the one before it has ended. */
export function inTurn(read: AgentPort["read"]): AgentPort["read"] {
  let last: Promise<unknown> = Promise.resolve();
  return (into) => {
    const got = last.then(() => read(into));
    last = got.catch(() => {});
    return got;
  };
}
