/**
 * Plug-ins that a manifest names: the lock `plugins`, which says which code may run, and
 * the two readings of a manifest with plug-ins.
 *
 *   plugins:
 *     "https://example.com/far.ts": "sha256:…64 hexadecimal digits…"
 *     "npm:norouter-far@1.2.3": registry     # what the registry gives for this version
 *
 * Checking a manifest is synchronous and loading code is not. So the manifest is read
 * first as if every plug-in took any value, then its plug-ins are loaded, and then the
 * manifest is read again. No code is loaded for a manifest that is wrong already.
 *
 * @module
 */
import type { Position } from "./source/diagnostic.ts";
import type {
  Manifest,
  PluginLock,
  PluginProblem,
  PluginUse,
  SpecParser,
} from "./manifest.ts";
import type { Report } from "./source/report.ts";
import { describe, type Entry, quote } from "./source/value.ts";

/** A loader of plug-ins. */
export interface PluginLoader {
  /** Loads these, each once, and keeps the results for `find`. Never rejects. */
  load(named: readonly PluginUse[], base: string): Promise<void>;
  /** The parser of a plug-in that was loaded, or why there is none. */
  find(named: PluginUse): SpecParser | PluginProblem;
}

/**
 * Reads a manifest that may name plug-ins.
 *
 * @param base the folder that relative paths begin at.
 * @param read reads the manifest synchronously, given the function that finds plug-ins.
 * @throws {ManifestError} as `read` does.
 */
export async function readWithPlugins(
  base: string,
  loader: PluginLoader | undefined,
  read: (find?: (named: PluginUse) => SpecParser | PluginProblem) => Manifest,
): Promise<Manifest> {
  if (!loader) return read();
  const named = new Map<string, PluginUse>();
  const manifest = read((use) => {
    named.set(use.specifier, use);
    return { name: use.specifier, parse: (spec) => spec };
  });
  if (named.size === 0) return manifest;
  await loader.load([...named.values()], base);
  return read((use) => loader.find(use));
}

/** The plug-ins of a manifest: their locks, and the loader that knows their parsers. */
export class Plugins {
  readonly #locks: ReadonlyMap<string, PluginLock & { readonly keyAt: Position }>;
  readonly #find: ((named: PluginUse) => SpecParser | PluginProblem) | undefined;
  readonly #report: Report;
  readonly #used = new Set<string>();

  /** Reads `plugins`. */
  constructor(
    entry: Entry | undefined,
    find: ((named: PluginUse) => SpecParser | PluginProblem) | undefined,
    report: Report,
  ) {
    this.#locks = new Map(readLocks(entry, report));
    this.#find = find;
    this.#report = report;
  }

  /** The parser of a plug-in that a host names; a problem found instead is reported. */
  parserOf(specifier: string, at: Position): SpecParser | undefined {
    this.#used.add(specifier);
    const lock = this.#locks.get(specifier);
    const found: SpecParser | PluginProblem = this.#find
      ? this.#find({ specifier, ...(lock && { lock }) })
      : {
        isError: true,
        problem:
          `the plug-in ${quote(specifier)} is not loaded here, where manifests are ` +
          `only parsed`,
      };
    if ("parse" in found) return found;
    if (found.isError) this.#report.error(at, found.problem);
    else this.#report.warn(at, found.problem);
    return undefined;
  }

  /**
   * Warns of locks that guard nothing, as a misspelt lock does.
   */
  warnOfUnused(): void {
    for (const [specifier, { keyAt }] of this.#locks) {
      if (this.#used.has(specifier)) continue;
      const message =
        `no host has the transport ${quote(specifier)}, exactly so, which ` +
        `"plugins" names`;
      this.#report.warn(keyAt, message, { failsCheck: true });
    }
  }
}

function* readLocks(
  entry: Entry | undefined,
  report: Report,
): Iterable<[string, PluginLock & { keyAt: Position }]> {
  if (!entry) return;
  const { value: map } = entry;
  if (map.kind !== "map") {
    const wanted = "wanted a map from plug-ins to their locks";
    return report.error(map.at, `"plugins" is ${describe(map)}; ${wanted}`);
  }
  for (const { key, keyAt, value } of map.entries.values()) {
    const { at } = value;
    const isRegistry = /^(jsr|npm):/.test(key);
    const text = value.kind === "scalar" ? value.text : "";
    const [, sha256] = /^sha256:([0-9a-f]{64})$/i.exec(text) ?? [];
    if (isRegistry && text === "registry") yield [key, { at, keyAt }];
    else if (!isRegistry && sha256) {
      yield [key, { sha256: sha256.toLowerCase(), at, keyAt }];
    } else {
      const wanted = isRegistry
        ? `"registry", as packages are locked by their exact version`
        : `"sha256:" and 64 hexadecimal digits`;
      report.error(
        at,
        `the lock of ${quote(key)} is ${describe(value)}; wanted ${wanted}`,
      );
    }
  }
}
