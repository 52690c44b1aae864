/**
 * `norouter proxy --ingress … --egress … --to 'ssh: me@host'`: a mesh without a manifest,
 * of this machine and the hosts behind `--to`, until Ctrl-C.
 *
 * The manifest is made of the options: a host behind `--to` is named after its target and
 * publishes, of its loopback, the ports to which rules lead by that name. If there is only
 * one, what other destinations name is looked up and reached from there.
 *
 * @module
 */
import { parseRule } from "../../manifest/rule_text.ts";
import { readFieldsText } from "../../manifest/edits.ts";
import { didYouMean } from "../../manifest/fields.ts";
import type { Origin } from "../../manifest/load.ts";
import type { Position } from "../../manifest/source/diagnostic.ts";
import { Report } from "../../manifest/source/report.ts";
import { quote, toPlain } from "../../manifest/source/value.ts";
import { builtinTransports } from "../../transports/registry.ts";
import { parseSshDestination } from "../../transports/ssh_destination.ts";
import { parseIpv4 } from "../../wire/ip/ipv4.ts";
import { messageOf } from "../../wire/text.ts";
import { takeHostName } from "../discovery/host_name.ts";
import { load } from "../manifest.ts";
import type { GlobalOptions } from "../options.ts";
import { runMesh } from "./up.ts";

/** Options of the command. */
export interface ProxyOptions extends GlobalOptions {
  /** What stands behind the names of hosts in a manifest. */
  readonly to?: readonly string[];
}

/** The name of this machine. */
const LOCAL = "local";

/** The manifest's name, for the user. */
const NAME = "the command line";

type Fields = Record<string, unknown>;

/** Runs the mesh and gives the exit status. */
export async function proxyMesh(options: ProxyOptions): Promise<number> {
  const { text, origin } = proxyText(options);
  const bytes = new TextEncoder().encode(text);
  const loaded = await load("-", options, { bytes, origin });
  return (await runMesh("-", options, { loaded, label: "proxy" })).status;
}

/**
 * The manifest as text, of which the user knows the options alone: what is said about a
 * place names these.
 *
 * @throws {Error} for the user.
 */
export function proxyText(
  options: ProxyOptions,
): { readonly text: string; readonly origin: Origin } {
  const text = JSON.stringify(proxyManifest(options), null, 2); // which is YAML
  const names = [...hostsOf(options.to).keys()];
  let option = NAME;
  // A line for each value; those of a host, or of the routes, begin with its name.
  const lines = text.split("\n").map((line) => {
    const [, indent = "", quoted] = /^( *)("(?:[^"\\]|\\.)*"): /.exec(line) ?? [];
    const name = quoted === undefined ? undefined : JSON.parse(quoted) as string;
    if (name !== undefined && indent.length === 4) {
      const to = options.to?.[names.indexOf(name)];
      option = to === undefined ? NAME : `--to ${quote(to)}`;
    } else if (name === "routes" && indent.length === 2) {
      option = `--to ${quote(options.to![0]!)}`;
    }
    return option;
  });
  const place = ({ line }: Position): Position => {
    return { file: lines[line - 1] ?? NAME, line: 0, column: 0 };
  };
  return { text, origin: { name: NAME, place } };
}

/** The hosts behind the options, in their order. */
function hostsOf(to: readonly string[] = []): Map<string, Fields> {
  const taken = new Set([LOCAL]);
  return new Map(to.map((text) => {
    const fields = fieldsOf(text);
    return [takeHostName(targetOf(fields, text), taken), fields];
  }));
}

/** The manifest, in the shape of the YAML. @throws {Error} for the user. */
export function proxyManifest({ to = [], egress = [] }: ProxyOptions): Fields {
  const hosts = hostsOf(to);
  const far = new Set<string>();
  for (const text of egress) {
    const rule = parseRule(text);
    if (typeof rule === "string") continue;
    const { connectHost, connectPort } = rule;
    const host = hosts.get(connectHost.toLowerCase());
    if (host) publish(host, connectPort);
    else if (connectHost.toLowerCase() !== LOCAL) far.add(connectHost);
  }
  const [via, ...more] = hosts.keys();
  const isRouted = far.size > 0 && more.length === 0;
  return {
    hosts: { [LOCAL]: {}, ...Object.fromEntries(hosts) },
    ...(isRouted && { routes: [{ via, to: [...far].map(routed) }] }),
  };
}

/** An address as a range of one. */
function routed(destination: string): string {
  return parseIpv4(destination) === undefined ? destination : `${destination}/32`;
}

function publish(host: Fields, port: number): void {
  const rules = [host.ingress ?? []].flat();
  const ports = [host.ports ?? [], rules].flat().map(String);
  const isPublished = ports.some((text) => text.split(":").includes(String(port)));
  if (isPublished) return;
  host.ingress = [...rules, `tcp:${port}:127.0.0.1:${port}`];
}

/** The fields of a host, with braces around them or without. */
function fieldsOf(text: string): Fields {
  const refuse = (why: string): never => {
    throw new Error(`--to ${quote(text)}: ${why}`);
  };
  const report = new Report("--to");
  const value = toPlain(readFieldsText(text, "--to", report));
  const isMap = typeof value === "object" && value !== null && !Array.isArray(value);
  if (!report.isEmpty || !isMap) {
    return refuse(`wanted what stands behind a host's name, like 'ssh: me@host'`);
  }
  const fields = value as Fields;
  const known = [...builtinTransports.keys()];
  const names = Object.keys(fields);
  const transport = names.find((name) => known.includes(name));
  if (transport === undefined && "transport" in fields) return fields;
  if (transport === undefined) {
    const hint = names.map((name) => didYouMean(name, known)).find(Boolean) ?? "";
    return refuse(`it names no way to a host (${known.join(", ")})${hint}`);
  }
  try {
    builtinTransports.get(transport)!.parse(fields[transport]);
  } catch (error) {
    return refuse(messageOf(error));
  }
  return fields;
}

/** What a host is reached by, as a name to begin with. */
function targetOf(fields: Fields, text: string): string {
  const [transport] = [...builtinTransports.keys()].filter((name) => name in fields);
  if (transport === undefined || transport === "cmd") return "host";
  const spec = fields[transport];
  const target = typeof spec === "object" && spec !== null
    ? Object.values(spec).find((each) => typeof each === "string") ?? text
    : String(spec);
  if (transport !== "ssh") return target.slice(target.lastIndexOf("/") + 1);
  try {
    return parseSshDestination(target).name;
  } catch {
    return target;
  }
}
