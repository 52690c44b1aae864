// Ctrl-C and its relatives: the first asks the program to end, the second ends it.

/** The conventional status of a program that Ctrl-C ended: 128 + SIGINT. */
const INTERRUPTED = 130;

/** Signals that ask the program to end are heard until this is disposed of. */
export interface StopSignals extends Disposable {
  /** Settles with the name of the first one. */
  readonly asked: Promise<Deno.Signal>;
}

/**
 * Listens for signals that ask the program to end. A second one ends the process at once;
 * children notice by the end of their input.
 */
export function stopSignals(): StopSignals {
  const { promise: asked, resolve } = Promise.withResolvers<Deno.Signal>();
  const signals: Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT", "SIGBREAK"]
    : ["SIGINT", "SIGTERM", "SIGHUP"];
  let isAsked = false;
  const listeners = signals.map((signal) => {
    const listener = () => {
      if (isAsked) Deno.exit(INTERRUPTED);
      isAsked = true;
      resolve(signal);
    };
    Deno.addSignalListener(signal, listener);
    return { signal, listener };
  });
  return {
    asked,
    [Symbol.dispose]() {
      for (const { signal, listener } of listeners) {
        Deno.removeSignalListener(signal, listener);
      }
    },
  };
}
