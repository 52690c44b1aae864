// The command line: commands, options, what is wrong usage, and exit statuses.
//
//   0   it went well, or the mesh was ended by Ctrl-C or SIGTERM
//   1   the manifest is wrong, or no host ever became ready
//   2   wrong usage
import {
  type Command,
  CommanderError,
  createCommand,
  InvalidArgumentError,
  Option,
} from "commander";
import { addCompletions } from "./completions.ts";
import { fail } from "./failure.ts";
import { helpOf } from "./help.ts";
import type { GlobalOptions } from "./options.ts";
import { addSearchCommands } from "./search_commands.ts";
import { versionLine } from "./version.ts";
import { pluginPlace } from "../transports/plugin_place.ts";
import { isFile, unknownCommand } from "./words.ts";

const WRONG_USAGE = 2;
const OPEN_EDITOR = ["-e, --open-editor", "edit the manifest first"] as const;

/** Runs the program and gives its exit status. */
export async function main(args: readonly string[]): Promise<number> {
  let status = 0;
  const program = programOf((code) => {
    status = code;
  });
  try {
    await program.parseAsync(args, { from: "user" });
    return status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : WRONG_USAGE;
    return fail(error, program.opts<GlobalOptions>());
  }
}

/** The commands and options; `done` is told the exit status of the one that was run. */
export function programOf(done: (status: number) => void): Command {
  const allowed: string[] = [];
  const allowPlugin = () =>
    new Option("--allow-plugin <url>", "load this plug-in of the manifest; repeatable")
      .argParser((text) => {
        checkPlugin(text);
        allowed.push(text);
        return allowed;
      });
  const program = createCommand("norouter")
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, "norouter: ")),
    })
    .configureHelp({ formatHelp: (command) => helpOf(command.name()) })
    .showHelpAfterError(`(see "norouter --help")`)
    .version(versionLine(), "--version")
    .option("--debug", "tell more, with the time")
    .addOption(
      new Option("--log-format <format>", "the form of what is reported")
        .choices(["human", "json"]).default("human"),
    )
    .option(...OPEN_EDITOR)
    .addOption(allowPlugin())
    .hook("preAction", (program, command) => {
      const name = command.name();
      if (command === program || name === "up") return;
      if (isEditing(program)) {
        command.error(`norouter: "${name}" does not open an editor`);
      }
      if (allowed.length === 0 || name === "check" || name === "clean") return;
      command.error(`norouter: "${name}" loads no plug-ins`);
    });

  program
    .argument("[FILE...]")
    .action(async (words: string[], _: unknown, command: Command) => {
      const [word, ...more] = words;
      if (isEditing(command) && more.length === 0) return await runUp(word, command);
      if (word === undefined) {
        const hint = `"norouter show-example" shows one, "norouter --help" all commands`;
        return command.error(`norouter: a manifest FILE is missing; ${hint}`);
      }
      if (!isFile(word)) {
        const nor = ", and there is no file of that name";
        const message = unknownCommand(word, namesOf(program), nor);
        return command.error(`norouter: ${message}`);
      }
      if (more.length > 0) return command.error("norouter: wanted one manifest FILE");
      await runUp(word, command);
    });

  program.helpCommand(false); // ours knows the nearest name
  program.command("help")
    .description("more about a command")
    .argument("[COMMAND]")
    .action((name: string | undefined, _: unknown, command: Command) => {
      const known = namesOf(program);
      if (name !== undefined && !known.includes(name)) {
        return command.error(`norouter: ${unknownCommand(name, known)}`);
      }
      const about = program.commands.find((each) =>
        namesOf({ commands: [each] }).includes(name ?? "")
      );
      return (about ?? program).help();
    });

  program.command("up").alias("manager")
    .description("start the mesh of a manifest")
    .argument("[FILE]")
    .option(...OPEN_EDITOR)
    .addOption(allowPlugin())
    .action(async (file: string | undefined, _: unknown, command: Command) => {
      if (file !== undefined || isEditing(command)) return await runUp(file, command);
      command.error("norouter: missing required argument 'FILE'");
    });

  program.command("check")
    .description("validate a manifest without starting anything")
    .argument("<FILE>")
    .addOption(allowPlugin())
    .action(async (file: string, _: unknown, command: Command) => {
      const { check } = await import("./check.ts");
      done(await check(file, command.optsWithGlobals()));
    });

  program.command("clean")
    .description("list and remove what agents have left on hosts")
    .argument("<FILE>", "a manifest, or a host like docker:web")
    .argument("[HOST...]", "those of the manifest; all if absent")
    .option("-l, --list", "remove nothing")
    .addOption(allowPlugin())
    .action(async (file: string, hosts: string[], _: unknown, command: Command) => {
      const { clean } = await import("./clean.ts");
      done(await clean(file, hosts, command.optsWithGlobals()));
    });

  addSearchCommands(program, done);

  program.command("show-example").alias("show-ex")
    .description("print a manifest to begin with")
    .action(async () => {
      const { EXAMPLE } = await import("./example.ts");
      console.log(EXAMPLE.trimEnd());
    });

  program.command("show-installer")
    .description("print a script that installs norouter")
    .action(async () => {
      const { installer } = await import("./installer.ts");
      console.log(installer().trimEnd());
    });

  program.command("agent")
    .description("what a manager runs on each host")
    .option("--automated", "speak frames on standard input and output")
    .action(async ({ automated }: { automated?: true }, command: Command) => {
      const { agent, NOT_BY_HAND } = await import("./agent.ts");
      if (!automated) return command.error(`norouter: ${NOT_BY_HAND}`);
      done(await agent());
    });

  addCompletions(program);
  return program;

  async function runUp(file: string | undefined, command: Command): Promise<void> {
    const options = command.optsWithGlobals<GlobalOptions>();
    if (!isEditing(command)) {
      const { up } = await import("./up.ts");
      return done(await up(file!, options));
    }
    if (file === "-") {
      return command.error('norouter: an editor cannot open standard input, "-"');
    }
    const { edit } = await import("./edit.ts");
    done(await edit(file, options));
  }
}

/** Wrong usage, if this is no plug-in. */
function checkPlugin(text: string): void {
  try {
    pluginPlace(text, ".");
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

/** Whether the manifest is to be edited first. */
function isEditing(command: Command): boolean {
  return Boolean(command.optsWithGlobals().openEditor);
}

function namesOf({ commands }: Pick<Command, "commands">): string[] {
  return commands.flatMap((command) => [command.name(), ...command.aliases()]);
}
