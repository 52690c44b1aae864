/**
 * The agent's side of a link on this process's standard input and output.
 *
 * Pipes and sockets are read and written through `node:net` sockets, which work from the
 * event loop; `Deno.stdin` and `Deno.stdout` hand each operation to another thread and
 * back, which costs two wake-ups of a sleeping processor.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { fstatSync } from "node:fs";
import { Socket } from "node:net";
import { enlargePipes } from "../transports/command/pipe_size.ts";
import { type AgentPort, inTurn } from "./port.ts";

/** Bytes that may come before a read asks for them. */
const READ_AHEAD = 64 * 1024;

/** A port on standard input and output. */
export function stdioPort(): AgentPort {
  enlargePipes(Deno.pid); // where the manager's child is not this process but docker
  const input = isPipeOrSocket(0) ? socketReader() : plainReader();
  const output = isPipeOrSocket(1) ? socketWriter() : plainWriter();
  return {
    read: input.read,
    write: output.write,
    close() {
      input.close();
      output.close();
    },
  };
}

type Reader = Pick<AgentPort, "read" | "close">;
type Writer = Pick<AgentPort, "write" | "close">;

function isPipeOrSocket(fd: number): boolean {
  try {
    const status = fstatSync(fd);
    return status.isFIFO() || status.isSocket();
  } catch {
    return false;
  }
}

/**
 * The socket fills the memory of the next read. If no read was asked for when the socket
 * chose, the bytes go to a buffer of our own, and nothing is read before they were taken
 * from there. So nothing is allocated for input: the runtime's buffers, one for each
 * read, would wait in the hundreds of megabytes for the garbage collector.
 */
function socketReader(): Reader {
  const asked: { into: Uint8Array; settle: (count: number | null) => void }[] = [];
  const spare = new Uint8Array(READ_AHEAD);
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
    fd: 0,
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
  socket.on("close", () => end());
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
      end();
    },
  };
}

function socketWriter(): Writer {
  const socket = new Socket({ fd: 1, readable: false, writable: true });
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

/** For a terminal or a file. */
function plainReader(): Reader {
  let isClosed = false;
  return {
    read: inTurn(async (into) => {
      try {
        return await Deno.stdin.read(into);
      } catch (error) {
        if (isClosed) return null;
        throw error;
      }
    }),
    close() {
      if (isClosed) return;
      isClosed = true;
      Deno.stdin.close();
    },
  };
}

function plainWriter(): Writer {
  return {
    async write(bytes) {
      for (let at = 0; at < bytes.length;) {
        at += await Deno.stdout.write(bytes.subarray(at));
      }
    },
    close() {},
  };
}
