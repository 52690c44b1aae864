/**
 * Loading a manifest for a command, and telling its faults.
 *
 * @module
 */
import {
  type Diagnostic,
  formatDiagnostic,
  ManifestError,
} from "../manifest/source/diagnostic.ts";
import { loadManifestBytes, type Origin, readManifest } from "../manifest/load.ts";
import type { Manifest } from "../manifest/manifest.ts";
import type { Transport } from "../transports/mod.ts";
import { PluginSet } from "../transports/plugins/load.ts";
import { builtinTransports } from "../transports/registry.ts";
import { stderr } from "./console/console.ts";
import { openLog } from "./console/log.ts";
import type { GlobalOptions } from "./options.ts";

/** A manifest, if usable, and its diagnostics. */
export interface Loaded {
  /** Undefined if the manifest is wrong. */
  readonly manifest: Manifest | undefined;
  /** In the order of the file. */
  readonly diagnostics: readonly Diagnostic[];
  /** The plug-ins of the manifest. */
  readonly plugins: readonly Transport[];
  /** The content of the file; empty if it could not be read. */
  readonly bytes: Uint8Array;
  /** Whether it was read from a regular file. */
  readonly isRegular: boolean;
  /** URLs of the files that were read besides. */
  readonly files: readonly string[];
  /** Where the content comes from, if it is no file's. */
  readonly origin?: Origin | undefined;
}

/**
 * Loads the file that the user named, and its plug-ins; for `isCheck` only those that the
 * command line allows.
 */
export async function load(
  file: string,
  { allowPlugin = [] }: GlobalOptions,
  { isCheck = false, bytes: given, origin }: {
    readonly isCheck?: boolean;
    /** The content, if there is no file. */
    readonly bytes?: Uint8Array;
    /** Where that comes from. */
    readonly origin?: Origin;
  } = {},
): Promise<Loaded> {
  const plugins = new PluginSet({ allowed: allowPlugin, isCheck });
  let bytes = given ?? new Uint8Array();
  let isRegular = false;
  try {
    if (!given) ({ bytes, isRegular } = await readManifest(file));
    const options = { transports: builtinTransports, plugins, origin };
    const manifest = await loadManifestBytes(bytes, file, options);
    const { transports, files } = plugins;
    const diagnostics = manifest.warnings;
    return {
      manifest,
      diagnostics,
      plugins: transports,
      bytes,
      isRegular,
      files,
      origin,
    };
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    const { diagnostics } = error;
    return { manifest: undefined, diagnostics, plugins: [], bytes, isRegular, files: [] };
  }
}

/**
 * Prints diagnostics on stderr, for people in the form that editors recognise:
 * `mesh.yaml:12:7: error: …`.
 */
export function printDiagnostics(
  diagnostics: readonly Diagnostic[],
  options: GlobalOptions,
): void {
  if (options.logFormat === "json") {
    const log = openLog(options);
    for (const { severity, at, message } of diagnostics) {
      const level = severity === "error" ? severity : "warn";
      log.event({ level, type: "manifest", message }, { ...at });
    }
    return;
  }
  for (const diagnostic of diagnostics) {
    const color = diagnostic.severity === "error" ? 31 : 33;
    stderr.line([color, formatDiagnostic(diagnostic)]);
  }
}
