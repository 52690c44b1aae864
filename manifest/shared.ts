/**
 * The fields that a host and the template have in common.
 *
 * @module
 */
import { parseDuration } from "./duration.ts";
import { readEgress } from "./egress.ts";
import {
  type Fields,
  parseNumeric,
  readBoolean,
  readFields,
  readList,
  readText,
} from "./fields.ts";
import { type Ingress, type Listening, readIngress } from "./ingress.ts";
import type { EgressSpec, HostSpec, PortSpec, ProxySpec } from "./manifest.ts";
import { parsePort } from "./ports.ts";
import { type ProxyContext, readProxy } from "./proxy.ts";
import type { Report } from "./source/report.ts";
import { type NamedHost, readResolveFor } from "./resolve_for.ts";
import { type Entry, quote } from "./source/value.ts";

/** The values given; a proxy that is `null` was turned off. */
export interface Shared {
  /** The published ports, those of `ingress` behind those of `ports`. */
  readonly ports?: readonly PortSpec[];
  /** Those rules of `ingress` that have an address to listen on. */
  readonly listening?: readonly Listening[];
  /** The addresses that lead into the mesh. */
  readonly egress?: readonly EgressSpec[];
  /** The HTTP proxy. */
  readonly http?: ProxySpec | null;
  /** The SOCKS proxy. */
  readonly socks?: ProxySpec | null;
  /** Whether to listen on loopback addresses. */
  readonly loopback?: HostSpec["loopback"];
  /** Where files are kept. */
  readonly stateDir?: HostSpec["stateDir"];
  /** Whether to write the hosts file. */
  readonly writeEtcHosts?: boolean;
  /** For whom names are resolved. */
  readonly resolveFor?: readonly NamedHost[];
  /** In milliseconds. */
  readonly connectTimeout?: number;
  /** In milliseconds; 0 for `off`. */
  readonly resume?: number;
  /** Whether the agent is put on the host. */
  readonly install?: HostSpec["install"];
  /** Where on the host. */
  readonly installPath?: string;
}

/** The names of these fields. */
export const SHARED_FIELDS: readonly string[] = [
  "ports",
  "ingress",
  "egress",
  "http",
  "socks",
  "loopback",
  "stateDir",
  "writeEtcHosts",
  "resolveFor",
  "connectTimeout",
  "resume",
  "install",
  "installPath",
];

/** The words for no time at all; the others are what YAML 1.1 makes of `off`. */
const NEVER: readonly string[] = ["off", "false", "no"];

/** Reads the fields; absent fields stay absent, to be laid over a template. */
export function readShared(fields: Fields, context: ProxyContext): Shared {
  const { report } = context;
  const writeEtcHosts = readBoolean(fields.get("writeEtcHosts"), report);
  const connectTimeout = readDuration(fields.get("connectTimeout"), report);
  const resume = readResume(fields.get("resume"), report);
  const install = readInstall(fields.get("install"), report);
  const installPath = readText(fields.get("installPath"), report, "a path");
  return {
    ...readPublished(fields, report),
    ...has(fields, "egress", (entry) => ({ egress: readEgress(entry, report) })),
    ...has(fields, "http", (entry) => ({ http: readProxy(entry, context) })),
    ...has(fields, "socks", (entry) => ({ socks: readProxy(entry, context) })),
    ...has(fields, "loopback", (entry) => ({ loopback: readLoopback(entry, report) })),
    ...has(fields, "stateDir", (entry) => ({ stateDir: readStateDir(entry, report) })),
    ...has(fields, "resolveFor", (entry) => ({
      resolveFor: readResolveFor(entry, report),
    })),
    ...(writeEtcHosts !== undefined && { writeEtcHosts }),
    ...(connectTimeout !== undefined && { connectTimeout }),
    ...(resume !== undefined && { resume }),
    ...(install !== undefined && { install }),
    ...(installPath && { installPath }),
  };
}

function has(fields: Fields, name: string, read: (entry: Entry) => Shared): Shared {
  const entry = fields.get(name);
  return entry ? read(entry) : {};
}

function readPublished(fields: Fields, report: Report): Shared {
  const [entry, rules] = [fields.get("ports"), fields.get("ingress")];
  if (!entry && !rules) return {};
  const ports = entry ? readPorts(entry, report) : [];
  const ingress: Ingress = rules
    ? readIngress(rules, report)
    : { ports: [], listening: [] };
  return { ports: [...ports, ...ingress.ports], listening: ingress.listening };
}

function readPorts(entry: Entry, report: Report): PortSpec[] {
  const ports = [];
  for (const value of readList(entry, report, `["8080:127.0.0.1:80"]`)) {
    const text = readText({ ...entry, value }, report, `"8080:127.0.0.1:80"`);
    if (text === undefined) continue;
    const parsed = parsePort(text);
    if (typeof parsed === "string") {
      report.error(value.at, parsed);
      continue;
    }
    const { doubt, ...port } = parsed;
    if (doubt) report.warn(value.at, doubt, { failsCheck: true });
    ports.push({ ...port, proto: "tcp" as const, at: value.at, text });
  }
  return ports;
}

function readLoopback({ value }: Entry, report: Report): HostSpec["loopback"] {
  const fields = readFields(value, ["disable"], report, `"loopback"`);
  return { disable: readBoolean(fields.get("disable"), report) ?? false };
}

function readStateDir({ value }: Entry, report: Report): HostSpec["stateDir"] {
  const fields = readFields(value, ["pathOnAgent", "disable"], report, `"stateDir"`);
  const path = readText(fields.get("pathOnAgent"), report, "a path");
  const disable = readBoolean(fields.get("disable"), report) ?? false;
  return { ...(path && { pathOnAgent: path }), disable };
}

function readDuration(entry: Entry | undefined, report: Report): number | undefined {
  const text = readText(entry, report, `a length of time, like "20s"`);
  if (!entry || text === undefined) return undefined;
  const parsed = parseNumeric(entry, text, parseDuration);
  if (typeof parsed === "number") return parsed;
  report.error(entry.value.at, `"connectTimeout": ${parsed}`);
  return undefined;
}

/** A length of time of a second or more, in whole seconds, or 0 for `off`. */
function readResume(entry: Entry | undefined, report: Report): number | undefined {
  const wanted = `a length of time, like "5m", or "off"`;
  const text = readText(entry, report, wanted);
  if (!entry || text === undefined) return undefined;
  if (NEVER.includes(text.toLowerCase())) return 0;
  const parsed = parseNumeric(entry, text, parseDuration);
  if (typeof parsed === "number" && parsed >= 1000) {
    return Math.ceil(parsed / 1000) * 1000;
  }
  const isShort = typeof parsed === "number" || /^0+(\.0+)?(ms|s|m|h)?$/.test(text);
  const fault = isShort
    ? `${quote(text)} is too short; wanted 1s or more, or "off"`
    : `${parsed}, or "off"`;
  report.error(entry.value.at, `"resume": ${fault}`);
  return undefined;
}

function readInstall(
  entry: Entry | undefined,
  report: Report,
): HostSpec["install"] | undefined {
  const text = readText(entry, report, `"auto", "always" or "never"`);
  if (!entry || text === undefined) return undefined;
  if (text === "auto" || text === "always" || text === "never") return text;
  report.error(
    entry.value.at,
    `"install" is ${quote(text)}; wanted "auto", "always" or "never"`,
  );
  return undefined;
}
