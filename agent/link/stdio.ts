/**
 * The agent's side of a link on this process's standard input and output.
 *
 * Where the system allows, both move to other numbers, and /dev/null takes their places. A
 * link can end before the agent does, and the next socket that is opened would get the
 * number 0 or 1: what is meant for standard output would go to a stranger.
 *
 * @module
 */

import { fstatSync } from "node:fs";
import {
  joined,
  type Reader,
  socketReader,
  socketWriter,
  type Writer,
} from "./descriptor_port.ts";
import { type AgentPort, inTurn } from "./port.ts";

/** The most an unprivileged process may ask for (`/proc/sys/fs/pipe-max-size`). */
const PIPE_BYTES = 1 << 20;
const O_RDWR = 2;
const O_CLOEXEC = 0o2000000;
const F_DUPFD_CLOEXEC = 1030;
const F_SETPIPE_SZ = 1031;
/** The first number that is not one of the standard ones. */
const FIRST_FREE = 3;

/** A port on standard input and output. */
export interface StdioPort extends AgentPort {
  /** Why the process cannot do without this link, for people; absent if it can. */
  readonly bound?: string;
  /** The numbers of input and output now. */
  readonly numbers: readonly [number, number];
}

/** Takes standard input and output over. */
export function stdioPort(): StdioPort {
  const isSocket = [isPipeOrSocket(0), isPipeOrSocket(1)] as const;
  const isWhole = isSocket[0] && isSocket[1];
  const moved = movedAway(isWhole);
  const numbers = moved ?? [0, 1] as const;
  const port = joined(
    isSocket[0] ? socketReader(numbers[0]) : plainReader(),
    isSocket[1] ? socketWriter(numbers[1]) : plainWriter(),
  );
  if (moved) return { ...port, numbers };
  const bound = !isWhole
    ? "standard input or output is a terminal or a file"
    : Deno.build.os !== "linux"
    ? "the system is not Linux"
    : "FFI is not allowed";
  return { ...port, numbers, bound };
}

function isPipeOrSocket(fd: number): boolean {
  try {
    const status = fstatSync(fd);
    return status.isFIFO() || status.isSocket();
  } catch {
    return false;
  }
}

/**
 * Enlarges the pipes, where they are pipes: the manager's child is not this process but
 * docker, perhaps. Then moves both, if `isWhole`. The new numbers, or undefined if the
 * system or this process's permissions do not allow that.
 */
function movedAway(isWhole: boolean): readonly [number, number] | undefined {
  if (Deno.build.os !== "linux") return undefined;
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return undefined;
  const library = openLibc();
  if (!library) return undefined;
  try {
    const { fcntl, open, dup2, close } = library.symbols;
    for (const fd of [0, 1]) fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES);
    if (!isWhole) return undefined;
    const input = fcntl(0, F_DUPFD_CLOEXEC, FIRST_FREE);
    const output = fcntl(1, F_DUPFD_CLOEXEC, FIRST_FREE);
    const nothing = open(new TextEncoder().encode("/dev/null\0"), O_RDWR | O_CLOEXEC);
    if (input < 0 || output < 0 || nothing < 0) return undefined;
    dup2(nothing, 0);
    dup2(nothing, 1);
    close(nothing);
    return [input, output];
  } finally {
    library.close();
  }
}

const SYMBOLS = {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  dup2: { parameters: ["i32", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
} as const;

function openLibc(): Deno.DynamicLibrary<typeof SYMBOLS> | undefined {
  for (const name of ["libc.so.6", "libc.so"]) {
    try {
      return Deno.dlopen(name, SYMBOLS);
    } catch {
      // The other C library's name, or none that can be loaded.
    }
  }
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
