/**
 * Reading: a manifest in whichever form, with the transports that its hosts name. A mesh
 * reads its next manifest as it read the first.
 *
 * @module
 */

import { loadManifest, loadManifestBytes, type Origin } from "../manifest/load.ts";
import type { HostEdits, Manifest } from "../manifest/manifest.ts";
import { manifestFromObject } from "../manifest/parse.ts";
import { readWithPlugins } from "../manifest/plugins.ts";
import { PluginSet } from "../transports/plugins/load.ts";
import type { Transport } from "../transports/mod.ts";
import { builtinTransports } from "../transports/registry.ts";

/** A path, an object in the shape of the YAML, or a parsed manifest. */
export type ManifestInput = string | Manifest | Readonly<Record<string, unknown>>;

/** A manifest, and what opens the links of its hosts. */
export interface ReadManifest {
  readonly manifest: Manifest;
  /** By name. */
  readonly transports: ReadonlyMap<string, Transport>;
  /** URLs of the files that were read besides, which are those of plug-ins. */
  readonly files: readonly string[];
}

/** The content of a manifest file, and what commands made of it. */
export interface ManifestSource {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly edits: HostEdits;
  /** If it is no file's content. */
  readonly origin?: Origin | undefined;
}

/** The powers of a {@linkcode Reading}. */
export interface ReadingOptions {
  /** Further transports; a built-in transport of the same name is replaced. */
  readonly transports?: readonly Transport[];
  /** Plug-ins from elsewhere that may be loaded, by URL. */
  readonly allowPlugins?: readonly string[];
}

/** Reads manifests. */
export class Reading {
  readonly #transports = new Map(builtinTransports);
  readonly #allowed: readonly string[];

  /** @throws {Error} if an allowed plug-in is none. */
  constructor({ transports = [], allowPlugins = [] }: ReadingOptions) {
    for (const transport of transports) this.#transports.set(transport.name, transport);
    this.#allowed = allowPlugins;
    new PluginSet({ allowed: allowPlugins });
  }

  /** Those that are there without plug-ins that a manifest names. */
  get transports(): ReadonlyMap<string, Transport> {
    return this.#transports;
  }

  /**
   * Reads and checks a manifest, and loads its plug-ins. One that was parsed already is
   * taken as it is.
   *
   * @throws {ManifestError} with every fault of the manifest.
   */
  async read(input: ManifestInput): Promise<ReadManifest> {
    if (isParsed(input)) {
      return { manifest: input, transports: this.#transports, files: [] };
    }
    const plugins = new PluginSet({ allowed: this.#allowed });
    return this.#with(await this.#readWhole(input, plugins), plugins);
  }

  /** The same for the bytes of a file. @throws {ManifestError} likewise. */
  async readSource(
    { path, bytes, edits, origin }: ManifestSource,
  ): Promise<ReadManifest> {
    const plugins = new PluginSet({ allowed: this.#allowed });
    const transports = this.#transports;
    const options = { transports, plugins, edits, origin };
    return this.#with(await loadManifestBytes(bytes, path, options), plugins);
  }

  #with(manifest: Manifest, plugins: PluginSet): ReadManifest {
    const transports = new Map(this.#transports);
    for (const plugin of plugins.transports) transports.set(plugin.name, plugin);
    return { manifest, transports, files: plugins.files };
  }

  async #readWhole(
    input: string | Readonly<Record<string, unknown>>,
    plugins: PluginSet,
  ): Promise<Manifest> {
    const transports = this.#transports;
    if (typeof input === "string") {
      return await loadManifest(input, { transports, plugins });
    }
    return await readWithPlugins(
      ".",
      plugins,
      (findPlugin) =>
        manifestFromObject(input, {
          path: "manifest",
          transports,
          env: (name) => Deno.env.get(name),
          ...(findPlugin && { findPlugin }),
        }),
    );
  }
}

/** In the YAML's shape `hosts` is an object. */
export function isParsed(manifest: unknown): manifest is Manifest {
  return typeof manifest === "object" && manifest !== null && "hosts" in manifest &&
    Array.isArray(manifest.hosts);
}
