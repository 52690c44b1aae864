/**
 * Larger pipes to a child process: with Linux's 64 KiB the manager and the command wait
 * for each other most of the time.
 *
 * @module
 */

/** The most an unprivileged process may ask for (`/proc/sys/fs/pipe-max-size`). */
const PIPE_BYTES = 1 << 20;
const O_RDONLY = 0;
const O_NONBLOCK = 0o4000;
const F_SETPIPE_SZ = 1031;

/**
 * Enlarges the pipes behind a child's standard input and output, where the system and
 * this process's permissions allow; elsewhere, and on any failure, nothing happens.
 */
export function enlargePipes(pid: number): void {
  if (Deno.build.os !== "linux") return;
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return;
  const libc = openLibc();
  if (!libc) return;
  const { open, fcntl, close } = libc.symbols;
  for (const fd of [0, 1]) {
    // Deno does not tell its descriptors, so the child's are opened once more. Only for
    // reading: for a moment more readers harm nothing, a writer would delay an end.
    const path = new TextEncoder().encode(`/proc/${pid}/fd/${fd}\0`);
    const copy = open(path, O_RDONLY | O_NONBLOCK);
    if (copy < 0) continue;
    fcntl(copy, F_SETPIPE_SZ, PIPE_BYTES);
    close(copy);
  }
  libc.close();
}

const SYMBOLS = {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
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
