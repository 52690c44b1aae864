// The fields that a host and the template have in common.
import { parseDuration } from "./duration.ts";
import { type Fields, readBoolean, readFields, readList, readText } from "./fields.ts";
import { parseListen } from "./listen.ts";
import type { HostSpec, PortSpec, ProxySpec } from "./manifest.ts";
import { parsePort } from "./ports.ts";
import type { Report } from "./report.ts";
import { type Entry, quote } from "./value.ts";

/** What was given; a proxy that is `null` was turned off. */
export interface Shared {
  /** What is published. */
  readonly ports?: readonly PortSpec[];
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
  /** In milliseconds. */
  readonly connectTimeout?: number;
}

/** The names of these fields. */
export const SHARED_FIELDS: readonly string[] = [
  "ports",
  "http",
  "socks",
  "loopback",
  "stateDir",
  "writeEtcHosts",
  "connectTimeout",
];

/** Checked so far, and without effect. */
const NOT_YET = ["http", "socks", "stateDir", "writeEtcHosts"];

/** Reads the fields; what is absent stays absent, to be laid over a template. */
export function readShared(fields: Fields, report: Report): Shared {
  for (const name of NOT_YET) {
    const entry = fields.get(name);
    if (entry) report.warn(entry.keyAt, `${quote(name)} is not yet in effect`);
  }
  const writeEtcHosts = readBoolean(fields.get("writeEtcHosts"), report);
  const connectTimeout = readDuration(fields.get("connectTimeout"), report);
  return {
    ...has(fields, "ports", (entry) => ({ ports: readPorts(entry, report) })),
    ...has(fields, "http", (entry) => ({ http: readProxy(entry, report) })),
    ...has(fields, "socks", (entry) => ({ socks: readProxy(entry, report) })),
    ...has(fields, "loopback", (entry) => ({ loopback: readLoopback(entry, report) })),
    ...has(fields, "stateDir", (entry) => ({ stateDir: readStateDir(entry, report) })),
    ...(writeEtcHosts !== undefined && { writeEtcHosts }),
    ...(connectTimeout !== undefined && { connectTimeout }),
  };
}

function has(fields: Fields, name: string, read: (entry: Entry) => Shared): Shared {
  const entry = fields.get(name);
  return entry ? read(entry) : {};
}

function readPorts(entry: Entry, report: Report): PortSpec[] {
  const ports = [];
  for (const value of readList(entry, report, `["8080:127.0.0.1:80"]`)) {
    const text = readText({ ...entry, value }, report, `"8080:127.0.0.1:80"`);
    if (text === undefined) continue;
    const parsed = parsePort(text);
    if (typeof parsed === "string") report.error(value.at, parsed);
    else ports.push({ ...parsed, proto: "tcp" as const, at: value.at, text });
  }
  return ports;
}

function readProxy({ key, value }: Entry, report: Report): ProxySpec | null {
  const fields = readFields(value, ["listen"], report, quote(key));
  const entry = fields.get("listen");
  const listen = readText(entry, report, `an address, like "127.0.0.1:18080"`);
  if (!entry || !listen) return null; // NoRouter's way to turn a proxy off
  const { at } = entry.value;
  const parsed = parseListen(listen);
  if (typeof parsed === "string") {
    report.error(at, parsed);
  } else if (!parsed.loopback) {
    report.warn(
      at,
      `${quote(listen)} lets whoever can reach this host use the ${key} proxy, ` +
        `which asks for no password; wanted a loopback address, like "127.0.0.1:18080"`,
      { failsCheck: true },
    );
  }
  return { listen, at };
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
  const parsed = parseDuration(text);
  if (typeof parsed === "number") return parsed;
  report.error(entry.value.at, `"connectTimeout": ${parsed}`);
  return undefined;
}
