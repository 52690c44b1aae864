/**
 * Ports on which something listens in a container that is said to expose none: its
 * kernel's own tables, read by a `cat` in there.
 *
 * @module
 */
import { ask } from "./client.ts";
import { distinct } from "./ports.ts";
import { type Candidate, type ServedPort, SourceError } from "./source.ts";

/** Containers that are asked; others have to be known. */
const MOST_ASKED = 64;
/** At a time. */
const TOGETHER = 8;
/** Milliseconds that a container may take. */
const LIMIT = 2000;

/** A socket that listens, in the table of the kernel. */
const LISTENS = "0A";
/** Of a family each: all addresses, or the address for programs of the same container. */
const REACHED = new Set([
  "00000000",
  "0100007F",
  "0".repeat(32),
  `${"0".repeat(24)}01000000`,
]);

/**
 * Reads `/proc/net/tcp` and `tcp6`: ports that a program of that machine reaches at its
 * loopback address. Engines and meshes listen on further addresses, for their own use.
 */
export function readListening(table: string): ServedPort[] {
  return distinct(
    table.split("\n").flatMap((line) => {
      const [, local = "", , state] = line.trim().split(/\s+/);
      const [address = "", port = ""] = local.split(":");
      if (state !== LISTENS || !REACHED.has(address)) return [];
      return [{ port: parseInt(port, 16), protocol: "tcp", name: "" }];
    }),
  );
}

/**
 * The targets with the ports that those listen on which run, have a network of their own
 * and no known port. `exec` gives the command that runs words in a target. A target that
 * cannot be asked has no ports.
 */
export async function withListening(
  targets: readonly Candidate[],
  exec: (target: Candidate) => readonly string[],
  signal: AbortSignal,
): Promise<Candidate[]> {
  const found = new Map<Candidate, readonly ServedPort[]>();
  const asked = targets.filter(({ isRunning, sharesNetwork, ports }) =>
    isRunning && !sharesNetwork && ports.length === 0
  ).slice(0, MOST_ASKED);
  const worker = async () => {
    for (let target; (target = asked.shift()) !== undefined;) {
      const command = [...exec(target), "cat", "/proc/net/tcp", "/proc/net/tcp6"];
      const limit = AbortSignal.any([signal, AbortSignal.timeout(LIMIT)]);
      try {
        found.set(target, readListening(await ask(command, limit)));
      } catch (error) {
        if (!(error instanceof SourceError)) throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: TOGETHER }, worker));
  return targets.map((target) => {
    const ports = found.get(target);
    return ports ? { ...target, ports } : target;
  });
}
