/**
 * The agent's side of a link: reads into memory that the caller chooses, and writes.
 *
 * Reads that fill given memory and writes that may take it back are what the streams of
 * a {@linkcode Link} cannot express; they let a process read its standard input straight
 * into the stack's memory, and write from it.
 */
import { Buffer } from "node:buffer";
import { fstatSync } from "node:fs";
import { Socket } from "node:net";
import type { Link } from "../transports/mod.ts";
import { enlargePipes } from "../transports/pipe_size.ts";

/** One end of a duplex of bytes. At most one read and one write are under way. */
export interface AgentPort {
  /** Fills some of `into`; the number of bytes, or null at the end of input. */
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
  let rest: Uint8Array = new Uint8Array(0);
  return {
    async read(into) {
      while (rest.length === 0) {
        const { value, done } = await reader.read();
        if (done) return null;
        rest = value;
      }
      const part = rest.subarray(0, into.length);
      into.set(part);
      rest = rest.subarray(part.length);
      return part.length;
    },
    async write(bytes) {
      await writer.ready;
      await writer.write(bytes.slice());
    },
    close() {
      reader.cancel().catch(() => {});
      writer.close().catch(() => {});
    },
  };
}

/**
 * A port on this process's standard input and output.
 *
 * A pipe or socket is written through a `node:net` socket, which writes from the event
 * loop; `Deno.stdout` hands each write to another thread and back. Reading that way would
 * cost bulk throughput, so input stays with `Deno.stdin` (ARCHITECTURE.md, "Measured").
 */
export function stdioPort(): AgentPort {
  enlargePipes(Deno.pid); // where the manager's child is not this process but docker
  const write = isPipeOrSocket(1) ? socketWriter(1) : stdoutWriter();
  let closed = false;
  return {
    async read(into) {
      try {
        return await Deno.stdin.read(into);
      } catch (error) {
        if (closed) return null;
        throw error;
      }
    },
    write: write.write,
    close() {
      closed = true;
      write.close();
      try {
        Deno.stdin.close();
      } catch {
        // It was closed before.
      }
    },
  };
}

interface Writer {
  write(bytes: Uint8Array): Promise<void>;
  close(): void;
}

function isPipeOrSocket(fd: number): boolean {
  try {
    const status = fstatSync(fd);
    return status.isFIFO() || status.isSocket();
  } catch {
    return false;
  }
}

function socketWriter(fd: number): Writer {
  const socket = new Socket({ fd, readable: false, writable: true });
  let failure: Error | undefined;
  socket.on("error", (error: Error) => failure = error);
  return {
    write(bytes) {
      if (failure) return Promise.reject(failure);
      const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      return new Promise((resolve, reject) => {
        socket.write(view, (error) => error ? reject(error) : resolve());
      });
    },
    close() {
      socket.destroy();
    },
  };
}

function stdoutWriter(): Writer {
  return {
    async write(bytes) {
      for (let at = 0; at < bytes.length;) {
        at += await Deno.stdout.write(bytes.subarray(at));
      }
    },
    close() {},
  };
}
