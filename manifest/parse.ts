/**
 * From text or an object to the checked manifest.
 *
 * @module
 */
import { readManifest } from "./document.ts";
import { withEdits } from "./edits.ts";
import type { Manifest, ParseOptions } from "./manifest.ts";
import { fromObject } from "./source/object.ts";
import { Report } from "./source/report.ts";
import { fromYaml } from "./source/yaml.ts";

/**
 * Reads and checks a manifest written in YAML.
 *
 * @throws {ManifestError} with all errors of the text at once.
 */
export function parseManifest(text: string, options: ParseOptions): Manifest {
  const report = new Report(options.path);
  return readManifest(
    withEdits(fromYaml(text, report, options), report, options),
    report,
    options,
  );
}

/**
 * Checks a manifest given as plain data, in the shape the YAML has. Positions in
 * messages are paths, such as `hosts.web.ports[0]`.
 *
 * @throws {ManifestError} with all errors of the object at once.
 */
export function manifestFromObject(value: unknown, options: ParseOptions): Manifest {
  const report = new Report(options.path);
  return readManifest(
    withEdits(fromObject(value, report), report, options),
    report,
    options,
  );
}
