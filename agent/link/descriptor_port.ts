/**
 * A port over two descriptors of this process: pipes or sockets.
 *
 * They are read and written through `node:net` sockets, which work from the event loop;
 * `Deno.stdin` and `Deno.stdout` hand each operation to another thread and back, which
 * costs two wake-ups of a sleeping processor.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { Socket } from "node:net";
import type { AgentPort } from "./port.ts";

/** Bytes that may come before a read asks for them. */
const READ_AHEAD = 64 * 1024;

/** Buffers of that size that no port uses any more. */
const spares: Uint8Array[] = [];
const MOST_SPARES = 2;

/** The reading half of a port. */
export type Reader = Pick<AgentPort, "read" | "close">;
/** The writing half of a port. */
export type Writer = Pick<AgentPort, "write" | "close">;

/** A port that reads from `input` and writes to `output`, and closes both in the end. */
export function descriptorPort(input: number, output: number): AgentPort {
  return joined(socketReader(input), socketWriter(output));
}

/** Two halves as a port. */
export function joined(input: Reader, output: Writer): AgentPort {
  return {
    read: input.read,
    write: output.write,
    close() {
      input.close();
      output.close();
    },
  };
}

/**
 * The socket fills the memory of the next read. If no read was asked for when the socket
 * chose, the bytes go to a buffer of our own, and nothing is read before they were taken
 * from there. So nothing is allocated for input: the runtime's buffers, one for each
 * read, would wait in the hundreds of megabytes for the garbage collector.
 */
export function socketReader(fd: number): Reader {
  const asked: { into: Uint8Array; settle: (count: number | null) => void }[] = [];
  const spare = spares.pop() ?? new Uint8Array(READ_AHEAD);
  let held = spare.subarray(0, 0);
  let isEnded = false;
  let failure: Error | undefined;

  const serve = () => {
    while (asked.length > 0 && (held.length > 0 || isEnded)) {
      const { into, settle } = asked.shift()!;
      const part = held.subarray(0, into.length);
      into.set(part);
      held = held.subarray(part.length);
      settle(part.length === 0 ? null : part.length);
    }
  };
  const socket = new Socket({
    fd,
    readable: true,
    writable: false,
    onread: {
      buffer: () => asked[0]?.into ?? spare,
      callback(count, buffer) {
        if (buffer === spare) held = spare.subarray(0, count);
        else asked.shift()?.settle(count);
        serve();
        return held.length === 0; // else the socket pauses
      },
    },
  });
  const end = (error?: Error) => {
    isEnded = true;
    failure ??= error;
    serve();
  };
  socket.on("end", end);
  socket.on("error", end);
  // A read under way settles only when the system cannot write to its memory any more.
  socket.on("close", () => {
    setTimeout(() => {
      held = spare.subarray(0, 0);
      end();
      if (spares.length < MOST_SPARES) spares.push(spare);
    });
  });
  socket.resume();
  return {
    read(into) {
      return new Promise((resolve, reject) => {
        const settle = (count: number | null) => {
          if (count === null && failure) reject(failure);
          else resolve(count);
        };
        asked.push({ into, settle });
        if (held.length === 0 && !isEnded) return;
        serve();
        if (held.length === 0) socket.resume();
      });
    },
    close() {
      socket.destroy();
    },
  };
}

/** Writes to `fd`, and closes it in the end. */
export function socketWriter(fd: number): Writer {
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
