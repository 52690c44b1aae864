/**
 * Writes a manifest of candidates: a host each beside this machine, with the ports that
 * they are said to serve, and comments.
 *
 * @module
 */
import { Document, Pair, Scalar, YAMLMap, YAMLSeq } from "yaml";
import { MODELINE } from "../schema/modeline.ts";
import { takeHostName } from "./host_name.ts";
import { distinct } from "./ports.ts";
import { type Candidate, type ServedPort, withoutControls } from "./source.ts";

/** The name of this machine. */
const LOCAL = "local";
/** Added to ports that only root may listen on: 80 becomes 8080, 443 becomes 8443. */
const UNPRIVILEGED = 8000;

/** A manifest's text and its hosts. */
export interface Draft {
  readonly text: string;
  readonly hosts: readonly string[];
}

/** Writes the manifest; `path` is its name in comments. */
export function draftManifest(targets: readonly Candidate[], path: string): Draft {
  const taken = new Set<string>();
  const hosts = new YAMLMap();
  const local = keyOf(takeHostName(LOCAL, taken));
  local.commentBefore = comment([
    `This machine: the host without a way to it. What it publishes, for example:`,
    `ports: ["3000:127.0.0.1:3000"]`,
  ]);
  hosts.add(new Pair(local, flow({})));
  for (const target of targets) {
    const key = keyOf(takeHostName(target.base, taken));
    key.spaceBefore = true;
    key.commentBefore = comment(aboutOf(target));
    hosts.add(new Pair(key, hostOf(target)));
  }
  const document = new Document({});
  document.set("hosts", hosts);
  const text = MODELINE + head(withoutControls(path)) +
    document.toString({ lineWidth: 0 });
  return { text, hosts: [...taken] };
}

function head(path: string): string {
  const lines = [
    `A mesh of this machine and what "norouter init" found.`,
    "",
    `  norouter ${path}         start it`,
    `  norouter check ${path}   look for mistakes`,
    "",
    `Each of "ports" is LISTEN:HOST:PORT: whoever connects to port LISTEN of the host's`,
    `address, on any host of the mesh, reaches HOST:PORT as that host sees it. They are`,
    `suggestions: take out what should stay where it is.`,
  ];
  return lines.map((line) => `# ${line}`.trimEnd() + "\n").join("");
}

/** The comments above a host. */
function aboutOf(
  { source, id, about, state, isRunning, advice = [] }: Candidate,
): string[] {
  const said = about === "" || about === id ? "" : `: ${about}`;
  const stopped = isRunning ? "" : ` (${state || "it does not run"})`;
  return [`${source} ${id}${said}${stopped}`, ...advice];
}

function hostOf(target: Candidate): YAMLMap {
  const host = new YAMLMap();
  const { spec, source, sharesNetwork } = target;
  host.add(new Pair(keyOf(source), typeof spec === "string" ? spec : flow(spec)));
  const ports = distinct(target.ports);
  const tcp = ports.filter(({ protocol }) => protocol === "tcp");
  const others = ports.filter((port) => !tcp.includes(port));
  const notes = others.length === 0
    ? []
    : [`not over TCP, so not in a mesh: ${others.map(nameOf).join(", ")}`];
  if (tcp.length > 0) {
    const key = keyOf("ports");
    key.commentBefore = comment(notes);
    host.add(new Pair(key, published(tcp)));
  } else {
    host.comment = comment([...notes, `ports: ["8080:127.0.0.1:80"]`]);
  }
  if (sharesNetwork) {
    const key = keyOf("loopback");
    key.commentBefore = comment([
      "It has this machine's network, where the addresses of the mesh are in use already.",
    ]);
    host.add(new Pair(key, flow({ disable: true })));
  }
  return host;
}

function published(ports: readonly ServedPort[]): YAMLSeq {
  const list = new YAMLSeq();
  // Ports that keep their number have the first claim.
  const taken = new Set(ports.map(({ port }) => port).filter((port) => port >= 1024));
  for (const port of ports) {
    const item = new Scalar(`${listenPort(port.port, taken)}:127.0.0.1:${port.port}`);
    item.type = Scalar.QUOTE_DOUBLE;
    if (port.name) item.comment = comment([port.name]);
    list.add(item);
  }
  return list;
}

function listenPort(port: number, taken: Set<number>): number {
  if (port >= 1024) return port;
  let free = UNPRIVILEGED + port;
  while (taken.has(free)) free++;
  taken.add(free);
  return free;
}

function nameOf({ port, protocol }: ServedPort): string {
  return `${port}/${protocol}`;
}

function keyOf(name: string): Scalar<string> {
  return new Scalar(name);
}

function flow(entries: Readonly<Record<string, unknown>>): YAMLMap {
  const map = new YAMLMap();
  map.flow = true;
  for (const [key, value] of Object.entries(entries)) map.add(new Pair(key, value));
  return map;
}

/** Lines behind "#", none of which others can break in two; nothing without lines. */
function comment(lines: readonly string[]): string | null {
  if (lines.length === 0) return null;
  return lines.map((line) => ` ${withoutControls(line)}`).join("\n");
}
