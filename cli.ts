/**
 * The program: joins containers, pods, virtual machines and laptops into one small
 * network. `norouter --help` tells the commands; the library is `@norouter/cli/mod`.
 *
 * @module
 */

import { cleanEnvironment } from "./install/executable.ts";

/** Runs the program and gives its exit status. */
async function run(args: readonly string[]): Promise<number> {
  cleanEnvironment();
  // What a manager starts on every host: without the parser it is up sooner.
  if (args.length === 2 && args[0] === "agent" && args[1] === "--automated") {
    const { agent } = await import("./cli/agent.ts");
    return await agent();
  }
  if (args.length === 1 && args[0] === "--version") {
    const { versionLine } = await import("./cli/version.ts");
    console.log(versionLine());
    return 0;
  }
  const file = manifestAlone(args);
  if (file !== undefined) return await start(file);
  const { main } = await import("./cli/main.ts");
  return await main(args);
}

/** The manifest of `FILE.yaml`, `up FILE` or `manager FILE`, if nothing else was said. */
function manifestAlone(args: readonly string[]): string | undefined {
  const [first, second] = args;
  if (args.length === 1 && /^[^-].*\.ya?ml$/i.test(first!)) return first;
  const isUp = args.length === 2 && (first === "up" || first === "manager");
  return isUp && !second!.startsWith("-") ? second : undefined;
}

/** The most common command, which so takes less memory and time: it needs no parser. */
async function start(file: string): Promise<number> {
  const [{ up }, { fail }] = await Promise.all([
    import("./cli/up.ts"),
    import("./cli/failure.ts"),
  ]);
  const options = { logFormat: "human" } as const;
  try {
    return await up(file, options);
  } catch (error) {
    return fail(error, options);
  }
}

if (import.meta.main) Deno.exit(await run(Deno.args));
