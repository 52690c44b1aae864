/**
 * The arguments and options of `norouter proxy`: rules of a mesh that runs, and a mesh
 * that consists of little else.
 *
 * @module
 */
import { Argument, type Command, Option } from "commander";
import type { RuleKind } from "../../manifest/added_rules.ts";
import type { RuleCommandOptions } from "./change_rules.ts";
import type { ProxyOptions } from "./proxy_mesh.ts";

/** Adds the commands; `started` are the options of a mesh that is started. */
export function addProxyCommands(
  program: Command,
  done: (status: number) => void,
  started: readonly Option[],
): void {
  const options = (command: Command) => command.optsWithGlobals<RuleCommandOptions>();
  const proxy = program.command("proxy")
    .description("rules of a mesh that runs, or a mesh of rules")
    .helpCommand(false)
    .allowExcessArguments()
    .option(
      "--to <yaml>",
      "a host to reach; repeatable",
      (text, before: string[] = []) => [...before, text],
    );
  for (const option of started) proxy.addOption(option);
  proxy.action(async (_: unknown, command: Command) => {
    const [word] = command.args;
    const { to, ingress, egress } = command.optsWithGlobals<ProxyOptions>();
    if (word !== undefined) {
      const what = `"proxy" knows no ${JSON.stringify(word)}`;
      return command.error(`norouter: ${what}; wanted add, remove or list`);
    }
    if (!to || !(ingress ?? egress)) {
      return command.error(
        "norouter: wanted add, remove or list, or --ingress or --egress with --to",
      );
    }
    const { proxyMesh } = await import("./proxy_mesh.ts");
    done(await proxyMesh(command.optsWithGlobals()));
  });

  withMesh(proxy.command("add"))
    .description("add a rule to a host")
    .addArgument(kindArgument(true))
    .argument("<RULE>", "PROTOCOL:PORT:DESTINATION:PORT")
    .option("--save", "write it into the manifest")
    .action(async (kind: RuleKind, rule: string, _: unknown, command: Command) => {
      const { addRule } = await import("./change_rules.ts");
      done(await addRule({ kind, rule }, options(command)));
    });
  withMesh(proxy.command("remove"))
    .description("take back a rule that was added")
    .addArgument(kindArgument(true))
    .argument("<RULE>", "as it was added")
    .action(async (kind: RuleKind, rule: string, _: unknown, command: Command) => {
      const { removeRule } = await import("./change_rules.ts");
      done(await removeRule({ kind, rule }, options(command)));
    });
  withMesh(proxy.command("list"))
    .description("list the rules in force")
    .addArgument(kindArgument(false))
    .option("--json", "the same as --format json")
    .addOption(
      new Option("--format <format>", "the form of what is shown")
        .choices(["table", "json"]).default("table"),
    )
    .action(async (kind: RuleKind | undefined, _: unknown, command: Command) => {
      const { listRules } = await import("./change_rules.ts");
      done(await listRules(kind, options(command)));
    });
}

function kindArgument(isRequired: boolean): Argument {
  return new Argument(isRequired ? "<KIND>" : "[KIND]", "ingress or egress")
    .choices(["ingress", "egress"]);
}

function withMesh(command: Command): Command {
  return command
    .option("--host <host>", "whose rule; this machine's by default")
    .option("--mesh <name>", "which, if several run");
}
