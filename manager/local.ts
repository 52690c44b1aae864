/**
 * The agent of the manager's own machine: runs in this process, takes frames from its
 * link's queue without a stream between, and is treated like any other agent.
 *
 * @module
 */

import { type AgentLogEvent, runAgent } from "../agent/agent.ts";
import { joinedLink } from "../agent/link/port.ts";
import type { Link, OpenContext } from "../transports/mod.ts";
import { messageOf } from "../wire/text.ts";

/** Starts the agent and gives the manager's end of its link; both end together. */
// deno-lint-ignore require-await -- a transport's `open` is asynchronous
export async function openLocalAgent(
  context: OpenContext,
  version: string,
): Promise<Link> {
  const { signal } = context;
  signal.throwIfAborted();
  const finished = Promise.withResolvers<void>();
  const { link, port } = joinedLink();
  let failure: string | undefined;
  const closed = link.closed.then(async (exit) => {
    await finished.promise; // its sockets are closed by then
    // A failing agent closes its port first, and that end alone tells nothing.
    return exit.ok && failure ? { ...exit, ok: false, reason: failure } : exit;
  });
  const near = { ...link, closed };
  const ending = new AbortController();
  const onAbort = () => near.abort(String(signal.reason));
  signal.addEventListener("abort", onAbort, { once: true });
  link.closed.then(() => {
    signal.removeEventListener("abort", onAbort);
    ending.abort();
  });
  const options = {
    version,
    isLocal: true,
    log: ({ level, message }: AgentLogEvent) => context.log(`${level}: ${message}`),
    signal: ending.signal,
  };
  runAgent(port, options).then(
    () => link.abort("its agent ended"),
    (error: unknown) => {
      failure = messageOf(error);
      link.abort(failure);
    },
  ).finally(finished.resolve);
  return near;
}
