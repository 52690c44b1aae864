/**
 * The options `--ingress` and `--egress` of the commands that start a mesh.
 *
 * @module
 */
import { InvalidArgumentError, Option } from "commander";
import type { RuleKind } from "../manifest/added_rules.ts";
import { parseRule } from "../manifest/rule_text.ts";

const ABOUT: Readonly<Record<RuleKind, string>> = {
  ingress: "publish a port of this machine; repeatable",
  egress: "lead a port of this machine into the mesh; repeatable",
};

/** The options `--ingress` and `--egress`, whose values are collected in `into`. */
export function ruleOptions(into: Record<RuleKind, string[]>): Option[] {
  return (["ingress", "egress"] as const).map((kind) =>
    new Option(`--${kind} <rule>`, ABOUT[kind]).argParser((text) => {
      const rule = parseRule(text);
      if (typeof rule === "string") throw new InvalidArgumentError(`${rule}.`);
      into[kind].push(text);
      return into[kind];
    })
  );
}
