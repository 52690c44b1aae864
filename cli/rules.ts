/**
 * Rules of the command line, in the mesh of a manifest.
 *
 * @module
 */
import { type HostRule, withRules } from "../manifest/added_rules.ts";
import type { Manifest } from "../manifest/manifest.ts";
import { parseRule } from "../manifest/rule_text.ts";
import type { GlobalOptions } from "./options.ts";

/** The rules of the options, which are those of this machine. */
export function rulesOf(options: GlobalOptions, { hosts }: Manifest): HostRule[] {
  const texts = [
    ...(options.ingress ?? []).map((text) => ["ingress", text] as const),
    ...(options.egress ?? []).map((text) => ["egress", text] as const),
  ];
  const [first] = texts;
  const here = hosts.find(({ transport }) => !transport);
  if (first && !here) {
    throw new Error(
      `--${first[0]} ${first[1]}: this machine is no host of the manifest; wanted ` +
        `"local: {}" in "hosts"`,
    );
  }
  return texts.flatMap(([kind, text]) => {
    const rule = parseRule(text);
    return typeof rule === "string" ? [] : [{ host: here!.name, kind, rule }];
  });
}

/** The manifest with the rules of the options. @throws {ManifestError} with their faults. */
export function withOptionRules(
  manifest: Manifest,
  options: GlobalOptions,
): { readonly manifest: Manifest; readonly rules: readonly HostRule[] } {
  const rules = rulesOf(options, manifest);
  return { manifest: withRules(manifest, rules), rules };
}
