/**
 * The arguments and options of the commands for a mesh that runs.
 *
 * @module
 */
import { type Command, InvalidArgumentError, Option } from "commander";
import type { LiveOptions } from "../running.ts";
import type { PingCommandOptions } from "./ping.ts";

/** Their names, those of `norouter host` included. */
export const LIVE_COMMANDS: readonly string[] = [
  ...["status", "events", "metrics", "ping", "capture", "reload", "down"],
  ...["host", "add", "remove", "restart", "list"],
];

/** Adds the commands; `done` is told the exit status of the command that was run. */
export function addLiveCommands(
  program: Command,
  done: (status: number) => void,
): void {
  const options = (command: Command) => command.optsWithGlobals<LiveOptions>();

  withListOptions(withMesh(program.command("status")))
    .description("show a mesh that runs")
    .option("--watch", "show it anew each second")
    .action(async (_: unknown, command: Command) => {
      const { status } = await import("./status.ts");
      done(await status(options(command)));
    });
  withListOptions(withMesh(program.command("events")))
    .description("tell what happens in a mesh that runs")
    .action(async (_: unknown, command: Command) => {
      const { events } = await import("./follow_events.ts");
      done(await events(options(command)));
    });
  withMesh(program.command("metrics"))
    .description("print the status of a mesh that runs for Prometheus")
    .option("--textfile <file>", "write it for a textfile collector")
    .action(async (_: unknown, command: Command) => {
      const { metrics } = await import("./metrics.ts");
      done(await metrics(options(command)));
    });
  withListOptions(withMesh(program.command("ping")))
    .description("send echoes to a host of a mesh that runs")
    .argument("<HOST>", "its name, an alias or its VIP")
    .addOption(number("-c, --count <n>", { least: 1, most: 1e6, isWhole: true }, 4))
    .addOption(number("-i, --interval <seconds>", { least: 0.01, most: 3600 }, 1))
    .addOption(
      number("-s, --size <bytes>", { least: 0, most: 65_507, isWhole: true }, 56),
    )
    .addOption(number("-W, --wait <seconds>", { least: 0.01, most: 10 }, 2))
    .option("--from <host>", "the host that asks")
    .action(async (host: string, _: unknown, command: Command) => {
      const { ping } = await import("./ping.ts");
      done(await ping(host, command.optsWithGlobals<PingCommandOptions>()));
    });
  withMesh(program.command("capture"))
    .description("capture packets of a mesh that runs")
    .addOption(listOption("--host <host>", "only packets from and to this; repeatable"))
    .addOption(listOption("--flow <flow>", "only packets of this flow; repeatable"))
    .option("-w, --write <file>", 'where to write; "-" is standard output', "-")
    .addOption(numberOption("--snaplen <bytes>", "what is kept of a packet", 1))
    .addOption(numberOption("--count <n>", "end after so many packets", 1))
    .addOption(numberOption("--seconds <s>", "end after so long", 1))
    .action(async (_: unknown, command: Command) => {
      const { capture, wrongUse } = await import("./capture.ts");
      const wish = options(command);
      const wrong = wrongUse(wish);
      if (wrong !== undefined) command.error(`norouter: ${wrong}`);
      done(await capture(wish));
    });
  withMesh(program.command("reload"))
    .description("have the manifest read again")
    .action(async (_: unknown, command: Command) => {
      const { reload } = await import("./change_mesh.ts");
      done(await reload(options(command)));
    });
  withMesh(program.command("down"))
    .description("end a mesh that runs")
    .action(async (_: unknown, command: Command) => {
      const { down } = await import("./change_mesh.ts");
      done(await down(options(command)));
    });

  const host = program.command("host")
    .description("add, remove or restart a host of a mesh that runs")
    .helpCommand(false)
    .allowExcessArguments()
    .action((_: unknown, command: Command) => {
      const [word] = command.args;
      command.error(
        `norouter: ${
          word === undefined ? "" : `"host" knows no ${JSON.stringify(word)}; `
        }wanted add, remove or restart`,
      );
    });
  withMesh(host.command("add"))
    .description("add a host, until the mesh ends")
    .argument("<NAME>", "its name")
    .argument("<YAML>", "what stands behind the name in a manifest")
    .action(async (name: string, yaml: string, _: unknown, command: Command) => {
      const { addHost } = await import("./change_mesh.ts");
      done(await addHost(name, yaml, options(command)));
    });
  withMesh(host.command("remove"))
    .description("end a host")
    .argument("<NAME>", "its name")
    .action(async (name: string, _: unknown, command: Command) => {
      const { removeHost } = await import("./change_mesh.ts");
      done(await removeHost(name, options(command)));
    });
  withMesh(host.command("restart"))
    .description("end a host and start it anew")
    .argument("<NAME>", "its name")
    .action(async (name: string, _: unknown, command: Command) => {
      const { restartHost } = await import("./change_mesh.ts");
      done(await restartHost(name, options(command)));
    });
}

/** An option that is a number, as people write them. */
function number(
  flags: string,
  { least, most, isWhole = false }: { least: number; most: number; isWhole?: boolean },
  usual: number,
): Option {
  return new Option(flags).default(usual).argParser((text) => {
    const value = Number(text);
    const isRight = /^\d+(\.\d+)?$|^\.\d+$/.test(text) && value >= least && value <= most;
    if (isRight && (!isWhole || Number.isInteger(value))) return value;
    const kind = isWhole ? "a whole number" : "a number";
    throw new InvalidArgumentError(`Wanted ${kind}, ${least} to ${most}.`);
  });
}

function withMesh(command: Command): Command {
  return command.option("--mesh <name>", "which, if several run");
}

/** An option that may be given several times. */
function listOption(name: string, about: string): Option {
  return new Option(name, about)
    .argParser((text: string, before: readonly string[] = []) => [...before, text]);
}

/** An option that is a whole number. */
function numberOption(name: string, about: string, least: number): Option {
  return new Option(name, about).argParser((text) => {
    const number = Number(text);
    if (/^\d{1,9}$/.test(text) && number >= least) return number;
    throw new InvalidArgumentError(`Wanted a whole number, at least ${least}.`);
  });
}

/** `--json` and `--format json` mean the same. */
function withListOptions(command: Command): Command {
  return command
    .option("--json", "the same as --format json")
    .addOption(
      new Option("--format <format>", "the form of what is shown")
        .choices(["table", "json"]).default("table"),
    );
}
