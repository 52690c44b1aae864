import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { Link, OpenContext } from "../../transports/mod.ts";
import { conformance } from "../../transports/testing.ts";
import { type AgentPort, joinedLink } from "./port.ts";

// deno-lint-ignore require-await -- an aborted signal must reject
async function echo(context: OpenContext, bytes: number): Promise<Link> {
  context.signal.throwIfAborted();
  const { link, port } = joinedLink();
  const onAbort = () => link.abort(String(context.signal.reason));
  context.signal.addEventListener("abort", onAbort);
  link.closed.then(() => context.signal.removeEventListener("abort", onAbort));
  repeat(port, bytes).catch(() => {}).finally(() => port.close());
  return link;
}

/** Sends back what comes, as the pump does: with one read asked for ahead. */
async function repeat(port: AgentPort, bytes: number): Promise<void> {
  const read = () => {
    const into = new Uint8Array(bytes);
    const done = port.read(into);
    done.catch(() => {});
    return { into, done };
  };
  for (let [now, next] = [read(), read()];; [now, next] = [next, read()]) {
    const got = await now.done;
    if (got === null) return;
    await port.write(now.into.subarray(0, got));
  }
}

conformance("joined", { echo: (context) => echo(context, 256 * 1024) });
conformance("joined with small reads", {
  echo: (context) => echo(context, 12_345),
  largeBytes: 1 << 20,
});

Deno.test("what an agent writes is copied by the time its write has settled", async () => {
  const { link, port } = joinedLink();
  const bytes = new Uint8Array(1_000_000).map((_, i) => i % 251);
  const wanted = bytes.slice();
  const writing = port.write(bytes).then(() => {
    bytes.fill(0);
    port.close();
  });
  const got = await Array.fromAsync(link.readable);
  await writing;
  assert.deepEqual(Buffer.concat(got), Buffer.from(wanted));
  await link.closed;
});
