/**
 * Looks names up as this machine does: its hosts file, its name services, its DNS.
 *
 * The system's function for that blocks a thread, of which there are few, and which files
 * need as well. So only some look-ups are under way at a time, and a look-up that nobody
 * waits for any more keeps its place until the system gives up.
 *
 * @module
 */

/** Names that are looked up at a time. */
const MOST_AT_ONCE = 16;
/** Callers that wait for a place; beyond, a lookup fails at once. */
const MOST_WAITING = 1024;

/** An address of a name. */
export interface LookedUp {
  readonly address: string;
  readonly family: number;
}

/** Options of {@linkcode lookup}. */
export interface LookupOptions {
  /** In place of the system's function, for tests. */
  readonly system?: (name: string) => Promise<LookedUp[]>;
}

let underWay = 0;
const waiting: (() => void)[] = [];

/**
 * Whether a lookup failed because there is no such name, or none with an address;
 * otherwise nobody said (EAI_AGAIN, EAI_FAIL), and the name may well exist.
 */
export function isUnknownName(error: unknown): boolean {
  // The system's EAI_NONAME and EAI_NODATA both come so.
  return error instanceof Error && "code" in error && error.code === "ENOTFOUND";
}

/** Meanings of the system's codes, for people. */
const WORDS: Readonly<Record<string, string>> = {
  ENOTFOUND: "there is no such name, or it has no address",
  EAI_AGAIN: "no name server of this machine answers",
  EAI_FAIL: "the name server of this machine fails",
};

/** Why a name has no address here, in words; the system's own where there are none. */
export function lookupFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? String(error.code) : "";
  return Object.hasOwn(WORDS, code) ? `${WORDS[code]} (${code})` : error.message;
}

/**
 * All addresses of `name`, in the system's order. Rejects with the system's error if the
 * name is unknown, with an error that says the look-up failed, or with the reason of
 * `signal`.
 */
export async function lookup(
  name: string,
  signal: AbortSignal,
  { system = systemLookup }: LookupOptions = {},
): Promise<LookedUp[]> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  aborted.catch(() => {});
  const abort = () => reject(signal.reason);
  signal.throwIfAborted();
  signal.addEventListener("abort", abort);
  try {
    await Promise.race([turn(signal), aborted]);
    return await Promise.race([ask(name, system), aborted]);
  } catch (error) {
    if (signal.aborted || isUnknownName(error)) throw error;
    const what = `Cannot look up ${JSON.stringify(name)}`;
    throw new Error(`${what}: ${lookupFailure(error)}`, { cause: error });
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** Waits for a place, which `ask` gives back. */
async function turn(signal: AbortSignal): Promise<void> {
  if (underWay < MOST_AT_ONCE) {
    underWay++;
    return;
  }
  if (waiting.length >= MOST_WAITING) {
    throw new Error(`${MOST_WAITING} names wait to be looked up`);
  }
  await new Promise<void>((resolve) => waiting.push(resolve));
  if (signal.aborted) release(); // nobody waits for this look-up any more
}

async function ask(
  name: string,
  system: (name: string) => Promise<LookedUp[]>,
): Promise<LookedUp[]> {
  try {
    return await system(name);
  } finally {
    release();
  }
}

async function systemLookup(name: string): Promise<LookedUp[]> {
  const { lookup } = await import("node:dns/promises");
  return await lookup(name, { all: true, verbatim: true });
}

/** Hands the place to the next look-up, or leaves it free. */
function release(): void {
  const next = waiting.shift();
  if (next) next();
  else underWay--;
}
