/**
 * Starting a mesh: from a manifest, in whichever form, to what runs.
 *
 * @module
 */

import { loadManifest } from "../manifest/load.ts";
import type { Manifest } from "../manifest/manifest.ts";
import { manifestFromObject } from "../manifest/parse.ts";
import { readWithPlugins } from "../manifest/plugins.ts";
import { formatDiagnostic, formatPosition } from "../manifest/source/diagnostic.ts";
import { PluginSet } from "../transports/plugins/load.ts";
import { builtinTransports } from "../transports/registry.ts";
import type { Mesh, MeshOptions } from "./contract.ts";
import { withFreeVips } from "./free_vips.ts";
import { RunningMesh } from "./running_mesh.ts";

/**
 * Starts a mesh. It resolves as soon as the manifest is found right; `ready()` of the mesh
 * tells when its hosts are.
 *
 * @param manifest a path, a manifest as an object in the shape of the YAML, or one parsed
 * before.
 * @throws {ManifestError} with everything that is wrong with the manifest.
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
  const parsed = typeof manifest === "string"
    ? await loadManifest(manifest, { transports, plugins })
    : await readWithPlugins(".", plugins, (findPlugin) =>
      manifestFromObject(manifest, {
        path: "manifest",
        transports,
        env: (name) => Deno.env.get(name),
        ...(findPlugin && { findPlugin }),
      }));
  for (const plugin of plugins.transports) transports.set(plugin.name, plugin);
  for (const warning of parsed.warnings) {
    options.onEvent?.({
      type: "manifest",
      level: "warn",
      at: formatPosition(warning.at),
      message: formatDiagnostic(warning),
    });
  }
  return new RunningMesh(withFreeVips(parsed), transports, options);
}

/** In the YAML's shape `hosts` is an object. */
function isParsed(manifest: unknown): manifest is Manifest {
  return typeof manifest === "object" && manifest !== null && "hosts" in manifest &&
    Array.isArray(manifest.hosts);
}
