/**
 * Rules that come and go while a mesh runs, on top of those of its manifest.
 *
 * They stay when the manifest changes, unless they do not go with it any more, which is
 * told, and end with the mesh. Rules of a host that has left the mesh come back with it.
 *
 * @module
 */

import {
  type HostRule,
  isSameRule,
  nameOfHost,
  readRule,
  type RuleKind,
  rulePlace,
  rulesIn,
  textOfRule,
  withRules,
} from "../../manifest/added_rules.ts";
import type { Manifest } from "../../manifest/manifest.ts";
import { formatRule, type ForwardRule } from "../../manifest/rule_text.ts";
import {
  formatDiagnostic,
  formatPosition,
  ManifestError,
} from "../../manifest/source/diagnostic.ts";
import type { MeshEvent } from "../events.ts";
import type { MeshChange } from "./change.ts";
import { RefusedError } from "./refused.ts";
import { faultsOf } from "./told.ts";

/** Whose rule is meant. */
export interface RuleOptions {
  /** Whether clients come from the mesh (`ingress`) or are on the host (`egress`). */
  readonly kind: RuleKind;
  /** The host's name. Default: the host that is this machine. */
  readonly host?: string | undefined;
}

/** A rule in force. */
export interface MeshRule {
  /** The host's name. */
  readonly host: string;
  /** Whether clients come from the mesh (`ingress`) or are on the host (`egress`). */
  readonly kind: RuleKind;
  /** The rule, such as `tcp:5432:db:5432`. */
  readonly rule: string;
  /** Whether the rule was added while the mesh ran; else it is of the manifest. */
  readonly added: boolean;
  /** Where it stands: `mesh.yaml:7:16`. */
  readonly at: string;
}

/** The rules of a running mesh. */
export interface MeshRules {
  /**
   * Adds a rule: `PROTOCOL:PORT:DESTINATION:PORT`, optionally with the address to listen
   * on in front of the port. Resolves with what changed as soon as the rule is in force;
   * agents hear of it at once. It stays over updates of the manifest.
   *
   * @throws {ManifestError} if the rule is wrong, or does not go with the mesh.
   * @throws {Error} if the host has the rule already, or if there is no such host.
   */
  add(rule: string | ForwardRule, options: RuleOptions): Promise<MeshChange>;
  /**
   * Takes back a rule that was added. Connections through it go on to their end.
   *
   * @throws {Error} if there is no such rule, or if it is the manifest's.
   */
  remove(rule: string | ForwardRule, options: RuleOptions): Promise<MeshChange>;
  /** The rules in force, those of the manifest included, by host. */
  list(): MeshRule[];
}

/** The mesh whose rules change. */
export interface RuledMesh {
  /** The manifest in force. */
  readonly manifest: Manifest;
  /** Goes by its manifest with these rules besides. @throws as `withRules` does. */
  rule(rules: readonly HostRule[]): MeshChange;
  tell(event: MeshEvent): void;
}

/** Keeps the rules that were added. */
export class LiveRules implements MeshRules {
  readonly #mesh: RuledMesh;
  #added: readonly HostRule[];
  /** Those of hosts that have left the mesh. */
  #waiting: readonly HostRule[] = [];

  constructor(mesh: RuledMesh, added: readonly HostRule[] = []) {
    this.#mesh = mesh;
    this.#added = added;
  }

  // deno-lint-ignore require-await -- a fault is a rejection
  async add(rule: string | ForwardRule, options: RuleOptions): Promise<MeshChange> {
    const wanted = this.meant(rule, options);
    const there = this.#find(wanted);
    if (there) {
      const message = `"${wanted.host}" has the ${wanted.kind} rule ` +
        `"${textOfRule(wanted)}" already (${formatPosition(there.at)})`;
      throw new RefusedError(message);
    }
    return this.#go([...this.#added, wanted], wanted);
  }

  // deno-lint-ignore require-await -- a fault is a rejection
  async remove(rule: string | ForwardRule, options: RuleOptions): Promise<MeshChange> {
    const wanted = this.meant(rule, options);
    const kept = this.#added.filter((each) => !isSameRule(each, wanted));
    if (kept.length < this.#added.length) return this.#go(kept);
    const text = textOfRule(wanted);
    const there = this.#find(wanted);
    if (there) {
      throw new RefusedError(
        `"${text}" was not added by command; it stands at ${formatPosition(there.at)}, ` +
          `and goes when it is taken out there`,
      );
    }
    const others = this.list().filter(({ host, kind }) =>
      host === wanted.host && kind === wanted.kind
    ).map(({ rule }) => rule);
    const has = others.length === 0 ? "it has none" : `it has ${others.join(", ")}`;
    const message = `"${wanted.host}" has no ${wanted.kind} rule "${text}"; ${has}`;
    throw new RefusedError(message, { isMissing: true });
  }

  list(): MeshRule[] {
    return rulesIn(this.#mesh.manifest).map((each) => ({
      host: each.host,
      kind: each.kind,
      rule: textOfRule(each),
      added: this.isAdded(each),
      at: formatPosition(each.at),
    }));
  }

  /** Whether the rule was added, and is not the manifest's. */
  isAdded(rule: HostRule): boolean {
    return this.#added.some((each) => isSameRule(each, rule));
  }

  /**
   * The rule that is meant, with its host.
   *
   * @throws {ManifestError} if the text is none.
   * @throws {RefusedError} if there is no such host.
   */
  meant(rule: string | ForwardRule, { kind, host }: RuleOptions): HostRule {
    const parsed = readRule(kind, rule);
    const { hosts } = this.#mesh.manifest;
    if (host === undefined) {
      const here = hosts.find(({ transport }) => !transport);
      if (here) return { host: here.name, kind, rule: parsed };
      throw new RefusedError(
        `This machine is no host of the mesh; name the host of the rule, or write ` +
          `"local: {}" into "hosts"`,
      );
    }
    const name = nameOfHost(host, this.#mesh.manifest);
    if (hosts.some((each) => each.name === name)) {
      return { host: name, kind, rule: parsed };
    }
    const names = hosts.map(({ name }) => name).join(", ");
    throw new RefusedError(`There is no host "${host}"; there are ${names}`, {
      isMissing: true,
    });
  }

  /**
   * Another manifest with the rules that were added, but for those that do not go with
   * it; `keep` gives these up, and tells so. Rules of hosts that are not there wait for them.
   */
  on(manifest: Manifest): { readonly manifest: Manifest; readonly keep: () => void } {
    const own = rulesIn(manifest);
    const isThere = ({ host }: HostRule) =>
      manifest.hosts.some(({ name }) => name === host);
    const all = [...this.#added, ...this.#waiting];
    const waiting = all.filter((rule) => !isThere(rule));
    // One that was written down meanwhile is the manifest's.
    const added = all.filter((rule) =>
      isThere(rule) && !own.some((each) => isSameRule(each, rule))
    );
    const kept: HostRule[] = [];
    const lost = waiting.filter((rule) => !this.#waiting.includes(rule)).map(
      goneWithHost,
    );
    const keep = () => {
      this.#added = kept;
      this.#waiting = waiting;
      for (const [host, message] of lost) {
        this.#mesh.tell({ type: "warning", level: "warn", host, message });
      }
    };
    try {
      const ruled = withRules(manifest, added);
      kept.push(...added);
      return { manifest: ruled, keep };
    } catch (error) {
      if (!(error instanceof ManifestError)) throw error;
    }
    let ruled = manifest;
    for (const rule of added) {
      try {
        ruled = withRules(manifest, [...kept, rule]);
        kept.push(rule);
      } catch (error) {
        if (!(error instanceof ManifestError)) throw error;
        const why = faultsOf(error).map(formatDiagnostic).join("; ");
        const message = `The ${rule.kind} rule "${textOfRule(rule)}", which was added ` +
          `by command, does not go with ${manifest.path} any more: ${why}`;
        lost.push([rule.host, message]);
      }
    }
    return { manifest: ruled, keep };
  }

  /** @throws {ManifestError} if a rule does not go with another manifest. */
  check(manifest: Manifest, rule: HostRule): void {
    const others = this.#added.filter((each) => !isSameRule(each, rule));
    withRules(manifest, [...others, rule]);
  }

  #find(rule: HostRule) {
    return rulesIn(this.#mesh.manifest).find((each) => isSameRule(each, rule));
  }

  #go(added: readonly HostRule[], fresh?: HostRule): MeshChange {
    const change = this.#mesh.rule(added);
    this.#added = added;
    if (!fresh) return change;
    for (const { at, message } of warningsOf(this.#mesh.manifest, fresh)) {
      this.#mesh.tell({ type: "manifest", level: "warn", at, message });
    }
    return change;
  }
}

/** What is told of a rule whose host has left the mesh. */
function goneWithHost(rule: HostRule): [host: string, message: string] {
  const message = `The ${rule.kind} rule "${textOfRule(rule)}", which was added by ` +
    `command, has left the mesh with "${rule.host}", and comes back with it`;
  return [rule.host, message];
}

/** What is doubtful about a rule that was added. */
export function warningsOf(
  { warnings }: Manifest,
  { kind, rule }: HostRule,
): { readonly at: string; readonly message: string }[] {
  const { file } = rulePlace(kind, formatRule(rule));
  return warnings.filter(({ at }) => at.file === file).map((warning) => ({
    at: formatPosition(warning.at),
    message: formatDiagnostic(warning),
  }));
}
