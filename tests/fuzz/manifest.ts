/**
 * Manifests: text grown from a grammar of pieces, and the examples with changes.
 *
 * Whatever comes, the answer is a manifest that is sound, or errors that each say where.
 *
 * Reading a manifest does not depend on manifests read before, and the parsed fields
 * (ports, routes, addresses), written down again, give the same manifest.
 *
 * @module
 */
import fc from "fast-check";
import assert from "node:assert/strict";
import { type Diagnostic, ManifestError } from "../../manifest/source/diagnostic.ts";
import type { Manifest, ParseOptions, PortSpec } from "../../manifest/manifest.ts";
import { manifestFromObject, parseManifest } from "../../manifest/parse.ts";
import type { PolicyParty, PolicyPorts, PolicyRule } from "../../manifest/policy.ts";
import { formatRule } from "../../manifest/rule_text.ts";
import { builtinTransports } from "../../transports/registry.ts";
import { formatCidr, formatIpv4 } from "../../wire/ip/ipv4.ts";
import { type Edit, edited, editsOf } from "./_pieces.ts";
import type { FuzzTarget } from "./target.ts";

interface ManifestCase {
  readonly text: string;
  readonly edits: readonly Edit[];
}

/** Milliseconds that reading may take: packets wait for that. */
const MOST_MS = 4000;

const PATH = "mesh.yaml";
const OPTIONS: ParseOptions = {
  path: PATH,
  transports: builtinTransports,
  env: (name) => name === "PASSWORD" ? "open sesame" : undefined,
  findPlugin: () => ({ name: "a plug-in", parse: (spec) => spec }),
};

const FOLDER = new URL("../../examples/", import.meta.url);
const EXAMPLES = [...Deno.readDirSync(FOLDER)].map(({ name }) => name)
  .filter((name) => name.endsWith(".yaml")).sort()
  .map((name) => Deno.readTextFileSync(new URL(name, FOLDER)));

/** Some of everything that a manifest may hold, beside the examples. */
const RICH = `
hostTemplate: &t
  ports: ["8080:127.0.0.1:80"]
  connectTimeout: 5s
  http: { listen: "127.0.0.1:18080" }
hosts:
  local: { vip: "127.0.42.100", aliases: [a.b], loopback: { disable: yes }, egress: ["tcp:1:web:8080"] }
  web:
    <<: *t
    cmd: "docker exec -i web norouter"
    socks: { listen: ":80", auth: { username: u, passwordEnv: PASSWORD } }
    stateDir: { pathOnAgent: ~/x, disable: false }
  db: { cmd: [sh, -c, norouter], writeEtcHosts: true, ingress: ["tcp:443:[::1]:8443"] }
routes:
  - { via: web, to: ["0.0.0.0/0", "*.cluster.local"], notTo: ["10.0.0.0/8", "*.a.*"] }
policy:
  - { from: [local, 127.0.0.0/8], to: [web, "*.local"], ports: [80, 1-9/tcp], action: deny }
`;

const TOKENS = [
  ...[
    "\t",
    "\n",
    "  ",
    ": ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    ",",
    "'",
    '"',
    "#",
    "|\n",
    ">-\n",
  ],
  ...[
    "&t ",
    "*t",
    "*u",
    "<<: ",
    "<<: *t\n",
    "!x ",
    "!!binary ",
    "!!set ",
    "? ",
    "---\n",
    "...\n",
  ],
  ...[
    "%YAML 1.1\n",
    "null",
    "~",
    "yes",
    "1e9",
    "0x1",
    "0o7",
    ".nan",
    "-1",
    "65536",
    "2001-01-01",
  ],
  ...[
    "hosts:\n",
    "routes:\n",
    "hostTemplate:\n",
    "ports: ",
    "vip: ",
    "cmd: ",
    "ssh: ",
    "docker: ",
  ],
  ...[
    "kubectl: ",
    "transport: ",
    "policy: ",
    "from: ",
    "action: ",
    "egress: ",
    "ingress: ",
    "with: ",
    "plugins:\n",
    "http: ",
    "socks: ",
    "to: ",
    "notTo: ",
  ],
  ...[
    "via: ",
    "__proto__: ",
    "constructor: ",
    "toString: ",
    "aliases: ",
    "auth: ",
    "x-a: ",
  ],
  ...[
    "127.0.42.100",
    "0.0.0.0",
    "::1",
    "8080:127.0.0.1:80",
    "8080:[::1]:80/udp",
    "0.0.0.0/0",
  ],
  ...[
    "*.a.*",
    "*",
    "10.0.0.0/33",
    "5s",
    "1h2m",
    "-5s",
    "\u202e",
    "\x1b[31m",
    "\0",
    "\ufeff",
    "é",
    "💥",
  ],
];

/** A small block of YAML, by its depth. */
const block = fc.letrec<{ node: string; leaf: string; map: string; list: string }>((
  tie,
) => ({
  leaf: fc.oneof(
    fc.constantFrom(...TOKENS.filter((token) => !token.endsWith("\n"))),
    fc.string(),
  ),
  map: fc.array(fc.tuple(fc.constantFrom(...TOKENS), tie("node")), { maxLength: 4 })
    .map((entries) =>
      entries.map(([key, value]) => `${key.trim()} ${indent(value)}`).join("\n")
    ),
  list: fc.array(tie("node"), { maxLength: 4 })
    .map((items) => items.map((item) => `- ${indent(item)}`).join("\n")),
  node: fc.oneof({ maxDepth: 5 }, tie("leaf"), tie("map"), tie("list")),
}));

/** Thousands of the same: what is slow is slow there. */
const repeated = fc.tuple(
  fc.constantFrom("", "hosts:\n", "hosts: { a: { ports: [", "x-a: "),
  fc.array(fc.constantFrom(...TOKENS), { minLength: 1, maxLength: 3 }),
  fc.integer({ min: 100, max: 20_000 }),
).map(([begin, all, times]) => begin + all.join("").repeat(times));

function indent(text: string): string {
  return text.includes("\n") ? "\n  " + text.replaceAll("\n", "\n  ") : text;
}

function outcome(make: () => Manifest): Manifest | readonly Diagnostic[] {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    assert.ok(
      error.diagnostics.some(({ severity }) => severity === "error"),
      "no error in it",
    );
    return error.diagnostics;
  }
}

function assertLocated(diagnostics: readonly Diagnostic[], text: string): void {
  const lines = text.split("\n");
  for (const { at, message } of diagnostics) {
    assert.notEqual(message.trim(), "", "a diagnostic that says nothing");
    assert.equal(at.file, PATH);
    assert.ok(at.line >= 1 && at.line <= lines.length, `line ${at.line}: ${message}`);
    const length = lines[at.line - 1]!.length;
    assert.ok(
      at.column >= 1 && at.column <= length + 1,
      `column ${at.column}: ${message}`,
    );
  }
}

/** Without where things stand, which is another place in another text. */
function placeless(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (key, each) => key === "at" ? undefined : each),
  );
}

/** The manifest as an object that says the same. */
function writtenAgain({ hosts, routes, policy }: Manifest): unknown {
  const isRule = ({ text }: PortSpec) => /^tcp:/.test(text);
  return {
    hosts: Object.fromEntries(hosts.map((host) => [host.name, {
      vip: formatIpv4(host.vip),
      ...(host.transport && transportField(host.transport)),
      ports: host.ports.filter((port) => !isRule(port)).map(({ text }) => text),
      ingress: host.ports.filter(isRule).map(({ text }) => text),
      egress: (host.egress ?? []).map(formatRule),
      ...(host.http && { http: proxyField(host.http) }),
      ...(host.socks && { socks: proxyField(host.socks) }),
      loopback: host.loopback,
      stateDir: host.stateDir,
      aliases: host.aliases,
      writeEtcHosts: host.writeEtcHosts,
      connectTimeout: `${host.connectTimeout}ms`,
    }])),
    routes: routes.map(({ via, to, notTo }) => ({
      via,
      to,
      ...(notTo.length && { notTo }),
    })),
    ...(policy && { policy: policy.map(ruleField) }),
  };
}

function ruleField({ from, to, ports, action }: PolicyRule) {
  const span = ({ first, last, proto }: PolicyPorts) =>
    `${first}-${last}${proto ? `/${proto}` : ""}`;
  return {
    from: from.map(partyText),
    to: to.map(partyText),
    ...(ports && { ports: ports.map(span) }),
    action,
  };
}

function partyText(party: PolicyParty): string {
  switch (party.kind) {
    case "any":
      return "*";
    case "host":
      return party.name;
    case "range":
      return formatCidr(party.cidr);
    case "name":
      return party.glob;
  }
}

function transportField({ name, spec }: { name: string; spec: unknown }) {
  return builtinTransports.has(name) ? { [name]: spec } : { cmd: "a plug-in" };
}

function proxyField({ listen, auth }: NonNullable<Manifest["hosts"][number]["http"]>) {
  return { listen, ...(auth && { auth }) };
}

function assertSound({ hosts, routes, policy = [] }: Manifest): void {
  assert.ok(hosts.length > 0, "a manifest without hosts");
  assert.equal(new Set(hosts.map(({ vip }) => vip)).size, hosts.length, "a VIP twice");
  const names = hosts.flatMap(({ name, aliases }) => [name, ...aliases]);
  assert.equal(new Set(names).size, names.length, "a name twice");
  assert.ok(
    hosts.filter(({ transport }) => !transport).length <= 1,
    "this machine twice",
  );
  for (const { ports } of hosts) {
    const listened = ports.map(({ listenPort }) => listenPort);
    assert.equal(new Set(listened).size, listened.length, "a port twice");
    for (const { listenPort, connectPort, connectHost } of ports) {
      assert.ok(
        listenPort > 0 && listenPort < 65_536 && connectPort > 0 && connectPort < 65_536,
      );
      assert.notEqual(connectHost, "");
    }
  }
  for (const { from, to } of policy) {
    assert.ok(from.length > 0 && to.length > 0, "a rule that matches nothing");
    for (const party of [...from, ...to]) {
      assert.ok(party.kind !== "host" || hosts.some(({ name }) => name === party.name));
    }
  }
  for (const { via } of routes) {
    assert.ok(hosts.some(({ name }) => name === via), `via ${via}`);
  }
}

/** What is said where the runtime's stack is used up. */
const TOO_DEEP = "nested too deeply to be read";

export const target: FuzzTarget<ManifestCase> = {
  name: "manifest",
  cases: fc.record({
    text: fc.oneof(
      { weight: 5, arbitrary: fc.constantFrom(RICH, ...EXAMPLES) },
      { weight: 2, arbitrary: block.node },
      { weight: 1, arbitrary: block.map.map((text) => `hosts:\n  web:${indent(text)}`) },
      {
        weight: 1,
        arbitrary: fc.array(fc.constantFrom(...TOKENS)).map((all) => all.join("")),
      },
      { weight: 1, arbitrary: repeated },
    ),
    edits: fc.oneof({ weight: 4, arbitrary: editsOf(TOKENS, 5) }, {
      weight: 1,
      arbitrary: fc.constant([]),
    }),
  }),
  run(input) {
    const text = edited(input.text, input.edits);
    const begun = performance.now();
    const first = outcome(() => parseManifest(text, OPTIONS));
    const took = performance.now() - begun;
    assert.ok(took < MOST_MS, `reading it took ${Math.round(took)} ms`);
    const again = outcome(() => parseManifest(text, OPTIONS));
    // How deep the runtime can go depends on what it has compiled meanwhile.
    if (![first, again].some((each) => JSON.stringify(each)?.includes(TOO_DEEP))) {
      assert.deepEqual(again, first, "another answer the second time");
    }
    if (!("hosts" in first)) return assertLocated(first, text);
    assertLocated(first.warnings, text);
    assertSound(first);
    const object = writtenAgain(first);
    const second = outcome(() => manifestFromObject(object, OPTIONS));
    if (!("hosts" in second)) {
      assert.fail(`written again it is wrong: ${JSON.stringify(second)}`);
    }
    assert.deepEqual(
      placeless(writtenAgain(second)),
      placeless(object),
      "written again it says something else",
    );
  },
};
