/**
 * Shortcuts of this folder's tests: the messages about a manifest, as the user sees them.
 *
 * @module
 */
import { formatDiagnostic, ManifestError } from "./source/diagnostic.ts";
import type { Manifest, SpecParser } from "./manifest.ts";
import { parseManifest } from "./parse.ts";

/** Stands in for the transports' folder: words without quotes, or a list of words. */
const words: SpecParser = {
  name: "cmd",
  parse(spec) {
    if (typeof spec === "string" && spec.trim() !== "") return spec.trim().split(/ +/);
    if (Array.isArray(spec) && spec.length > 0) {
      const wrong = spec.findIndex((word) => typeof word !== "string");
      if (wrong < 0) return spec;
      throw Object.assign(new Error("wanted a word"), { path: [wrong] });
    }
    throw Object.assign(new Error("the command is empty"), { path: [] });
  },
};

/** A second transport, for faults that need two. */
const other: SpecParser = { name: "ssh", parse: (spec) => spec };

/** The transports that tests know. */
export const transports: ReadonlyMap<string, SpecParser> = new Map([
  ["cmd", words],
  ["ssh", other],
]);

/** Environment variables; names that are absent are not set. */
export type Env = Readonly<Record<string, string>>;

/** Reads a manifest that is right. */
export function read(text: string, variables: Env = {}): Manifest {
  const env = (name: string) => variables[name];
  return parseManifest(text, { path: "mesh.yaml", transports, env });
}

/** All messages about a manifest, a line each. */
export function said(text: string, variables?: Env): string[] {
  return saidBy(() => read(text, variables));
}

/** The same for any way to make a manifest. */
export function saidBy(make: () => Manifest): string[] {
  let diagnostics;
  try {
    diagnostics = make().warnings;
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    diagnostics = error.diagnostics;
  }
  return diagnostics.map(formatDiagnostic);
}
