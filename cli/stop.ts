// Ctrl-C and its relatives: the first asks the program to end, the second ends it.

/** The conventional status of a program that Ctrl-C ended: 128 + SIGINT. */
const INTERRUPTED = 130;

/**
 * Waits for a signal that asks the program to end, and gives its name. A second one ends
 * the process at once; children notice by the end of their input.
 */
export function stopSignal(): Promise<Deno.Signal> {
  const { promise, resolve } = Promise.withResolvers<Deno.Signal>();
  const signals: Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT", "SIGBREAK"]
    : ["SIGINT", "SIGTERM", "SIGHUP"];
  let asked = false;
  for (const signal of signals) {
    Deno.addSignalListener(signal, () => {
      if (asked) Deno.exit(INTERRUPTED);
      asked = true;
      resolve(signal);
    });
  }
  return promise;
}
