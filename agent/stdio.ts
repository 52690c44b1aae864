/** The agent's side of a link on this process's standard input and output. */
import { Buffer } from "node:buffer";
import { fstatSync } from "node:fs";
import { Socket } from "node:net";
import { enlargePipes } from "../transports/pipe_size.ts";
import type { AgentPort } from "./port.ts";

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
