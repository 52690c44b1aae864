/**
 * Variables by which a portable executable, or an installer, tells the program about
 * itself.
 *
 * @module
 */

/**
 * The variable that names the file by which others see that the program is in use
 * (guard.sh).
 */
const MARK = "NOROUTER_MARK";
/** Milliseconds between two touches of the mark; other machines go by its age. */
const TOUCH_EVERY = 24 * 3_600_000;

/** Variables of `release/launcher.sh` and `release/folder.sh`, for the program alone. */
const OWN = [
  "NOROUTER_EXECUTABLE",
  "NOROUTER_DENO_DIR",
  "DENO_NO_UPDATE_CHECK",
  "DENO_TOKIO_EVENT_INTERVAL",
];

let path: string | undefined;

/** The file that the user started, if it is a portable executable. */
export function portableExecutable(): string | undefined {
  return path;
}

/**
 * Takes these variables out of the environment again, so that commands which the manager
 * starts have their user's environment. `DENO_DIR` names the caches of the carried
 * runtime, which the user's own deno must not share.
 */
export function cleanEnvironment(): void {
  keepMark(Deno.env.get(MARK));
  Deno.env.delete(MARK);
  path = Deno.env.get("NOROUTER_EXECUTABLE");
  if (path === undefined) return;
  const theirs = Deno.env.get("NOROUTER_DENO_DIR");
  if (theirs) Deno.env.set("DENO_DIR", theirs);
  else if (theirs === "") Deno.env.delete("DENO_DIR");
  for (const name of OWN) Deno.env.delete(name);
}

/**
 * Touches the mark every day for as long as the program runs, which this does not
 * prolong.
 */
function keepMark(file: string | undefined): void {
  if (!file) return;
  const timer = setInterval(() => {
    const now = new Date();
    Deno.utime(file, now, now).catch(() => {}); // gone, or not writable
  }, TOUCH_EVERY);
  Deno.unrefTimer(timer);
}
