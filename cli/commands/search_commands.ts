/**
 * The arguments and options of `norouter discover` and `norouter init`.
 *
 * @module
 */
import { Argument, type Command, InvalidArgumentError, Option } from "commander";
import { parseDuration } from "../../manifest/duration.ts";
import { SOURCES } from "../discovery/source.ts";
import type { InitOptions } from "./init.ts";

/** Milliseconds that a source may take unless the user says otherwise. */
const TIMEOUT = 5000;
/** Where a manifest goes unless the user says otherwise. */
const MANIFEST = "mesh.yaml";

/** Adds both commands; `done` is told the exit status of the command that was run. */
export function addSearchCommands(
  program: Command,
  done: (status: number) => void,
): void {
  withSearchOptions(program.command("discover"))
    .description("list what could become a host")
    .addArgument(new Argument("[SOURCE...]", "whom to ask").choices(SOURCES))
    .addOption(
      new Option("--format <format>", "the form of the list")
        .choices(["table", "json"]).default("table"),
    )
    .action(async (sources, _, command: Command) => {
      const { discover } = await import("./discover.ts");
      done(await discover(sources, command.optsWithGlobals()));
    });

  const init = withSearchOptions(program.command("init"))
    .description("write a manifest of what is there");
  for (const source of SOURCES) {
    init.option(`--${source} <name>`, "a host; repeatable", collect);
  }
  init
    .option("-o, --output <file>", "the manifest to write", MANIFEST)
    .option("-f, --force", "replace a file that is there")
    .action(async (_, command: Command) => {
      const { canInit, init } = await import("./init.ts");
      const options = command.optsWithGlobals<InitOptions>();
      if (!canInit(options)) {
        const flags = SOURCES.map((source) => `--${source}`).join(", ");
        command.error(
          `norouter: there is no terminal to pick hosts on, and none is named by ${flags}`,
        );
      }
      done(await init(options));
    });
}

function withSearchOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--timeout <duration>", "how long each source may take")
        .argParser(readDuration).default(TIMEOUT),
    )
    .option("-a, --all", "also what does not run")
    .option("--context <name>", "kubectl's context")
    .option("--namespace <name>", "kubectl's namespace")
    .addOption(
      new Option("--all-namespaces", "pods of all namespaces").conflicts("namespace"),
    );
}

function readDuration(text: string): number {
  const duration = parseDuration(text);
  if (typeof duration === "string") throw new InvalidArgumentError(duration);
  return duration;
}

function collect(name: string, names: readonly string[] = []): readonly string[] {
  if (name === "") throw new InvalidArgumentError("It is empty.");
  return [...names, name];
}
