/**
 * The agent of the manager's own machine: it runs in this process, on a link in memory,
 * and is treated like any other.
 *
 * @module
 */

import { type AgentLogEvent, runAgent } from "../agent/agent.ts";
import { linkPort } from "../agent/port.ts";
import { memoryLinkPair } from "../link/memory.ts";
import type { Link, OpenContext } from "../transports/mod.ts";
import { messageOf } from "../wire/text.ts";

/** Starts the agent and gives the manager's end of its link, which ends with it. */
// deno-lint-ignore require-await -- a transport's `open` is asynchronous
export async function openLocalAgent(
  context: OpenContext,
  version: string,
): Promise<Link> {
  const { signal } = context;
  signal.throwIfAborted();
  const finished = Promise.withResolvers<void>();
  // With a buffer of one byte a write settles when the agent has taken the chunk, and its
  // port copies it in the very turn in which it gets it.
  const [pair, far] = memoryLinkPair({ bufferBytes: 1 });
  let failure: string | undefined;
  const closed = pair.closed.then(async (exit) => {
    await finished.promise; // its sockets are closed by then
    // An agent that fails closes its port first, which alone tells nothing.
    return exit.ok && failure ? { ...exit, ok: false, reason: failure } : exit;
  });
  const near = { ...pair, releasesChunks: true, closed };
  const ending = new AbortController();
  const onAbort = () => near.abort(String(signal.reason));
  signal.addEventListener("abort", onAbort, { once: true });
  pair.closed.then(() => {
    signal.removeEventListener("abort", onAbort);
    ending.abort();
  });
  const options = {
    version,
    log: ({ level, message }: AgentLogEvent) => context.log(`${level}: ${message}`),
    signal: ending.signal,
  };
  runAgent(linkPort(far), options).then(
    () => far.abort("its agent ended"),
    (error: unknown) => {
      failure = messageOf(error);
      far.abort(failure);
    },
  ).finally(finished.resolve);
  return near;
}
