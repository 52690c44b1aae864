/**
 * Starting a mesh: from a manifest, in whichever form, to a running mesh.
 *
 * @module
 */

import { loadManifest } from "../manifest/load.ts";
import type { Manifest } from "../manifest/manifest.ts";
import { manifestFromObject } from "../manifest/parse.ts";
import { readWithPlugins } from "../manifest/plugins.ts";
import {
  type Diagnostic,
  formatDiagnostic,
  formatPosition,
  ManifestError,
} from "../manifest/source/diagnostic.ts";
import { PluginSet } from "../transports/plugins/load.ts";
import type { Transport } from "../transports/mod.ts";
import { builtinTransports } from "../transports/registry.ts";
import type { Mesh, MeshOptions } from "./contract.ts";
import { withFreeVips } from "./free_vips.ts";
import { RunningMesh } from "./running_mesh.ts";
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
  const transports = new Map(builtinTransports);
  for (const transport of options.transports ?? []) {
    transports.set(transport.name, transport);
  }
  if (isParsed(manifest)) return new RunningMesh(manifest, transports, options);
  const plugins = new PluginSet({ allowed: options.allowPlugins ?? [] });
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
  const parsed = await readWhole(manifest, transports, plugins).catch((error) => {
    // A warning may explain the error.
    if (error instanceof ManifestError) warn(error.diagnostics);
    throw error;
  });
  for (const plugin of plugins.transports) transports.set(plugin.name, plugin);
  warn(parsed.warnings);
  // Another object is another mesh, unless it is named.
  const { name = typeof manifest === "string" ? undefined : crypto.randomUUID() } =
    options;
  const kept = options.state === undefined
    ? parsed
    : StateFile.open(options.state).withVips(parsed);
  return new RunningMesh(withFreeVips(kept), transports, {
    ...options,
    ...(name !== undefined && { name }),
  });
}

async function readWhole(
  manifest: string | Readonly<Record<string, unknown>>,
  transports: ReadonlyMap<string, Transport>,
  plugins: PluginSet,
): Promise<Manifest> {
  if (typeof manifest === "string") {
    return await loadManifest(manifest, { transports, plugins });
  }
  return await readWithPlugins(
    ".",
    plugins,
    (findPlugin) =>
      manifestFromObject(manifest, {
        path: "manifest",
        transports,
        env: (name) => Deno.env.get(name),
        ...(findPlugin && { findPlugin }),
      }),
  );
}

/** In the YAML's shape `hosts` is an object. */
function isParsed(manifest: unknown): manifest is Manifest {
  return typeof manifest === "object" && manifest !== null && "hosts" in manifest &&
    Array.isArray(manifest.hosts);
}
