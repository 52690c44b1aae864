/**
 * Loads plug-ins: transports that a manifest names by a path or URL.
 *
 * A manifest's `cmd` runs any command, so a file of this machine that the manifest names
 * needs no more trust than the manifest itself, and is loaded. Code from elsewhere can
 * change after the manifest was read and trusted. Such code is loaded with consent only:
 * of the command line, or of the manifest's lock.
 *
 * | | in the lock | without a lock, allowed | without both |
 * |---|---|---|---|
 * | file | its bytes, from memory | imported | imported |
 * | URL | its bytes, from memory | its bytes, from memory | fetched for its hash, refused |
 * | package | imported | imported | refused |
 *
 * "From memory" is a `blob:` of the very bytes that were hashed, so that nothing can be
 * exchanged in between. Such a plug-in is a single file: relative imports have no base.
 * Imports by `npm:`, `jsr:` or `https:` are not in its hash. A package's exact version
 * stands for its code because registries never change a version; its dependencies are
 * those that the registry resolves.
 *
 * `check` is asked about manifests that nobody trusts yet. The check runs no plug-in, not
 * even a file, unless the command line allows that, and asks servers only for locked
 * files, to compare.
 *
 * @module
 */
import { stripTypeScriptTypes } from "node:module";
import { formatPosition } from "../../manifest/source/diagnostic.ts";
import type { PluginProblem, PluginUse, SpecParser } from "../../manifest/manifest.ts";
import type { Transport } from "../mod.ts";
import { type PluginBytes, readPlugin } from "./bytes.ts";
import { firstLine, transportOf } from "./contract.ts";
import { type PluginPlace, pluginPlace } from "./place.ts";
import { withoutColors } from "../../wire/text.ts";

/** How long a plug-in may take to come, and then to be loaded, in milliseconds. */
const LIMIT = 30_000;

/** The powers of a {@linkcode PluginSet}. */
export interface PluginOptions {
  /** The plug-ins that may be loaded; a relative path begins at the working directory. */
  readonly allowed?: readonly string[];
  /** Whether only those are run, because the manifest is not trusted: for `check`. */
  readonly isCheck?: boolean;
  /** Whether this is the compiled form, which imports nothing but `blob:`. */
  readonly isCompiled?: boolean;
  /** Milliseconds to fetch a plug-in, and as many to load. */
  readonly limit?: number;
}

/** The plug-ins of a manifest. */
export class PluginSet {
  readonly #allowed: ReadonlySet<string>;
  readonly #isCheck: boolean;
  readonly #isCompiled: boolean;
  readonly #limit: number;
  readonly #found = new Map<string, Transport | PluginProblem>();
  readonly #files = new Set<string>();

  /**
   * None yet.
   *
   * @throws {Error} if an allowed name is no plug-in.
   */
  constructor(options: PluginOptions = {}) {
    const { allowed = [], isCheck = false, limit = LIMIT } = options;
    this.#allowed = new Set(allowed.map((each) => pluginPlace(each, ".").href));
    this.#isCheck = isCheck;
    this.#isCompiled = options.isCompiled ?? Deno.build.standalone;
    this.#limit = limit;
  }

  /** Those that were loaded, each named by its URL. */
  get transports(): readonly Transport[] {
    return [...this.#found.values()].filter((found) => "parse" in found);
  }

  /** URLs of the files of this machine that were looked at. */
  get files(): readonly string[] {
    return [...this.#files];
  }

  /** Loads these, if that is allowed. Never rejects. */
  async load(named: readonly PluginUse[], base: string): Promise<void> {
    await Promise.all(named.map(async (use) => {
      let found: Transport | PluginProblem;
      try {
        const place = pluginPlace(use.specifier, base);
        if (place.kind === "file") this.#files.add(place.href);
        found = await this.#load(place, use.lock);
      } catch (error) {
        found = { problem: (error as Error).message, isError: true };
      }
      this.#found.set(use.specifier, found);
    }));
  }

  /** The result of loading a plug-in. */
  find({ specifier }: PluginUse): SpecParser | PluginProblem {
    const problem = `the plug-in ${specifier} was not loaded`;
    return this.#found.get(specifier) ?? { problem, isError: true };
  }

  async #load(
    place: PluginPlace,
    lock: PluginUse["lock"],
  ): Promise<Transport | PluginProblem> {
    const { kind, href } = place;
    const isAllowed = this.#allowed.has(href);
    if (kind === "package" && this.#isCompiled) {
      throw new Error(
        `the plug-in ${href} is a package, which the compiled program cannot load; wanted ` +
          `one file, by path or https:, or norouter run by deno`,
      );
    }
    const isTrusted = isAllowed || kind === "file" || lock !== undefined;
    const isRun = isAllowed || isTrusted && !this.#isCheck;
    const isRead = kind !== "package" && (isTrusted || !this.#isCheck);
    const read = isRead ? await this.#read(place, isTrusted) : undefined;
    if (lock?.sha256 && read && read.sha256 !== lock.sha256) {
      throw new Error(
        `the plug-in ${href} is not the one that is locked at ${
          formatPosition(lock.at)
        }: ` +
          `its sha256 is ${read.sha256}, wanted ${lock.sha256}`,
      );
    }
    if (isRun) return await this.#import(place, lock?.sha256 !== undefined, read);
    if (!this.#isCheck) {
      throw new Error(`the plug-in ${href} ${refusal(place, read)}`);
    }
    return {
      isError: false,
      problem:
        `the plug-in ${href} was not ${isRead ? "run" : "fetched or run"}, so that ` +
        `its values are not checked; "check" does that with ${flag(href)}`,
    };
  }

  async #read(place: PluginPlace, isTrusted: boolean): Promise<PluginBytes> {
    try {
      return await readPlugin(place, this.#limit);
    } catch (error) {
      const message = `the plug-in ${place.href} ${(error as Error).message}`;
      throw new Error(isTrusted ? message : `${message}, and ${refusal(place)}`, {
        cause: error,
      });
    }
  }

  async #import(
    { kind, href }: PluginPlace,
    isLocked: boolean,
    read: PluginBytes | undefined,
  ): Promise<Transport> {
    const isOneFile = kind === "url" || isLocked || kind === "file" && this.#isCompiled;
    const blob = isOneFile && read ? this.#blobOf(read, href) : undefined;
    const url = blob ? URL.createObjectURL(blob) : versionOf(href, read);
    const known = `${url.startsWith("blob:") ? "blob:" : ""}${href} ${read?.sha256}`;
    const before = made.get(known);
    if (before) {
      if (blob) URL.revokeObjectURL(url);
      return before;
    }
    let exports: object;
    try {
      exports = await this.#inTime(import(url));
    } catch (cause) {
      const why = whyNot(cause, url);
      throw new Error(`the plug-in ${href} cannot be loaded: ${why}`, { cause });
    } finally {
      if (blob) URL.revokeObjectURL(url);
    }
    const transport = transportOf(exports, href);
    made.set(known, transport);
    return transport;
  }

  #blobOf({ bytes, isTypeScript }: PluginBytes, href: string): Blob {
    if (!isTypeScript) return new Blob([bytes], { type: "text/javascript" });
    if (!this.#isCompiled) return new Blob([bytes], { type: "application/typescript" });
    try {
      const text = stripTypeScriptTypes(new TextDecoder().decode(bytes));
      return new Blob([text], { type: "text/javascript" });
    } catch (cause) {
      throw new Error(
        `the plug-in ${href} is TypeScript that the compiled program cannot read: ` +
          `${firstLine(cause)}; wanted JavaScript`,
        { cause },
      );
    }
  }

  async #inTime(loading: Promise<object>): Promise<object> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      late.reject(new Error(`it took more than ${this.#limit / 1000} s`));
    }, this.#limit);
    try {
      return await Promise.race([loading, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/**
 * The transports of plug-ins by their code. A manifest that is read again gets the same, by
 * which a mesh knows that a host has not changed.
 */
const made = new Map<string, Transport>();

/** Files that this process has imported, with their hashes. */
const imported = new Map<string, string>();

/**
 * A URL for the file's present content, as a module is imported once and then kept.
 */
function versionOf(href: string, read: PluginBytes | undefined): string {
  if (!read) return href;
  const before = imported.get(href) ?? read.sha256;
  imported.set(href, before);
  return before === read.sha256 ? href : `${href}?sha256=${read.sha256}`;
}

/** The fault, and its line of the plug-in. */
function whyNot(error: unknown, url: string): string {
  const text = error instanceof Error ? `${error.message}\n${error.stack}` : "";
  if (url.startsWith("blob:") && /relative URL|Import "\.{0,2}\//.test(text)) {
    return "it imports a relative path, and a plug-in that is locked or comes by URL is " +
      "one file";
  }
  const plain = withoutColors(text); // Deno colours places
  const at = plain.indexOf(`${url}:`);
  const [, line, column] = at < 0
    ? []
    : /^(\d+):(\d+)/.exec(plain.slice(at + url.length + 1)) ?? [];
  const place = line ? ` (line ${line}, column ${column})` : "";
  return firstLine(error).replace(/^(Type)?Error: (?=\w*Error: )/, "").replace(
    /^Error: /,
    "",
  ) + place;
}

/** Advice where consent is missing. */
function refusal({ href, kind }: PluginPlace, read?: PluginBytes): string {
  const lock = kind === "package" ? "registry" : `sha256:${read?.sha256 ?? "…"}`;
  return `is code from elsewhere, which runs with consent only: ` +
    `${flag(href)}, or in the manifest plugins: {"${href}": "${lock}"}`;
}

function flag(href: string): string {
  return `--allow-plugin ${href}`;
}
