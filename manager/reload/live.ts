/**
 * A mesh whose manifest is a file, changed while it runs: the file is read again, and hosts
 * come and go by command.
 *
 * The *source* in force is the content of the file with the *edits* of commands. A command
 * changes the edits only, so that it works while the file is being written; a reload takes
 * the file's new content. Then hosts that commands added stay, unless they do not go with
 * the manifest any more, which is told; hosts of the manifest that a command ended come back.
 * A rule that is saved is written into the file, whose content then is in force. With an
 * error nothing changes. One thing happens after the other.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { replaceFile } from "../../agent/name_files/replace_file.ts";
import { type Origin, readManifestBytesAgain } from "../../manifest/load.ts";
import { type HostRule, isSameRule, rulesIn } from "../../manifest/added_rules.ts";
import type { HostEdits, Manifest } from "../../manifest/manifest.ts";
import { withSavedRule } from "../../manifest/saved_rule.ts";
import { decodeManifest } from "../../manifest/source/decode.ts";
import {
  formatDiagnostic,
  formatPosition,
  ManifestError,
} from "../../manifest/source/diagnostic.ts";
import { readRegular } from "../../manifest/source/regular_file.ts";
import { isDescriptorShortage } from "../../transports/command/descriptor_limit.ts";
import type { Transport } from "../../transports/mod.ts";
import type { MeshEvent } from "../events.ts";
import { type ManifestSource, Reading, type ReadManifest } from "../reading.ts";
import type { MeshChange } from "./change.ts";
import type { LiveRules } from "./live_rules.ts";
import { RefusedError } from "./refused.ts";
import { faultsOf, reloadFailedEvent } from "./told.ts";

/** What is changed. */
export interface LiveMesh {
  readonly manifest: Manifest;
  readonly hosts: ReadonlyMap<string, unknown>;
  /** Rules that come and go. */
  readonly rules: LiveRules;
  /** Goes by another manifest, and tells so. */
  change(
    manifest: Manifest,
    transports: ReadonlyMap<string, Transport>,
  ): MeshChange;
  /** Starts a host anew; false if there is none. */
  restart(host: string): boolean;
  /** Tells an event. */
  tell(event: MeshEvent): void;
}

/** The start of a {@linkcode Live}. */
export interface LiveOptions {
  /** The manifest's file; `-` for standard input, which cannot be read again. */
  readonly path: string;
  /** The content that is in force. */
  readonly bytes: Uint8Array;
  /** Where the content comes from, if there is no file. */
  readonly origin?: Origin | undefined;
  /** URLs of the files that were read besides. */
  readonly files?: readonly string[];
  /** Plug-ins from elsewhere that may be loaded. */
  readonly allowPlugins?: readonly string[];
}

const NO_EDITS: HostEdits = { added: new Map(), removed: new Set() };

/** Changes a mesh. */
export class Live {
  readonly #mesh: LiveMesh;
  readonly #reading: Reading;
  #source: ManifestSource;
  #files: readonly string[];
  /** That of the content that was looked at last, be it right or wrong. */
  #seen: string | undefined;
  #isMissing = false;
  /** Whether the last look met a shortage of descriptors. */
  #wasShort = false;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(mesh: LiveMesh, options: LiveOptions) {
    const { path, bytes, origin, files = [], allowPlugins } = options;
    this.#mesh = mesh;
    this.#reading = new Reading(allowPlugins ? { allowPlugins } : {});
    this.#source = { path, bytes, edits: NO_EDITS, origin };
    this.#files = files;
    this.#turn = this.#fingerprint(bytes).then((seen) => this.#seen = seen);
  }

  /** The manifest's file. */
  get path(): string {
    return this.#source.path;
  }

  /** URLs of the files that were read besides. */
  get files(): readonly string[] {
    return this.#files;
  }

  /**
   * Reads the file again and goes by it. A failure is told as an event, too.
   *
   * @throws {ManifestError} with every fault, and nothing has changed.
   * @throws {Error} if the file cannot be read again.
   */
  reload(): Promise<MeshChange> {
    return this.#inTurn(async () => {
      const before = this.#seen;
      try {
        const bytes = await this.#read();
        this.#seen = await this.#fingerprint(bytes);
        return await this.#take(bytes);
      } catch (error) {
        if (isDescriptorShortage(error)) this.#seen = before;
        this.#mesh.tell(reloadFailedEvent(error));
        throw error;
      }
    });
  }

  /**
   * Reads the file again if its content is not that of the last look. Never rejects: what
   * is wrong is told, once for each content.
   *
   * @returns whether to look again soon, since the file is not there, as editors take it
   * away for a moment, or since descriptors are short.
   */
  look(): Promise<boolean> {
    return this.#inTurn(async () => {
      let bytes: Uint8Array;
      try {
        bytes = await this.#read();
      } catch (error) {
        if (isDescriptorShortage(error)) return this.#isShort(error);
        if (!this.#isMissing) {
          this.#isMissing = true;
          return true;
        }
        this.#failed(error, `missing ${(error as Error).message}`);
        return false;
      }
      this.#isMissing = false;
      const seen = await this.#fingerprint(bytes);
      const before = this.#seen;
      if (seen === before) return this.#wasShort = false;
      try {
        this.#seen = seen;
        await this.#take(bytes);
        this.#wasShort = false;
      } catch (error) {
        if (isDescriptorShortage(error)) {
          this.#seen = before;
          return this.#isShort(error);
        }
        this.#wasShort = false;
        this.#mesh.tell(reloadFailedEvent(error));
      }
      return false;
    });
  }

  /**
   * Adds a host: `text` is what stands behind the name in a manifest.
   *
   * @throws {RefusedError} if there is a host of that name.
   * @throws {ManifestError} with every fault, and nothing has changed.
   */
  addHost(name: string, text: string): Promise<MeshChange> {
    return this.#inTurn(() => {
      if (this.#mesh.hosts.has(name)) {
        throw new RefusedError(`There is a host "${name}" already`);
      }
      const { edits: { added, removed } } = this.#source;
      return this.#edit({ added: new Map(added).set(name, text), removed });
    });
  }

  /**
   * Ends a host, one of the manifest until that is read again.
   *
   * @throws {RefusedError} if there is none, or if nothing would be left.
   * @throws {ManifestError} if the manifest needs the host, such as for a route.
   */
  removeHost(name: string): Promise<MeshChange> {
    return this.#inTurn(() => {
      this.#mustHave(name);
      if (this.#mesh.hosts.size === 1) {
        throw new RefusedError(
          `"${name}" is the only host; "norouter down" ends the mesh`,
        );
      }
      const added = new Map(this.#source.edits.added);
      const removed = new Set(this.#source.edits.removed);
      if (!added.delete(name)) removed.add(name);
      return this.#edit({ added, removed });
    });
  }

  /** Ends a host and starts it anew. @throws {RefusedError} if there is none. */
  restartHost(name: string): Promise<void> {
    return this.#inTurn(() => {
      this.#mustHave(name);
      this.#mesh.restart(name);
      return Promise.resolve();
    });
  }

  /**
   * Writes a rule into the manifest's file, and goes by that. A rule that was added before
   * is the manifest's from then on.
   *
   * @throws {RefusedError} if the rule stands there, or cannot be written.
   * @throws {ManifestError} if the file was changed and has faults, or the rule has some,
   * and nothing has changed.
   */
  saveRule(rule: HostRule): Promise<MeshChange> {
    return this.#inTurn(async () => {
      const { path, edits } = this.#source;
      if (path === "-") {
        throw new RefusedError(
          "There is no file to write the rule into: the manifest came from standard " +
            "input or the command line",
        );
      }
      if (edits.added.has(rule.host)) {
        throw new RefusedError(
          `"${rule.host}" was added by command, and ${path} does not have it`,
        );
      }
      const bytes = await this.#read();
      const { manifest } = await this.#reading.readSource({ path, bytes, edits });
      const there = rulesIn(manifest).find((each) => isSameRule(each, rule));
      if (there) {
        throw new RefusedError(`It stands at ${formatPosition(there.at)} already`);
      }
      this.#mesh.rules.check(manifest, rule);
      const { text } = decodeManifest(bytes, path);
      const isMarked = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
      const written = new TextEncoder().encode(
        (isMarked ? "\ufeff" : "") + withSavedRule(text, rule),
      );
      const source = { path, bytes: written, edits };
      const read = await this.#reading.readSource(source);
      await replaceFile(path, written, { mode: 0o644, isSystemFile: true });
      // So that the watch finds nothing new.
      this.#seen = await this.#fingerprint(written);
      return this.#go(source, read);
    });
  }

  /** Whether a host was added by command. */
  isAdded(name: string): boolean {
    return this.#source.edits.added.has(name);
  }

  #mustHave(name: string): void {
    if (this.#mesh.hosts.has(name)) return;
    const names = [...this.#mesh.hosts.keys()].join(", ");
    throw new RefusedError(`There is no host "${name}"; there are ${names}`, {
      isMissing: true,
    });
  }

  async #edit(edits: HostEdits): Promise<MeshChange> {
    const source = { ...this.#source, edits };
    return this.#go(source, await this.#reading.readSource(source));
  }

  /** Goes by another content of the file, with what it leaves of the edits. */
  async #take(bytes: Uint8Array): Promise<MeshChange> {
    const { path, edits: { added } } = this.#source;
    const plain = { path, bytes, edits: NO_EDITS };
    let source: ManifestSource = { ...plain, edits: { ...NO_EDITS, added } };
    try {
      return this.#go(source, await this.#reading.readSource(source));
    } catch (error) {
      if (!(error instanceof ManifestError) || added.size === 0) throw error;
    }
    let read = await this.#reading.readSource(plain);
    source = plain;
    const lost: [host: string, why: string][] = [];
    for (const [host, text] of added) {
      const kept = new Map(source.edits.added).set(host, text);
      const more = { ...source, edits: { ...NO_EDITS, added: kept } };
      try {
        read = await this.#reading.readSource(more);
        source = more;
      } catch (error) {
        if (!(error instanceof ManifestError)) throw error;
        lost.push([host, faultsOf(error).map(formatDiagnostic).join("; ")]);
      }
    }
    const change = this.#go(source, read);
    for (const [host, why] of lost) {
      const message = `"${host}", which was added by command, does not go with ${path} ` +
        `any more: ${why}`;
      this.#mesh.tell({ type: "warning", level: "warn", host, message });
    }
    return change;
  }

  #go(source: ManifestSource, { manifest, transports, files }: ReadManifest): MeshChange {
    const change = this.#mesh.change(manifest, transports);
    this.#source = source;
    this.#files = files;
    return change;
  }

  /** Tells a shortage, once until it is over; true. */
  #isShort(error: unknown): true {
    if (!this.#wasShort) this.#mesh.tell(reloadFailedEvent(error, { isAgain: true }));
    this.#wasShort = true;
    return true;
  }

  #failed(error: unknown, seen: string): void {
    if (seen === this.#seen) return;
    this.#seen = seen;
    this.#mesh.tell(reloadFailedEvent(error));
  }

  async #read(): Promise<Uint8Array> {
    const { path } = this.#source;
    if (path === "-") {
      throw new Error(
        "There is no file to be read again: the manifest came from standard input or the " +
          "command line",
      );
    }
    return await readManifestBytesAgain(path);
  }

  /** Of the manifest's content and the plug-ins'. */
  async #fingerprint(bytes: Uint8Array): Promise<string> {
    const parts = [bytes];
    for (const file of this.#files) {
      parts.push(await readRegular(fileURLToPath(file)).catch(() => new Uint8Array()));
    }
    // At once, so that nothing of it is under way when the mesh is over.
    return parts.map((part) => createHash("sha256").update(part).digest("hex")).join(" ");
  }

  /** Settles when nothing of it is under way. Never rejects. */
  async settled(): Promise<void> {
    await this.#turn.catch(() => {});
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(task);
    this.#turn = done.catch(() => {});
    return done;
  }
}
