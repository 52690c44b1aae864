/**
 * Signals that would end the program, or open the program to others, unintended.
 *
 * @module
 */
/** The default of each is to end the process, of some only where the system knows them. */
const ENDING = [
  "SIGUSR1",
  "SIGUSR2",
  "SIGALRM",
  "SIGVTALRM",
  "SIGPROF",
  "SIGIO",
  "SIGPWR",
  "SIGSTKFLT",
  "SIGXCPU",
  "SIGXFSZ",
] as const satisfies readonly Deno.Signal[];

/** Of Linux, on all processors that Deno runs on. */
const SIGUSR1 = 10;
const SIG_IGN = 1n;

/**
 * Ignores these signals until disposed of; `onIgnored` is told of the first of each,
 * except of SIGUSR1 where the system does the ignoring. SIGQUIT is left alone: that
 * signal ends a program that hangs.
 *
 * At SIGUSR1 Deno (2.9.2 and later) listens for debuggers, whom any user of the machine
 * could be, and a listener does not prevent that. So the signal's disposition is set to
 * be ignored, which holds as Deno sets its own once, with the first listener. Commands
 * started later inherit that. Where the disposition cannot be set, the debuggers' port is
 * closed again at once.
 */
export function ignoreSignals(
  onIgnored: (signal: Deno.Signal) => void = () => {},
): Disposable {
  const listeners: [Deno.Signal, () => void][] = [];
  if (Deno.build.os === "windows") return { [Symbol.dispose]() {} };
  for (const signal of ENDING) {
    let isTold = false;
    const listener = () => {
      if (signal === "SIGUSR1") closeInspector();
      if (!isTold) onIgnored(signal);
      isTold = true;
    };
    try {
      Deno.addSignalListener(signal, listener);
      listeners.push([signal, listener]);
    } catch {
      // This system does not know the signal.
    }
  }
  disregardUsr1();
  return {
    [Symbol.dispose]() {
      for (const [signal, listener] of listeners) {
        Deno.removeSignalListener(signal, listener);
      }
    },
  };
}

/** After the first listener: Deno sets the disposition no more. */
function disregardUsr1(): void {
  if (Deno.build.os !== "linux") return;
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return;
  for (const name of ["libc.so.6", "libc.so"]) {
    try {
      const libc = Deno.dlopen(
        name,
        { signal: { parameters: ["i32", "usize"], result: "usize" } } as const,
      );
      libc.symbols.signal(SIGUSR1, SIG_IGN);
      return libc.close();
    } catch {
      // The other C library's name, or none that can be loaded.
    }
  }
}

/** Deno opens the port by and by, so for a while. */
function closeInspector(): void {
  const close = async () => (await import("node:inspector")).close();
  for (const ms of [0, 10, 100, 1000]) {
    Deno.unrefTimer(setTimeout(() => void close().catch(() => {}), ms));
  }
}
