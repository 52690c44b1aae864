/**
 * Shared by the tests of the typed transports: tables of command lines and of mistakes,
 * and links through a shell that stands for the client.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { ExecTransport } from "./command/exec.ts";
import { type OpenContext, SpecError } from "./mod.ts";
import { conformance } from "./testing.ts";

/** The commands here are shell scripts, and Windows has no `sh`. */
export const ignore = Deno.build.os === "windows";

/** A place in a value with the fault there; `key` if the key is at fault. */
export type Mistake = readonly [path: readonly (string | number)[], RegExp, "key"?];

/** The mistakes in a value. */
export function mistakesOf(transport: ExecTransport, spec: unknown): SpecError[] {
  try {
    transport.parse(spec);
    return [];
  } catch (error) {
    const all = error instanceof AggregateError ? error.errors : [error];
    for (const each of all) if (!(each instanceof SpecError)) throw error;
    return all;
  }
}

/** Each value with all of its mistakes. */
export function assertMistakes(
  transport: ExecTransport,
  table: readonly (readonly [spec: unknown, ...mistakes: Mistake[]])[],
): void {
  for (const [spec, ...wanted] of table) {
    const found = mistakesOf(transport, spec);
    const about = `${JSON.stringify(spec)}: ${found.map(({ message }) => message)}`;
    assert.equal(found.length, wanted.length, about);
    for (const [index, [path, message, key]] of wanted.entries()) {
      assert.deepEqual(found[index]!.path, path, about);
      assert.match(found[index]!.message, message);
      assert.equal(found[index]!.isKey, key === "key", about);
    }
  }
}

/** Each value with its command, in which `norouter` is the agent. */
export function assertCommands(
  transport: ExecTransport,
  table: readonly (readonly [spec: unknown, command: string])[],
): void {
  for (const [spec, command] of table) {
    assert.equal(transport.describe(transport.parse(spec)), command);
  }
}

/** The words that start an agent name the one to go back to, behind all others. */
function namesAgent(transport: ExecTransport, spec: Readonly<Record<string, unknown>>) {
  const attach = "0123456789abcdef";
  Deno.test(`${transport.name} names the agent to go back to`, async () => {
    const program = ["sh", "-c", 'printf "%s\\n" "$*"', "client"];
    const options = transport.parse({ ...spec, program });
    const link = await transport.open(options, { ...contextOf(), attach });
    await link.writable.close().catch(() => {});
    const said = await new Blob(await Array.fromAsync(link.readable)).text();
    assert.match(said, new RegExp(`norouter agent --automated --attach ${attach}'?\n$`));
    await link.closed;
  });
}

/** Runs the suite of links with a shell in the place of the client. */
export function typedConformance(
  transport: ExecTransport,
  spec: Readonly<Record<string, unknown>>,
): void {
  if (ignore) return;
  const open = (script: string, context: OpenContext) => {
    // All words of the client's command line become parameters of the script.
    const program = ["sh", "-c", script, "client"];
    return transport.open(transport.parse({ ...spec, program }), context);
  };
  namesAgent(transport, spec);
  conformance(transport.name, {
    largeBytes: 4 << 20,
    echo: (context) => open("exec cat", context),
    failing: (context, lines, status) =>
      open(
        lines.map((line) => `echo '${line}' >&2\n`).join("") + `exit ${status}`,
        context,
      ),
  });
}

/** A context that keeps the logged lines. */
export function contextOf(lines: string[] = []): OpenContext {
  const { signal } = new AbortController();
  return { host: "web", signal, log: (line) => lines.push(line) };
}

/** How a link ends whose client is a shell script. */
export async function exitOf(
  transport: ExecTransport,
  spec: Readonly<Record<string, unknown>>,
  script: string,
) {
  const options = transport.parse({ ...spec, program: ["sh", "-c", script, "client"] });
  const link = await transport.open(options, contextOf());
  await Promise.allSettled([link.writable.close(), link.readable.cancel()]);
  return await link.closed;
}
