/**
 * The whole manifest: hostTemplate, hosts, routes and policy, and the rules between hosts.
 *
 * @module
 */
import { formatPosition } from "./source/diagnostic.ts";
import { checkEgress } from "./egress.ts";
import { readFields } from "./fields.ts";
import { readHost, readTemplate } from "./host.ts";
import type { HostSpec, Manifest, ParseOptions } from "./manifest.ts";
import { Names } from "./names.ts";
import { Plugins } from "./plugins.ts";
import { warnOfIdleRules } from "./policy_reach.ts";
import { readPolicy } from "./policy_rules.ts";
import { warnOfNothing, warnOfUnreachable } from "./reach.ts";
import type { Report } from "./source/report.ts";
import { checkResolveFor } from "./resolve_for.ts";
import { readRoutes } from "./routes.ts";
import {
  describe,
  type Entry,
  isNull,
  type MapValue,
  quote,
  type Value,
} from "./source/value.ts";
import { warnOfUnusedRoutes } from "./use.ts";
import { assignVips, refuseVipsOutsideLoopback } from "./vips.ts";
import { refuseManyPorts } from "./ports.ts";

const EXAMPLE = `wanted at least one, see "norouter show-example"`;

/** Checks a located value to be a manifest. */
export function readManifest(
  root: Value,
  report: Report,
  options: ParseOptions,
): Manifest {
  if (isNull(root)) {
    report.missing(root.at, `the manifest is empty; hosts are missing, ${EXAMPLE}`);
  } else if (root.kind !== "map") {
    report.error(root.at, `the manifest is ${describe(root)}; wanted a map with "hosts"`);
  }
  if (root.kind !== "map") return impossible(report);

  const known = ["hostTemplate", "hosts", "routes", "policy", "plugins"];
  const fields = readFields(withoutExtensions(root), known, report, "the manifest");
  const { transports, env, folder = "." } = options;
  const plugins = new Plugins(fields.get("plugins"), options.findPlugin, report);
  const context = { report, transports, folder, plugins, env, names: new Names(report) };
  const template = readTemplate(fields.get("hostTemplate"), context);
  const entries = [...hostEntries(root, report)];
  const drafts = entries.flatMap((entry) => readHost(entry, template, context) ?? []);
  plugins.warnOfUnused();
  checkResolveFor(drafts, report);
  refuseManyPorts(drafts, report);
  const hosts = assignVips(drafts, report);
  oneThisMachine(hosts, { entries, transports: [...transports.keys()], report });
  refuseVipsOutsideLoopback(drafts, report);
  const routed = fields.get("routes");
  const routes = readRoutes(routed, hosts, report);
  if (routed) warnOfUnusedRoutes({ hosts, routes }, routed.keyAt, report);
  checkEgress(hosts, routes, report);
  const policy = readPolicy(fields.get("policy"), { hosts, routes }, report);
  warnOfUnreachable(hosts, routes, report);
  warnOfNothing(hosts, routes, report);
  if (policy) warnOfIdleRules(policy, { hosts, routes }, report);
  const warnings = report.finish();
  return { path: options.path, hosts, routes, ...(policy && { policy }), warnings };
}

/** Fields that begin with `x-` are the user's, to hold anchors, as in Compose. */
function withoutExtensions(root: MapValue): MapValue {
  const entries = [...root.entries].filter(([key]) => !key.startsWith("x-"));
  return { ...root, entries: new Map(entries) };
}

function hostEntries(root: MapValue, report: Report): Iterable<Entry> {
  const entry = root.entries.get("hosts");
  if (!entry) {
    report.missing(root.at, `"hosts" is missing; ${EXAMPLE}`);
    return [];
  }
  const { keyAt, value } = entry;
  if (value.kind === "map" && value.entries.size > 0) return value.entries.values();
  if (value.kind === "map" || isNull(value)) {
    report.missing(keyAt, `"hosts" is empty; ${EXAMPLE}`);
  } else {
    const found = describe(value);
    report.error(value.at, `"hosts" is ${found}; wanted a map from names to hosts`);
  }
  return [];
}

/**
 * The host without a command is the manager's own machine, and the only such host. Where
 * a second host lacks a command because its transport is misspelt or empty, that
 * transport is the error.
 */
function oneThisMachine(
  hosts: readonly HostSpec[],
  { entries, transports, report }: {
    readonly entries: readonly Entry[];
    readonly transports: readonly string[];
    readonly report: Report;
  },
): void {
  const local = hosts.filter(({ transport }) => !transport);
  const meant = new RegExp(`^unknown field .*did you mean "(${transports.join("|")})"`);
  const others: HostSpec[] = [];
  const byName = new Map(entries.map((entry) => [entry.key, entry]));
  for (const host of local) {
    const { value } = byName.get(host.name)!;
    const fields = value.kind === "map" ? [...value.entries.values()] : [];
    // An empty "cmd" is how NoRouter's manifests may have this machine.
    const empty = fields.find(({ key, value }) =>
      key !== "cmd" && transports.includes(key) && isNull(value)
    );
    if (local.length > 1 && fields.some(({ keyAt }) => report.blame(keyAt, meant))) {
      continue;
    }
    if (!empty) others.push(host);
    else if (local.length > 1) {
      report.error(empty.keyAt, `${quote(empty.key)} of ${quote(host.name)} is empty`);
    } else {
      const message =
        `${quote(empty.key)} is empty, so that ${quote(host.name)} is this ` +
        `machine`;
      report.warn(empty.keyAt, message, { failsCheck: true });
    }
  }
  const [first, ...more] = others;
  for (const { name, at } of more) {
    report.missing(
      at,
      `${quote(name)} has no "cmd" or other way to it, so it would be this machine, ` +
        `which ${quote(first!.name)} already is (${formatPosition(first!.at)})`,
    );
  }
}

function impossible(report: Report): never {
  report.finish();
  throw new Error("a manifest that is not a map was not reported");
}
