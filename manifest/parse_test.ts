/**
 * What a whole manifest becomes, and what is said about one that is wrong: the user's
 * view, with the rows that wire.md's last table has about manifests.
 *
 * @module
 */
import assert from "node:assert/strict";
import { formatIpv4 } from "../wire/ip/ipv4.ts";
import { read, said, saidBy, transports } from "./_said.ts";
import { ManifestError } from "./source/diagnostic.ts";
import { manifestFromObject, parseManifest } from "./parse.ts";

const EVERYTHING = `
hostTemplate:
  ports: ["8080:127.0.0.1:80"]
  stateDir: { disable: true }
hosts:
  local:
    vip: "127.0.42.100"
    http:  { listen: "127.0.0.1:18080" }
    socks: { listen: "127.0.0.1:18081" }
    loopback: { disable: true }
    stateDir: { pathOnAgent: "~/.norouter/agent", disable: false }
    aliases: ["laptop.example.com"]
    writeEtcHosts: yes
  web:
    cmd: "docker exec -i web norouter"
    vip: "127.0.42.101"
    ports: ["5432:db:5432/tcp"]
    connectTimeout: 5s
routes:
  - via: web
    to: ["0.0.0.0/0", "*.cluster.local"]
`;

Deno.test("every field of NoRouter's manifest is read", () => {
  const { hosts: [local, web], routes, path } = read(EVERYTHING);
  assert.equal(path, "mesh.yaml");
  assert.deepEqual({ ...local, at: 0, ports: 0, vip: formatIpv4(local!.vip) }, {
    name: "local",
    at: 0,
    vip: "127.0.42.100",
    vipAssigned: false,
    ports: 0,
    http: { listen: "127.0.0.1:18080", at: { file: "mesh.yaml", line: 8, column: 22 } },
    socks: { listen: "127.0.0.1:18081", at: { file: "mesh.yaml", line: 9, column: 22 } },
    loopback: { disable: true },
    stateDir: { pathOnAgent: "~/.norouter/agent", disable: false },
    aliases: ["laptop.example.com"],
    writeEtcHosts: true,
    resolveFor: [],
    connectTimeout: 20_000,
    install: "never",
  });
  assert.deepEqual(web!.transport, {
    name: "cmd",
    spec: "docker exec -i web norouter",
    options: ["docker", "exec", "-i", "web", "norouter"],
    at: { file: "mesh.yaml", line: 15, column: 10 },
  });
  assert.deepEqual(web!.stateDir, { disable: true });
  assert.equal(web!.connectTimeout, 5000);
  assert.deepEqual(web!.at, { file: "mesh.yaml", line: 14, column: 3 });
  assert.deepEqual(web!.ports.map(({ listenPort }) => listenPort), [8080, 5432]);
  assert.deepEqual(routes.map(({ via, to }) => ({ via, to })), [
    { via: "web", to: ["0.0.0.0/0", "*.cluster.local"] },
  ]);
});

Deno.test("a manifest with every field passes without a warning", () => {
  assert.deepEqual(said(EVERYTHING), []);
});

Deno.test("a host's field replaces the whole of the template's, and ports join", () => {
  const { hosts: [plain, own] } = read(`
hostTemplate:
  ports: ["1:a:1"]
  http: { listen: "127.0.0.1:1", auth: { username: u, password: p } }
  socks: { listen: "127.0.0.1:2" }
  loopback: { disable: true }
  stateDir: { pathOnAgent: /state, disable: true }
  writeEtcHosts: true
  connectTimeout: 5s
hosts:
  plain:
    stateDir:
    http: ~
  own:
    cmd: x
    ports: ["2:b:2"]
    http: {}
    socks: { listen: "" }
    loopback: {}
    stateDir: { pathOnAgent: /other }
    writeEtcHosts: false
    connectTimeout: 6s
`);
  const of = ({ ports, http, socks, ...host }: typeof plain & object) => ({
    ports: ports.map(({ listenPort }) => listenPort),
    http: http && [http.listen, http.auth?.username],
    socks: socks?.listen,
    loopback: host.loopback.disable,
    stateDir: host.stateDir,
    writeEtcHosts: host.writeEtcHosts,
    connectTimeout: host.connectTimeout,
  });
  assert.deepEqual(of(plain!), {
    ports: [1],
    http: ["127.0.0.1:1", "u"],
    socks: "127.0.0.1:2",
    loopback: true,
    stateDir: { pathOnAgent: "/state", disable: true },
    writeEtcHosts: true,
    connectTimeout: 5000,
  });
  assert.deepEqual(of(own!), {
    ports: [1, 2],
    http: undefined,
    socks: undefined,
    loopback: false,
    stateDir: { pathOnAgent: "/other", disable: false },
    writeEtcHosts: false,
    connectTimeout: 6000,
  });
});

const ONE = 'wanted at least one, see "norouter show-example"';

const wrong: [string, string, string[]][] = [
  ["an empty manifest", "", [
    `mesh.yaml:1:1: error: the manifest is empty; hosts are missing, ${ONE}`,
  ]],
  ["a manifest of comments", "# hosts:\n", [
    `mesh.yaml:1:1: error: the manifest is empty; hosts are missing, ${ONE}`,
  ]],
  ["a manifest without hosts", "hostTemplate: {}\n", [
    `mesh.yaml:1:1: error: "hosts" is missing; ${ONE}`,
  ]],
  ["hosts with nothing in them", "hosts: {}\n", [
    `mesh.yaml:1:1: error: "hosts" is empty; ${ONE}`,
  ]],
  ["hosts with nothing behind them", "\nhosts:\n", [
    `mesh.yaml:2:1: error: "hosts" is empty; ${ONE}`,
  ]],
  ["a manifest that is a list", "- hosts\n", [
    `mesh.yaml:1:1: error: the manifest is a list; wanted a map with "hosts"`,
  ]],
  ["hosts as a list", "hosts: [web]\n", [
    `mesh.yaml:1:8: error: "hosts" is a list; wanted a map from names to hosts`,
  ]],
  ["a host that is text", "hosts: { web: docker }\n", [
    `mesh.yaml:1:15: error: host "web" is "docker"; wanted a map`,
  ]],
  ["port 99999", "hosts:\n  web:\n    ports:\n    - 99999:127.0.0.1:80\n", [
    `mesh.yaml:4:7: error: "99999:127.0.0.1:80" is not a port to publish: port 99999 is ` +
    `out of range, ports are 1 to 65535; wanted LISTEN:HOST:PORT, like "8080:127.0.0.1:80"`,
  ]],
  ["a port published twice", `hosts: { web: { ports: ["1:a:2", "1:b:2"] } }`, [
    `mesh.yaml:1:34: error: "1:b:2": port 1 of this host is already published by ` +
    `"1:a:2" (mesh.yaml:1:25)`,
  ]],
  ["tabs as indentation", "hosts:\n\tweb:\n", [
    `mesh.yaml:2:1: error: a tab stands where YAML wants spaces`,
  ]],
  ["an unknown field", "hosts: { web: { prots: [] } }", [
    `mesh.yaml:1:17: warning: unknown field "prots" in host "web"; did you mean "ports"?`,
  ]],
  ["an unknown field at the top", "hosts: { web: {} }\nhostTemplates: {}\n", [
    `mesh.yaml:2:1: warning: unknown field "hostTemplates" in the manifest; ` +
    `did you mean "hostTemplate"?`,
  ]],
  ["an unknown field that resembles none", "hosts: { web: { colour: red } }", [
    `mesh.yaml:1:17: warning: unknown field "colour" in host "web"`,
  ]],
  ["an unknown field of a proxy", "hosts: { web: { loopback: { disabled: true } } }", [
    `mesh.yaml:1:29: warning: unknown field "disabled" in "loopback"; ` +
    `did you mean "disable"?`,
  ]],
  [
    "what a template must not have",
    "hostTemplate: { vip: 127.0.42.1, cmd: x, aliases: [y] }\nhosts: { web: {} }\n",
    ["vip:17", "cmd:34", "aliases:42"].map((each) => {
      const [name, column] = each.split(":");
      return `mesh.yaml:1:${column}: error: "hostTemplate" must not have "${name}", ` +
        `which differs by host`;
    }),
  ],
  ["two hosts without a command", "hosts:\n  a: {}\n  b:\n", [
    `mesh.yaml:3:3: error: "b" has no "cmd" or other way to it, so it would be this machine, which "a" ` +
    `already is (mesh.yaml:2:3)`,
  ]],
  ["two ways to reach a host", "hosts:\n  a:\n    ssh: x\n    cmd: y\n", [
    `mesh.yaml:4:5: error: "cmd" and "ssh" (mesh.yaml:3:5) are two ways to reach one ` +
    `host; wanted one`,
  ]],
  ["an empty command", "hosts: { a: { cmd: '' } }", [
    `mesh.yaml:1:20: error: "cmd": the command is empty`,
  ]],
  ["a word of a command that is none", "hosts: { a: { cmd: [a, 3] } }", [
    `mesh.yaml:1:24: error: "cmd": wanted a word`,
  ]],
  ["a truth value that is none", 'hosts: { a: { loopback: { disable: "yes" } } }', [
    `mesh.yaml:1:36: error: "disable" is "yes"; wanted true or false`,
  ]],
];

for (const [what, text, expected] of wrong) {
  Deno.test(`${what} is located`, () => assert.deepEqual(said(text), expected));
}

Deno.test("no host without a command is fine", () => {
  assert.deepEqual(said("hosts: { a: { cmd: x }, b: { cmd: y, ports: [1:a:1] } }"), []);
});

Deno.test("fields x-… at the top are the user's, to hold anchors", () => {
  const text = `
x-web: &web { cmd: web, ports: [1:a:1] }
x-: [what, ever]
hosts:
  a: *web
  b: {}
`;
  assert.deepEqual(said(text), []);
  assert.equal(read(text).hosts[0]!.ports.length, 1);
  assert.deepEqual(said(text.replace("b: {}", "b: { x-y: 1 }").replace("x-:", "y-x:")), [
    'mesh.yaml:3:1: warning: unknown field "y-x" in the manifest',
    'mesh.yaml:6:8: warning: unknown field "x-y" in host "b"',
  ]);
});

Deno.test("resolveFor names hosts, or all, and comes from the template too", () => {
  const { hosts } = read(`
hostTemplate: { resolveFor: ["*"] }
hosts:
  a: {}
  b: { cmd: b, resolveFor: [a, c.example], ports: [1:a:1] }
  c.example: { cmd: c, resolveFor: [] }
`);
  assert.deepEqual(hosts.map(({ resolveFor }) => resolveFor), [["*"], [
    "a",
    "c.example",
  ], []]);
  assert.deepEqual(
    said(`
hostTemplate: { resolveFor: [laptp] }
hosts:
  laptop: {}
  web: { cmd: b, aliases: [www], resolveFor: [www, "*.example", [a]] }
  db: { cmd: c, resolveFor: laptop }
`),
    [
      'mesh.yaml:2:30: error: "resolveFor": "laptp" is not the name of a host; did you ' +
      'mean "laptop"?; wanted one, or "*" for all',
      'mesh.yaml:5:47: error: "resolveFor": "www" is not the name of a host; wanted one, ' +
      'or "*" for all',
      'mesh.yaml:5:52: error: "resolveFor": "*.example" is not the name of a host; ' +
      'wanted one, or "*" for all',
      'mesh.yaml:5:65: error: "resolveFor" is a list; wanted the name of a host',
      'mesh.yaml:6:29: error: "resolveFor" is "laptop"; wanted a list, like ["web"] or ' +
      '["*"]',
    ],
  );
});

Deno.test("all errors of a manifest are reported at once, in the order of the file", () => {
  const lines = said(`hosts:
  a: { vip: x, ports: [y] }
  b: { cmd: '', connectTimeout: z }
routes: [{ via: c, to: [10.0.0.1] }]
hostTemplate: { ports: [w] }
`).filter((line) => line.includes("error"));
  const places = lines.map((line) => line.split(":").slice(1, 3).join(":"));
  assert.deepEqual(places, ["2:13", "2:24", "3:13", "3:33", "4:17", "4:25", "5:25"]);
});

Deno.test("the error's own message holds all errors and no warnings", () => {
  const broken = () =>
    parseManifest("hosts: { a: { vip: x, foo: 1, ports: [y] } }", {
      path: "dir/mesh.yaml",
      transports,
    });
  assert.throws(broken, (error) => {
    assert.ok(error instanceof ManifestError);
    assert.equal(error.diagnostics.length, 3);
    assert.match(error.message, /^dir\/mesh.yaml:1:20: .*\ndir\/mesh.yaml:1:39: .*$/);
    return true;
  });
});

Deno.test("an object gives the same manifest as YAML, and paths instead of lines", () => {
  const options = { path: "manifest", transports };
  const { hosts } = manifestFromObject({
    hostTemplate: { connectTimeout: 2 },
    hosts: { a: undefined, b: { cmd: ["x", "y z"], ports: ["1:a:2"] } },
  }, options);
  assert.deepEqual(
    hosts.map(({ name, vipAssigned, connectTimeout }) => [
      name,
      vipAssigned,
      connectTimeout,
    ]),
    [["a", true, 2000], ["b", true, 2000]],
  );
  assert.deepEqual(hosts[1]!.transport!.spec, ["x", "y z"]);

  const circle: Record<string, unknown> = {};
  circle.ports = [circle];
  const found = saidBy(() =>
    manifestFromObject({
      hosts: {
        a: { ports: ["1:a:2", "x"] },
        b: { cmd: new Date(0) },
        c: { cmd: "c", vip: () => "127.0.42.1" },
        d: { cmd: "d", ...circle },
      },
    }, options)
  );
  assert.deepEqual(found.map((line) => line.replace(/; wanted LISTEN.*/, "")).sort(), [
    `manifest: hosts.a.ports[1]: error: "x" is not a port to publish`,
    `manifest: hosts.b.cmd: error: a Date cannot be part of a manifest; wanted plain data`,
    `manifest: hosts.b: error: "b" has no "cmd" or other way to it, so it would be this machine, which "a" ` +
    `already is (manifest: hosts.a)`,
    `manifest: hosts.c.vip: error: a function cannot be part of a manifest`,
    `manifest: hosts.d.ports[0].ports: error: this object holds itself`,
    `manifest: hosts.d.ports[0]: error: "ports" is a map; wanted "8080:127.0.0.1:80"`,
  ]);
});
