/**
 * The agent's side of a link on this process's standard input and output.
 *
 * Pipes and sockets are read and written through `node:net` sockets, which work from the
 * event loop; `Deno.stdin` and `Deno.stdout` hand each operation to another thread and
 * back, which costs two wake-ups of a sleeping processor.
 */
import { Buffer } from "node:buffer";
import { fstatSync } from "node:fs";
import { Socket } from "node:net";
import { enlargePipes } from "../transports/pipe_size.ts";
import type { AgentPort } from "./port.ts";

/** Bytes read ahead of the agent before the input is paused. */
const READ_AHEAD = 256 * 1024;

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

function socketReader(): Reader {
  const socket = new Socket({ fd: 0, readable: true, writable: false });
  const chunks: Uint8Array[] = [];
  let waiting = 0;
  let isEnded = false;
  let failure: Error | undefined;
  let wake = () => {};
  socket.on("data", (chunk: Uint8Array) => {
    chunks.push(chunk);
    waiting += chunk.length;
    if (waiting > READ_AHEAD) socket.pause();
    wake();
  });
  const end = (error?: Error) => {
    isEnded = true;
    failure ??= error;
    wake();
  };
  socket.on("end", end);
  socket.on("error", end);
  socket.on("close", () => end());

  /** Moves as much as fits; what is left of the last chunk stays. */
  const fill = (into: Uint8Array): number => {
    let filled = 0;
    while (chunks.length > 0 && filled < into.length) {
      const chunk = chunks[0]!;
      const part = chunk.subarray(0, into.length - filled);
      into.set(part, filled);
      filled += part.length;
      if (part.length === chunk.length) chunks.shift();
      else chunks[0] = chunk.subarray(part.length);
    }
    return filled;
  };
  return {
    async read(into) {
      while (chunks.length === 0) {
        if (failure) throw failure;
        if (isEnded) return null;
        await new Promise<void>((resolve) => wake = resolve);
      }
      const filled = fill(into);
      waiting -= filled;
      if (waiting <= READ_AHEAD && socket.isPaused()) socket.resume();
      return filled;
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
    async read(into) {
      try {
        return await Deno.stdin.read(into);
      } catch (error) {
        if (isClosed) return null;
        throw error;
      }
    },
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
