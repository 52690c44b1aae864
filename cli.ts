/**
 * The program: joins containers, pods, virtual machines and laptops into one small
 * network. `norouter --help` tells the commands; the library is `@norouter/cli/mod`.
 *
 * @module
 */
import { printResult, stderr } from "./cli/console/console.ts";
import { redirectConsole } from "./cli/console/stray_output.ts";
import { nameProcess } from "./cli/process_name.ts";
import { cleanEnvironment } from "./install/executable.ts";

/** Runs the program and gives its exit status. */
async function run(args: readonly string[]): Promise<number> {
  nameProcess();
  cleanEnvironment();
  redirectConsole((text) => stderr.line(text));
  // What a manager starts on every host: without the parser it is up sooner.
  if (isAgent(args)) {
    const { agent, isAttachId } = await import("./cli/commands/agent.ts");
    const attach = args[3];
    if (attach === undefined || isAttachId(attach)) return await agent({ attach });
  }
  if (args.length === 1 && args[0] === "--version") {
    const { versionLine } = await import("./cli/version.ts");
    return await orFail(async () => {
      await printResult(`${versionLine()}\n`);
      return 0;
    });
  }
  const file = manifestAlone(args);
  if (file !== undefined) {
    // The most common command, which so takes less memory and time: it needs no parser.
    const { up } = await import("./cli/commands/up.ts");
    return await orFail(() => up(file, { logFormat: "human" }));
  }
  const { main } = await import("./cli/main.ts");
  return await main(args);
}

/** Whether this is `agent --automated`, with `--attach ID` or alone. */
function isAgent(args: readonly string[]): boolean {
  if (args[0] !== "agent" || args[1] !== "--automated") return false;
  return args.length === 2 || args.length === 4 && args[2] === "--attach";
}

/** The manifest of `FILE.yaml`, `up FILE` or `manager FILE`, if nothing else was said. */
function manifestAlone(args: readonly string[]): string | undefined {
  const [first, second] = args;
  if (args.length === 1 && /^[^-].*\.ya?ml$/i.test(first!)) return first;
  const isUp = args.length === 2 && (first === "up" || first === "manager");
  return isUp && !second!.startsWith("-") ? second : undefined;
}

/** What fails is told in a line. */
async function orFail(run: () => Promise<number>): Promise<number> {
  try {
    return await run();
  } catch (error) {
    const { fail } = await import("./cli/failure.ts");
    return fail(error, { logFormat: "human" });
  }
}

if (import.meta.main) {
  const status = await run(Deno.args);
  await stderr.flush();
  Deno.exit(status);
}
