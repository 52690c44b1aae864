/**
 * Ctrl-C and its relatives: the first asks the program to end, the second ends the
 * process.
 *
 * @module
 */
import { killFamilies } from "../transports/command/family.ts";

/** The conventional status of a program that Ctrl-C ended: 128 + SIGINT. */
const INTERRUPTED = 130;

/** Signals that ask the program to end are heard until this is disposed of. */
export interface StopSignals extends Disposable {
  /** Settles with the name of the first signal. */
  readonly asked: Promise<Deno.Signal>;
}

/** Signals of this system that ask a program to end. */
const ENDING: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM"];

/**
 * How {@linkcode stopSignals} differs from that of a command that answers and is gone.
 */
export interface StopOptions {
  /** Told that the terminal went away (SIGHUP), which then ends nothing. */
  readonly onHangUp?: () => void;
}

/**
 * Listens for signals that ask the program to end. A second signal ends the process at
 * once, with all commands started.
 */
export function stopSignals({ onHangUp }: StopOptions = {}): StopSignals {
  const { promise: asked, resolve } = Promise.withResolvers<Deno.Signal>();
  const listeners: { signal: Deno.Signal; listener: () => void }[] = [];
  const listen = (signal: Deno.Signal, listener: () => void) => {
    Deno.addSignalListener(signal, listener);
    listeners.push({ signal, listener });
  };
  let isAsked = false;
  const stop = (signal: Deno.Signal) => {
    if (isAsked) {
      killFamilies();
      Deno.exit(INTERRUPTED);
    }
    isAsked = true;
    resolve(signal);
  };
  for (const signal of ENDING) listen(signal, () => stop(signal));
  if (Deno.build.os !== "windows") listen("SIGHUP", onHangUp ?? (() => stop("SIGHUP")));
  return {
    asked,
    [Symbol.dispose]() {
      for (const { signal, listener } of listeners) {
        Deno.removeSignalListener(signal, listener);
      }
    },
  };
}
