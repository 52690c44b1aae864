/**
 * The table of ports.ts, and how ports of host and template come together.
 *
 * @module
 */
import assert from "node:assert/strict";
import { read, said } from "./_said.ts";
import { type ParsedPort, parsePort } from "./ports.ts";

const accepted: [string, number, string, number][] = [
  ["8080:127.0.0.1:80", 8080, "127.0.0.1", 80],
  ["5432:db:5432/tcp", 5432, "db", 5432],
  ["8080:192.168.1.2:81", 8080, "192.168.1.2", 81],
  ["8080:[::1]:80", 8080, "::1", 80],
  ["8080:[fe80::1%eth0]:80/tcp", 8080, "fe80::1%eth0", 80],
  ["1:my_db.example.com:65535", 1, "my_db.example.com", 65535],
];

for (const [text, listenPort, connectHost, connectPort] of accepted) {
  Deno.test(`the port ${text} is read`, () => {
    assert.deepEqual(parsePort(text), { listenPort, connectHost, connectPort });
  });
}

Deno.test("a port without a host is one of the host itself, as in NoRouter, and doubtful", () => {
  const { doubt, ...port } = parsePort("8080::80") as ParsedPort;
  assert.deepEqual(port, { listenPort: 8080, connectHost: "127.0.0.1", connectPort: 80 });
  assert.deepEqual(said(`hosts: { a: { ports: ["8080::80"] } }`), [
    `mesh.yaml:1:23: warning: ${doubt}`,
  ]);
  assert.match(doubt!, /names no host .* write "8080:127.0.0.1:80"$/);
});

const refused: [string, RegExp][] = [
  ["53:127.0.0.1:53/udp", /UDP is not supported, only TCP$/],
  ["53:127.0.0.1:53/sctp", /the protocol "sctp" is not known/],
  [
    "8080:80",
    /not a port to publish; wanted LISTEN:HOST:PORT, like "8080:127.0.0.1:80"$/,
  ],
  ["8080", /wanted LISTEN:HOST:PORT/],
  ["", /wanted LISTEN:HOST:PORT/],
  ["99999:127.0.0.1:80", /port 99999 is out of range, ports are 1 to 65535/],
  ["80:127.0.0.1:99999", /port 99999 is out of range/],
  ["0:127.0.0.1:80", /port 0 is out of range/],
  ["-1:127.0.0.1:80", /"-1" is not a port number/],
  ["http:127.0.0.1:80", /"http" is not a port number/],
  ["8080:127.0.0.256:80", /"127.0.0.256" is not an IPv4 address/],
  ["8080:[::g]:80", /"\[::g\]" is not an IPv6 address/],
  ["8080:[]:80", /"\[\]" is not an IPv6 address/],
  ["8080:::1:80", /or "8080:\[::1\]:80" for an IPv6 address/],
  ["8080:web/server:80", /the protocol "server:80" is not known/],
  ["8080:a b:80", /"a b" is not a host name \(" " cannot be part of it\)/],
];

for (const [text, reason] of refused) {
  Deno.test(`the port ${JSON.stringify(text)} is refused`, () => {
    const result = parsePort(text);
    assert.equal(typeof result, "string", "accepted");
    assert.match(result as string, reason);
    assert.ok((result as string).startsWith(JSON.stringify(text)), "does not show it");
  });
}

Deno.test("a host's ports come behind those of the template", () => {
  const { hosts } = read(`
hostTemplate: { ports: ["80:127.0.0.1:8080"] }
hosts:
  a: { ports: ["22:127.0.0.1:22"] }
  b: { cmd: b }
`);
  assert.deepEqual(hosts.map(({ ports }) => ports.map(({ text }) => text)), [
    ["80:127.0.0.1:8080", "22:127.0.0.1:22"],
    ["80:127.0.0.1:8080"],
  ]);
  assert.deepEqual(hosts[0]!.ports[0]!.at, { file: "mesh.yaml", line: 2, column: 25 });
});

Deno.test("a port that the template publishes already is refused at the host", () => {
  const found = said(`
hostTemplate: { ports: ["80:127.0.0.1:8080"] }
hosts:
  a: { ports: ["80:127.0.0.1:80"] }
`);
  assert.deepEqual(found, [
    `mesh.yaml:4:16: error: "80:127.0.0.1:80": port 80 of this host is already ` +
    `published by "80:127.0.0.1:8080" (mesh.yaml:2:25)`,
  ]);
});

Deno.test("a port that the template publishes twice is reported once", () => {
  const found = said(`
hostTemplate: { ports: ["80:a:1", "80:b:1"] }
hosts: { a: {}, b: { cmd: b } }
`);
  assert.equal(found.length, 1, found.join("\n"));
  assert.match(found[0]!, /^mesh.yaml:2:35: error: /);
});

Deno.test("two hosts may publish the same port", () => {
  assert.deepEqual(
    said(`
hosts:
  a: { ports: ["80:127.0.0.1:80"] }
  b: { cmd: b, ports: ["80:127.0.0.1:80"] }
`),
    [],
  );
});

Deno.test("more ports than links carry are refused, of a host and of a mesh", () => {
  const ports = (count: number) =>
    Array.from({ length: count }, (_, i) => `"${i + 1}:127.0.0.1:80"`).join(", ");
  assert.deepEqual(said(`hosts: { a: { ports: [${ports(4096)}] } }`), []);
  assert.match(
    said(`hosts:\n  a: { ports: [${ports(4097)}] }`).join("\n"),
    /^mesh.yaml:2:3: error: "a" publishes 4097 ports; wanted at most 4096, /,
  );
  const hosts = ["a", "b", "c", "d", "e"].map((name) => `  ${name}: { <<: *p, cmd: x }`);
  assert.match(
    said(`x-p: &p { ports: [${ports(4000)}] }\nhosts:\n${hosts.join("\n")}`).join("\n"),
    /^mesh.yaml:7:3: error: with "e" the mesh publishes 20000 ports; wanted at most 16384, /,
  );
});
