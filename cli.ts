/**
 * The program: joins containers, pods, virtual machines and laptops into one small
 * network. `norouter --help` tells the commands; the library is `@norouter/cli/mod`.
 *
 * @module
 */

/** Runs the program and gives its exit status. */
async function run(args: readonly string[]): Promise<number> {
  // What a manager starts on every host: without the parser it is up sooner.
  if (args.length === 2 && args[0] === "agent" && args[1] === "--automated") {
    const { agent } = await import("./cli/agent.ts");
    return await agent();
  }
  if (args.length === 1 && args[0] === "--version") {
    const { VERSION_LINE } = await import("./cli/version.ts");
    console.log(VERSION_LINE);
    return 0;
  }
  const { main } = await import("./cli/main.ts");
  return await main(args);
}

if (import.meta.main) Deno.exit(await run(Deno.args));
