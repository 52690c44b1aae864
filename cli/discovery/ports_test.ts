/**
 * The table of ports.ts.
 *
 * @module
 */
import assert from "node:assert/strict";
import { distinct, MOST_PORTS, portRange, readPort, readPorts } from "./ports.ts";

const TABLE: [string, string[]][] = [
  ["80/tcp", ["80/tcp"]],
  ["0.0.0.0:8080->80/tcp", ["80/tcp"]],
  [":::8080->80/tcp", ["80/tcp"]],
  ["[::]:8080->80/tcp", ["80/tcp"]],
  ["0.0.0.0:8000-8002->9000-9002/tcp", ["9000/tcp", "9001/tcp", "9002/tcp"]],
  ["8000-8002/udp", ["8000/udp", "8001/udp", "8002/udp"]],
  ["80", ["80/tcp"]],
  ["", []],
  ["0/tcp", []],
  ["70000/tcp", []],
  ["65534-65540/tcp", ["65534/tcp", "65535/tcp"]],
  ["9-1/tcp", []],
  ["http/tcp", []],
];

for (const [text, ports] of TABLE) {
  Deno.test(`the port "${text}" is ${ports.join(", ") || "none"}`, () => {
    const found = readPort(text).map(({ port, protocol }) => `${port}/${protocol}`);
    assert.deepEqual(found, ports);
  });
}

Deno.test("a list has each port once, though IPv4 and IPv6 publish it", () => {
  const ports = readPorts("0.0.0.0:443->443/tcp, :::443->443/tcp, 53/udp, 53/tcp");
  assert.deepEqual(ports.map(({ port, protocol }) => `${port}/${protocol}`), [
    "53/tcp",
    "53/udp",
    "443/tcp",
  ]);
});

Deno.test("a port with a name is kept rather than the same one without", () => {
  const bare = { port: 80, protocol: "tcp", name: "" };
  const named = { ...bare, name: "http" };
  assert.deepEqual(distinct([bare, named, bare]), [named]);
});

Deno.test("a range of all ports is cut", () => {
  assert.equal(readPorts("1-65535/tcp").length, MOST_PORTS);
  assert.equal(portRange(1, 1e9, "tcp").length, MOST_PORTS);
});
