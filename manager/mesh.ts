/**
 * Starting a mesh: from a manifest, in whichever form, to a running mesh.
 *
 * @module
 */

import type { Manifest } from "../manifest/manifest.ts";
import {
  type Diagnostic,
  formatDiagnostic,
  formatPosition,
  ManifestError,
} from "../manifest/source/diagnostic.ts";
import type { Mesh, MeshOptions } from "./contract.ts";
import { withFreeVips } from "./free_vips.ts";
import { isParsed, Reading } from "./reading.ts";
import { RunningMesh } from "./running_mesh.ts";
import { chanceName } from "./resume/mesh_name.ts";
import { StateFile } from "./resume/state_file.ts";

/**
 * Starts a mesh. Resolves as soon as the manifest is found right; `ready()` of the mesh
 * tells when its hosts are.
 *
 * @param manifest a path, an object in the shape of the YAML, or a parsed manifest.
 * @throws {ManifestError} with every fault of the manifest.
 * @throws {Error} if the file of `options.state` cannot be used.
 */
export async function startMesh(
  manifest: string | Manifest | Readonly<Record<string, unknown>>,
  options: MeshOptions = {},
): Promise<Mesh> {
  const reading = new Reading(options);
  if (isParsed(manifest)) return new RunningMesh(manifest, reading, options);
  const warn = (diagnostics: readonly Diagnostic[]) => {
    for (const warning of diagnostics) {
      if (warning.severity !== "warning") continue;
      options.onEvent?.({
        type: "manifest",
        level: "warn",
        at: formatPosition(warning.at),
        message: formatDiagnostic(warning),
      });
    }
  };
  const read = await reading.read(manifest).catch((error) => {
    // A warning may explain the error.
    if (error instanceof ManifestError) warn(error.diagnostics);
    throw error;
  });
  const parsed = read.manifest;
  warn(parsed.warnings);
  // Another object is another mesh, unless it is named.
  const { name = typeof manifest === "string" ? undefined : chanceName() } = options;
  const kept = options.state === undefined
    ? parsed
    : StateFile.open(options.state).withVips(parsed);
  return new RunningMesh(withFreeVips(kept), reading, {
    ...options,
    ...(name !== undefined && { name }),
  }, read.transports);
}
