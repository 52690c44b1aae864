/**
 * A host of the manifest, or the template that all of them begin with.
 *
 * @module
 */
import { collide } from "./address.ts";
import { formatPosition } from "./source/diagnostic.ts";
import { type Fields, readFields, readList, readText } from "./fields.ts";
import type { HostDraft } from "./draft.ts";
import { refuseOtherAddresses } from "./ingress.ts";
import { parseListen } from "./listen.ts";
import type { ProxySpec, SpecParser } from "./manifest.ts";
import type { Names } from "./names.ts";
import type { Plugins } from "./plugins.ts";
import { joinPorts } from "./ports.ts";
import type { ProxyContext } from "./proxy.ts";
import type { Report } from "./source/report.ts";
import { readShared, type Shared, SHARED_FIELDS } from "./shared.ts";
import { readTransport } from "./transport.ts";
import { type Entry, isNull, quote } from "./source/value.ts";
import { readVip } from "./vips.ts";

/** How long an agent may take to answer unless the manifest says otherwise, in ms. */
const CONNECT_TIMEOUT = 20_000;

/** How long an agent stays without a link unless the manifest says otherwise, in ms. */
const RESUME = 5 * 60_000;

/** Fields that differ by host. The transports' fields do too. */
const OWN_FIELDS = ["vip", "aliases", "transport", "with"];

/** The surroundings of a host that is read. */
export interface HostContext extends ProxyContext {
  /** The names taken so far. */
  readonly names: Names;
  /** The transports that a host may name. */
  readonly transports: ReadonlyMap<string, SpecParser>;
  /** Where relative paths of transports begin. */
  readonly folder: string;
  /** The plug-ins that a host may name. */
  readonly plugins: Plugins;
}

/** Reads `hostTemplate`. */
export function readTemplate(entry: Entry | undefined, context: HostContext): Shared {
  if (!entry) return {};
  const { report, transports } = context;
  const own = [...OWN_FIELDS, ...transports.keys()];
  const known = [...SHARED_FIELDS, ...own];
  const fields = readFields(entry.value, known, report, `"hostTemplate"`);
  for (const name of own) {
    const at = fields.get(name)?.keyAt;
    const message = `"hostTemplate" must not have ${quote(name)}, which differs by host`;
    if (at) report.error(at, message);
  }
  const shared = readShared(fields, context);
  joinPorts(shared.ports ?? [], report); // its own duplicates, also without any host
  refuseOtherAddresses(shared.listening ?? [], undefined, report);
  return shared;
}

/** Reads an entry of `hosts`; absent fields come from the template. */
export function readHost(
  entry: Entry,
  template: Shared,
  context: HostContext,
): HostDraft | undefined {
  const { key: name, keyAt: at, value } = entry;
  const { report, names, transports } = context;
  names.take(name, at);
  const known = [...OWN_FIELDS, ...transports.keys(), ...SHARED_FIELDS];
  const fields = readFields(value, known, report, `host ${quote(name)}`);
  if (value.kind !== "map" && !isNull(value)) return undefined;
  const own = readShared(fields, context);
  const { http, socks, resume = RESUME, ...rest } = { ...template, ...own };
  const { listening: _listening, egress: _egress, ...shared } = rest;
  const vip = readVip(fields.get("vip"), report);
  if (!fields.has("vip") || vip) {
    refuseOtherAddresses(own.listening ?? [], vip?.address, report);
  }
  const egress = [...template.egress ?? [], ...own.egress ?? []];
  warnOfLostAuth(template, own, report);
  if (http && socks && areInTheWay(http, socks)) {
    const where = formatPosition(http.at);
    const message = `${quote(socks.listen)} is where the http proxy of ${quote(name)} ` +
      `listens already (${where}); wanted another port`;
    report.error(socks.at, message);
  }
  const transport = readTransport(fields, context);
  const isCommand = !transport || transport.name === "cmd";
  const wanted = fields.get("install");
  if (isCommand && wanted && own.install !== "never" && own.install !== undefined) {
    const message =
      `"install" does not go with "cmd", whose command runs an agent that is ` +
      `there; name the host by "docker", "ssh" or the like instead`;
    report.error(wanted.keyAt, message);
  }
  const lasting = fields.get("resume");
  if (!transport && lasting && own.resume !== 0) {
    const message = `"resume" does not go with this machine, whose agent is a part of ` +
      `the manager`;
    report.warn(lasting.keyAt, message, { failsCheck: true });
  }
  return {
    loopback: { disable: false },
    stateDir: { disable: false },
    writeEtcHosts: false,
    resolveFor: [],
    connectTimeout: CONNECT_TIMEOUT,
    install: "auto",
    ...shared,
    ...(isCommand && { install: "never" }),
    name,
    at,
    vip,
    aliases: readAliases(fields, names, report),
    ports: joinPorts([...template.ports ?? [], ...own.ports ?? []], report),
    ...(egress.length > 0 && { egress }),
    ...(transport && { transport, resume }),
    ...(http && { http }),
    ...(socks && { socks }),
  };
}

function areInTheWay(one: ProxySpec, other: ProxySpec): boolean {
  const [a, b] = [parseListen(one.listen), parseListen(other.listen)];
  if (typeof a === "string" || typeof b === "string") return one.listen === other.listen;
  return a.port === b.port && collide(a.hostname, b.hostname);
}

/** A field of a host replaces the whole of the template's, as in NoRouter. */
function warnOfLostAuth(template: Shared, own: Shared, report: Report): void {
  for (const field of ["http", "socks"] as const) {
    const proxy = own[field];
    if (!template[field]?.auth || !proxy || proxy.auth) continue;
    report.warn(
      proxy.at,
      `this proxy asks for no password, unlike the template's: the ${quote(field)} ` +
        `of a host replaces all of the template's, "auth" included`,
    );
  }
}

function readAliases(fields: Fields, names: Names, report: Report): string[] {
  const entry = fields.get("aliases");
  const aliases = [];
  for (const value of readList(entry, report, `["web.example.com"]`)) {
    const text = readText({ ...entry!, value }, report, "a host name");
    if (text === undefined) continue;
    // A dot at the end marks a name as complete and is not part of the name.
    const alias = text.replace(/\.$/, "");
    names.take(alias, value.at);
    aliases.push(alias);
  }
  return aliases;
}
