/**
 * The echo of the terminal that belongs to this process, on Linux. Without the right to FFI
 * nothing is known and nothing is changed.
 *
 * @module
 */

const O_RDWR_NOCTTY = 0o402;
const TCSANOW = 0;
/** Bytes of a `struct termios`, with room; the local modes are its fourth word. */
const TERMIOS_BYTES = 128;
const LOCAL_MODES = 3;
/** ECHO and ECHONL, as <termios.h> of Linux has them on the architectures of Deno. */
const ECHO = 0o110;

const SYMBOLS = {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  tcgetattr: { parameters: ["i32", "buffer"], result: "i32" },
  tcsetattr: { parameters: ["i32", "i32", "buffer"], result: "i32" },
} as const;

let learned: number | undefined;

/** The terminal's echo. */
export const echo = {
  /** Remembers the setting, for {@linkcode echo.restore}. */
  learn(): void {
    withModes((modes) => {
      learned = modes & ECHO;
    });
  },
  /** Whether nothing that is typed is shown. */
  isOff(): boolean {
    let isOff = false;
    withModes((modes) => {
      isOff = (modes & ECHO) === 0;
    });
    return isOff;
  },
  off(): void {
    withModes((modes) => modes & ~ECHO);
  },
  restore(): void {
    withModes((modes) => learned === undefined ? undefined : modes & ~ECHO | learned);
  },
};

/** Reads the local modes, and sets them to the result of `change`. */
function withModes(change: (modes: number) => number | void): void {
  if (Deno.build.os !== "linux") return;
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return;
  const libc = openLibc();
  if (!libc) return;
  const { open, close, tcgetattr, tcsetattr } = libc.symbols;
  const terminal = open(new TextEncoder().encode("/dev/tty\0"), O_RDWR_NOCTTY);
  if (terminal >= 0) {
    const settings = new Uint32Array(TERMIOS_BYTES / 4);
    const bytes = new Uint8Array(settings.buffer);
    if (tcgetattr(terminal, bytes) === 0) {
      const modes = change(settings[LOCAL_MODES]!);
      if (modes !== undefined) {
        settings[LOCAL_MODES] = modes;
        tcsetattr(terminal, TCSANOW, bytes);
      }
    }
    close(terminal);
  }
  libc.close();
}

function openLibc(): Deno.DynamicLibrary<typeof SYMBOLS> | undefined {
  for (const name of ["libc.so.6", "libc.so"]) {
    try {
      return Deno.dlopen(name, SYMBOLS);
    } catch {
      // The other C library's name, or none that can be loaded.
    }
  }
}
