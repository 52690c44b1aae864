/**
 * `norouter proxy add|remove|list`: the rules of a mesh that runs.
 *
 * @module
 */
import type { RuleKind } from "../../manifest/added_rules.ts";
import type { MeshChange } from "../../manager/reload/change.ts";
import type { MeshRule } from "../../manager/reload/live_rules.ts";
import { printResult, stderr } from "../console/console.ts";
import { openLog } from "../console/log.ts";
import { renderJson } from "../console/printable.ts";
import { isJson, type LiveOptions, withMesh } from "../running.ts";
import { printChange } from "./change_mesh.ts";

/** Options of the commands. */
export interface RuleCommandOptions extends LiveOptions {
  /** Whose rule it is; by default this machine's. */
  readonly host?: string;
  /** Whether to write the rule into the manifest. */
  readonly save?: boolean;
}

/** A rule that was named. */
export interface NamedRule {
  readonly kind: RuleKind;
  readonly rule: string;
}

/** Adds a rule, and prints what changed. */
export function addRule(named: NamedRule, options: RuleCommandOptions): Promise<number> {
  const { host, save } = options;
  return withMesh(options, async (client, { manifest }) => {
    const body = { ...named, ...(host && { host }), ...(save && { save }) };
    const change = await client.ask("POST", "/v1/rules", body) as MeshChange & {
      readonly warnings?: readonly { readonly at: string; readonly message: string }[];
    };
    for (const { at, message } of change.warnings ?? []) {
      if (options.logFormat !== "json") stderr.line([33, message]);
      else {
        const event = { level: "warn", type: "manifest", message } as const;
        openLog(options).event(event, { at });
      }
    }
    const written = save ? `Written into ${manifest}\n` : "";
    if (change.changed.length > 0) await printChange(change);
    if (written) await printResult(written);
    return 0;
  });
}

/** Takes back a rule that was added, and prints what changed. */
export function removeRule(
  named: NamedRule,
  options: RuleCommandOptions,
): Promise<number> {
  const { host } = options;
  return withMesh(options, async (client) => {
    const query = new URLSearchParams({ ...named, ...(host && { host }) });
    const change = await client.ask("DELETE", `/v1/rules?${query}`);
    return await printChange(change as MeshChange);
  });
}

/** Lists the rules in force, those of the manifest included. */
export function listRules(
  kind: RuleKind | undefined,
  options: RuleCommandOptions,
): Promise<number> {
  const { host } = options;
  return withMesh(options, async (client) => {
    const { rules } = await client.ask("GET", "/v1/rules") as { rules: MeshRule[] };
    const shown = rules.filter((rule) =>
      (kind === undefined || rule.kind === kind) &&
      (host === undefined || rule.host === host)
    );
    await printResult(isJson(options) ? renderJson(shown, 2) + "\n" : ruleTable(shown));
    return 0;
  });
}

/** The rules as a table. */
export function ruleTable(rules: readonly MeshRule[]): string {
  if (rules.length === 0) return "There are no rules\n";
  const rows = [
    ["HOST", "KIND", "RULE", "FROM"],
    ...rules.map(({ host, kind, rule, added, at }) => [
      host,
      kind,
      rule,
      added ? "(added)" : at,
    ]),
  ];
  const widths = rows[0]!.map((_, column) =>
    Math.max(...rows.map((row) => row[column]!.length))
  );
  return rows.map((row) =>
    row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd() + "\n"
  ).join("");
}
