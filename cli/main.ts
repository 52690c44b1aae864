/**
 * The command line: commands, options, wrong usage, and exit statuses.
 *
 *   0   success, or the mesh was ended by Ctrl-C or SIGTERM
 *   1   the manifest is wrong, or no host ever became ready
 *   2   wrong usage
 *
 * @module
 */
import {
  type Command,
  CommanderError,
  createCommand,
  InvalidArgumentError,
  Option,
} from "commander";
import { addCompletions } from "./commands/completions.ts";
import { printResult, stderr } from "./console/console.ts";
import { fail } from "./failure.ts";
import { helpOf } from "./help.ts";
import { openLog } from "./console/log.ts";
import type { GlobalOptions } from "./options.ts";
import { addLiveCommands, LIVE_COMMANDS } from "./commands/live_commands.ts";
import { addProxyCommands } from "./commands/proxy_commands.ts";
import { addSearchCommands } from "./commands/search_commands.ts";
import { ruleOptions } from "./rule_options.ts";
import { versionLine } from "./version.ts";
import { pluginPlace } from "../transports/plugins/place.ts";
import { redirectConsole } from "./console/stray_output.ts";
import { isFile, noFile, unknownCommand } from "./words.ts";

const WRONG_USAGE = 2;
const OPEN_EDITOR = ["-e, --open-editor", "edit the manifest first"] as const;

/** Runs the program and gives its exit status. */
export async function main(args: readonly string[]): Promise<number> {
  let status = 0;
  let output = "";
  const print = (text: string) => output += text;
  const program = programOf((code) => status = code, print);
  hintAt(args, program);
  // The library of completions prints its script and its answers so.
  if (args.includes("complete")) redirectConsole((text) => print(`${text}\n`));
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) {
      return fail(error, program.opts<GlobalOptions>());
    }
    if (error.exitCode !== 0) status = WRONG_USAGE;
  }
  try {
    await printResult(output, { isExact: true });
    return status;
  } catch (error) {
    return fail(error, program.opts<GlobalOptions>());
  }
}

/**
 * The commands and options; `done` is told the exit status of the command that was run,
 * and `print` takes help and the version.
 */
export function programOf(
  done: (status: number) => void,
  print: (text: string) => void = () => {},
): Command {
  const allowed: string[] = [];
  const allowPlugin = () =>
    new Option("--allow-plugin <url>", "load this plug-in of the manifest; repeatable")
      .argParser((text) => {
        checkPlugin(text);
        allowed.push(text);
        return allowed;
      });
  const state = () =>
    new Option("--state <file>", "take agents back after a kill by what is kept there")
      .argParser((path) => {
        if (path === "") throw new InvalidArgumentError("It is empty.");
        return path;
      });
  const onOff = (name: string, about: string) =>
    new Option(name, about).argParser((text) => {
      if (text === "on" || text === "off") return text;
      throw new InvalidArgumentError("Allowed choices are on, off.");
    });
  const ofMeshes = () => [
    // Without a value it is an option of "status".
    onOff("--watch [mode]", "whether to read the manifest again when it changes"),
    onOff("--control <mode>", "whether commands find the mesh"),
    new Option("--name <name>", "the name by which they do").argParser((name) => {
      if (name === "") throw new InvalidArgumentError("It is empty.");
      return name;
    }),
  ];
  const rules = { ingress: [], egress: [] };
  const isForMachines = () => program.opts<GlobalOptions>().logFormat === "json";
  const program: Command = createCommand("norouter")
    .exitOverride()
    .configureOutput({
      writeOut: print,
      outputError: (text, write) => {
        const message = text.replace(/^error: /, "norouter: ").replace(
          /^norouter: command-argument value ('.*') is invalid for argument '(.*?)'\./,
          (_, value, name) => `norouter: the ${name.toUpperCase()} ${value} is invalid.`,
        );
        if (!isForMachines()) return write(message);
        const event = {
          level: "error",
          type: "usage",
          message: message.trimEnd(),
        } as const;
        openLog(program.opts<GlobalOptions>()).event(event);
      },
      // Lines behind an error are hints for people.
      writeErr: (text) => void (isForMachines() || stderr.text(text)),
    })
    .configureHelp({ formatHelp: (command) => helpOf(pageOf(command)) })
    .showHelpAfterError(`(see "norouter --help")`)
    .version(versionLine(), "--version")
    .option("--debug", "tell more, with the time")
    .addOption(
      new Option("--log-format <format>", "the form of what is reported")
        .choices(["human", "json"]).default("human"),
    )
    .option(...OPEN_EDITOR)
    .addOption(allowPlugin())
    .addOption(state());
  const ofStarts = () => [...ofMeshes(), ...ruleOptions(rules)];
  for (const option of ofStarts()) program.addOption(option);
  program
    .hook("preAction", (program, command) => {
      const name = command.name();
      if (command === program || name === "up") return;
      if (name === "proxy") {
        if (isEditing(program)) {
          command.error(`norouter: "proxy" does not open an editor`);
        }
        return;
      }
      const { ingress, egress } = program.opts<GlobalOptions>();
      if (ingress ?? egress) command.error(`norouter: "${name}" starts no mesh`);
      const { watch, control, name: wish } = program.opts<GlobalOptions>();
      if (wish !== undefined || control !== undefined) {
        const hint = LIVE_COMMANDS.includes(name) ? "; --mesh NAME says which" : "";
        command.error(`norouter: "${name}" starts no mesh${hint}`);
      }
      if (watch !== undefined && name !== "status") {
        command.error(`norouter: "${name}" watches nothing`);
      }
      if (isEditing(program)) {
        command.error(`norouter: "${name}" does not open an editor`);
      }
      if (program.opts<GlobalOptions>().state !== undefined) {
        command.error(`norouter: "${name}" keeps no state`);
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
        return command.error(`norouter: ${noFile()}`);
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

  const up = program.command("up").alias("manager")
    .description("start the mesh of a manifest")
    .argument("[FILE]")
    .option(...OPEN_EDITOR)
    .addOption(allowPlugin())
    .addOption(state());
  for (const option of ofStarts()) up.addOption(option);
  up
    .action(async (file: string | undefined, _: unknown, command: Command) => {
      if (file !== undefined || isEditing(command)) return await runUp(file, command);
      command.error("norouter: missing required argument 'FILE'");
    });

  program.command("check")
    .description("validate a manifest without starting anything")
    .argument("<FILE...>")
    .addOption(allowPlugin())
    .option(
      "--policy <question>",
      "which rule of the policy decides; repeatable",
      collect,
    )
    .action(async (files: string[], _: unknown, command: Command) => {
      const { check } = await import("./commands/check.ts");
      const { parseQuestion } = await import("./commands/policy_question.ts");
      const refuse = (message: string) => command.error(`norouter: --policy: ${message}`);
      const options = command.optsWithGlobals<GlobalOptions & { policy?: string[] }>();
      const policy = (options.policy ?? []).map((text) => {
        const question = parseQuestion(text);
        return typeof question === "string" ? refuse(question) : question;
      });
      const statuses = [];
      for (const file of files) {
        statuses.push(await check(file, { ...options, policy }, refuse));
      }
      done(Math.max(...statuses));
    });

  program.command("clean")
    .description("list and remove what agents have left on hosts")
    .argument("<FILE>", "a manifest, or a host like docker:web")
    .argument("[HOST...]", "those of the manifest; all if absent")
    .option("-l, --list", "remove nothing")
    .addOption(allowPlugin())
    .action(async (file: string, hosts: string[], _: unknown, command: Command) => {
      const { clean } = await import("./commands/clean.ts");
      done(await clean(file, hosts, command.optsWithGlobals()));
    });

  addSearchCommands(program, done);
  addLiveCommands(program, done);
  addProxyCommands(program, done, [allowPlugin(), state(), ...ofStarts()]);

  program.command("show-example").alias("show-ex")
    .description("print a manifest to begin with")
    .action(async () => {
      const { EXAMPLE } = await import("./commands/example.ts");
      await printResult(EXAMPLE);
    });

  program.command("schema")
    .description("print the JSON schema of manifests, for editors")
    .action(async () => {
      const { schemaText } = await import("./schema/manifest_schema.ts");
      await printResult(schemaText());
    });

  program.command("show-installer")
    .description("print a script that installs norouter")
    .action(async () => {
      const { installer } = await import("./commands/installer.ts");
      await printResult(installer(), { isExact: true });
    });

  program.command("agent")
    .description("what a manager runs on each host")
    .option("--automated", "speak frames on standard input and output")
    .option("--attach <id>", "go back to an agent that outlived its link")
    .action(
      async (options: { automated?: true; attach?: string }, command: Command) => {
        const { automated, attach } = options;
        const { agent, isAttachId, NOT_BY_HAND } = await import("./commands/agent.ts");
        if (!automated) return command.error(`norouter: ${NOT_BY_HAND}`);
        if (attach !== undefined && !isAttachId(attach)) {
          const wanted = "the ID of an agent has 16 hexadecimal digits";
          return command.error(`norouter: ${wanted}, not ${JSON.stringify(attach)}`);
        }
        done(await agent({ attach }));
      },
    );

  // The command `complete` copies the settings of this moment.
  program.showHelpAfterError(`(see "norouter help complete")`);
  addCompletions(program);
  program.showHelpAfterError(`(see "norouter --help")`);
  return program;

  async function runUp(file: string | undefined, command: Command): Promise<void> {
    const options = command.optsWithGlobals<GlobalOptions>();
    if (!isEditing(command)) {
      const { up } = await import("./commands/up.ts");
      return done(await up(file!, options));
    }
    if (file === "-") {
      return command.error('norouter: an editor cannot open standard input, "-"');
    }
    const { edit } = await import("./commands/edit.ts");
    done(await edit(file, options));
  }
}

/** After wrong usage of a command its own page helps more than that of the program. */
function hintAt(args: readonly string[], program: Command): void {
  const commands = [...namesOf(program), "complete"]; // which is added when asked for
  const name = args.find((word) => commands.includes(word));
  if (name === undefined || name === "help") return;
  for (const each of [program, ...program.commands]) {
    each.showHelpAfterError(`(see "norouter help ${name}")`);
  }
}

/** Of an option that may be given several times. */
function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

/** The command whose page has the command: of `norouter host add` that is `host`. */
function pageOf(command: Command): string {
  const { parent } = command;
  return parent?.parent ? parent.name() : command.name();
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
