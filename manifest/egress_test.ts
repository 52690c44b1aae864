/**
 * `ingress` and `egress` of hosts: what they become, and what is refused.
 *
 * @module
 */
import assert from "node:assert/strict";
import { read, said } from "./_said.ts";

Deno.test("ingress is published as ports are, the template's first", () => {
  const { hosts } = read(`
hostTemplate: { ports: ["1:a:1"], ingress: ["tcp:2:b:2"] }
hosts:
  local: { vip: 127.0.42.100, ingress: ["tcp:127.0.42.100:443:[::1]:8080"] }
  web: { cmd: x, ports: ["3:c:3"], ingress: [tcp:4:d:4] }
`);
  assert.deepEqual(
    hosts.map(({ ports }) =>
      ports.map(({ listenPort, connectHost, connectPort, proto, at }) =>
        [listenPort, connectHost, connectPort, proto, at.line].join(" ")
      )
    ),
    [["1 a 1 tcp 2", "2 b 2 tcp 2", "443 ::1 8080 tcp 4"], [
      "1 a 1 tcp 2",
      "2 b 2 tcp 2",
      "3 c 3 tcp 5",
      "4 d 4 tcp 5",
    ]],
  );
});

Deno.test("ingress listens on the VIP and nowhere else", () => {
  const lines = said(`
hostTemplate: { ingress: ["tcp:127.0.42.100:1:a:1"] }
hosts:
  local: { vip: 127.0.42.100, ingress: ["tcp:0.0.0.0:443:a:1", "tcp:443:a:2", "tcp:443:a:3"] }
  web: { cmd: x, ingress: ["tcp:127.0.42.101:4:d:4", "udp:1:a:1", 7] }
`);
  const why = "but ingress comes from the mesh, to the host's VIP";
  const remedy =
    `leave the address out, or use "egress" for an address of the host itself`;
  assert.deepEqual(lines, [
    `mesh.yaml:2:27: error: "tcp:127.0.42.100:1:a:1" would listen on 127.0.42.100, ` +
    `${why} (which this host is given); ${remedy}`,
    `mesh.yaml:4:41: error: "tcp:0.0.0.0:443:a:1" would listen on 0.0.0.0, ${why} ` +
    `(127.0.42.100); ${remedy}`,
    `mesh.yaml:4:64: error: "tcp:443:a:2": port 443 of this host is already published ` +
    `by "tcp:0.0.0.0:443:a:1" (mesh.yaml:4:41)`,
    `mesh.yaml:4:79: error: "tcp:443:a:3": port 443 of this host is already published ` +
    `by "tcp:0.0.0.0:443:a:1" (mesh.yaml:4:41)`,
    `mesh.yaml:5:28: error: "tcp:127.0.42.101:4:d:4" would listen on 127.0.42.101, ` +
    `${why} (which this host is given); ${remedy}`,
    `mesh.yaml:5:54: error: "udp:1:a:1": UDP comes with datagrams, which are not carried ` +
    `yet; wanted "tcp"`,
    `mesh.yaml:5:67: error: "7" is not a rule; wanted PROTOCOL:PORT:DESTINATION:PORT, ` +
    `like "tcp:5432:db:5432"`,
  ]);
});

Deno.test("egress is read with its addresses, on this machine too, the template's first", () => {
  const { hosts } = read(`
hostTemplate: { egress: ["tcp:1:web:80"] }
hosts:
  local:
    egress: ["tcp:1:127.0.42.9:80", "tcp:[::1]:2:www.internal:443"]
  web: { cmd: x, vip: 127.0.42.9, ports: ["80:a:80"] }
  other: { cmd: y, egress: [] }
routes: [{ via: web, to: ["*.internal"] }]
`);
  const of = (name: string) => hosts.find((host) => host.name === name)!.egress;
  const first = {
    proto: "tcp",
    listenHost: "127.0.0.1",
    listenPort: 1,
    connectHost: "web",
    connectPort: 80,
    at: { file: "mesh.yaml", line: 2, column: 26 },
  };
  assert.deepEqual(of("local"), [
    first,
    { ...first, connectHost: "127.0.42.9", at: { ...first.at, line: 5, column: 14 } },
    {
      ...first,
      listenHost: "::1",
      listenPort: 2,
      connectHost: "www.internal",
      connectPort: 443,
      at: { ...first.at, line: 5, column: 37 },
    },
  ]);
  assert.deepEqual(of("other"), [first]);
  assert.equal(read("hosts: { a: { egress: [] } }").hosts[0]!.egress, undefined);
});

/** Said of these rules of a host beside a database and the host's own proxies. */
function ruled(rules: string[], more = ""): string[] {
  return said(`hosts:
  local:
    http: { listen: "127.0.0.1:18080" }
    socks: { listen: ":18081", auth: { username: u, password: p } }
    ${more}
    egress:
${rules.map((rule) => `    - "${rule}"`).join("\n")}
  db: { cmd: x, vip: 127.0.42.101, ports: ["5432:a:5432"], aliases: [db.example] }
routes: [{ via: db, to: ["*.internal"] }]
`).map((line) => line.replace("mesh.yaml:", ""));
}

Deno.test("egress to a port that is not published is a warning, elsewhere it is not known", () => {
  assert.deepEqual(
    ruled([
      "tcp:1:DB.:5432",
      "tcp:2:db.example:5432",
      "tcp:3:127.0.42.101:10053",
      "tcp:4:db:5433",
      "tcp:5:local:80",
      "tcp:6:dbb:5432",
      "tcp:7:a.internal:1",
      "tcp:8:192.168.0.1:1",
      "tcp:9:example.com:1",
      "tcp:10:[::1]:1",
    ]),
    [
      `10:7: warning: "tcp:4:db:5433" leads nowhere: "db" publishes only 5432`,
      `11:7: warning: "tcp:5:local:80" leads nowhere: "local" publishes no port`,
      `12:7: warning: "dbb" is not a host of the mesh, so that this host looks it up ` +
      `itself; did you mean "db"?`,
    ],
  );
});

Deno.test("egress of one address takes turns, and is refused where others listen", () => {
  assert.deepEqual(
    ruled([
      "tcp:1:db:5432",
      "tcp:localhost:1:db:5432",
      "tcp:[::1]:1:db:5432",
      "tcp:18080:db:5432",
      "tcp:127.0.0.9:18080:db:5432",
      "tcp:[0::]:18080:db:5432",
      "tcp:127.0.0.9:18081:db:5432",
      "tcp:0.0.0.0:5432:db:5432",
      "tcp:127.0.42.101:5432:db:5432",
      "tcp:127.0.42.101:10053:db:5432",
      "tcp:5432:db:5432",
      "tcp:0.0.0.0:1:db:5432",
    ]).map((line) => line.replace(/ listens at .* already;/, ";")),
    [
      `10:7: error: "tcp:18080:db:5432": on "local", the http proxy (mesh.yaml:3:21); ` +
      `wanted another port or address`,
      `12:7: error: "tcp:[0::]:18080:db:5432": on "local", the http proxy ` +
      `(mesh.yaml:3:21); wanted another port or address`,
      `13:7: error: "tcp:127.0.0.9:18081:db:5432": on "local", the socks proxy ` +
      `(mesh.yaml:4:22); wanted another port or address`,
      `14:7: error: "tcp:0.0.0.0:5432:db:5432": on "local", the mesh, for port 5432 of ` +
      `"db" (mesh.yaml:19:44),; wanted another port or address, or "loopback: ` +
      `{disable: true}" here`,
      `15:7: error: "tcp:127.0.42.101:5432:db:5432": on "local", the mesh, for port 5432 of ` +
      `"db" (mesh.yaml:19:44),; wanted another port or address, or "loopback: ` +
      `{disable: true}" here`,
      `16:7: error: "tcp:127.0.42.101:10053:db:5432": on "local", the mesh, for the name ` +
      `server of "db",; wanted another port or address`,
      `17:7: error: "tcp:5432:db:5432": on "local", an egress rule of 0.0.0.0 ` +
      `(mesh.yaml:14:7); wanted another port or address`,
      `18:7: error: "tcp:0.0.0.0:1:db:5432": on "local", an egress rule of 127.0.0.1 ` +
      `(mesh.yaml:7:7); wanted another port or address`,
    ],
  );
  const free = ["tcp:0.0.0.0:5432:db:5432", "tcp:0.0.0.0:5432:db.example:5432"];
  assert.deepEqual(ruled(free, "loopback: { disable: true }"), []);
});

Deno.test("egress in the way of others is refused in any spelling of the address", () => {
  assert.deepEqual(
    ruled([
      "tcp:[::ffff:127.0.0.1]:18080:db:5432",
      "tcp:[::FFFF:0.0.0.0]:18080:db:5432",
      "tcp:[::ffff:127.0.42.101]:5432:db:5432",
      "tcp:[::ffff:7f00:1]:1:db:5432",
      "tcp:1:db:5432",
    ]).map((line) => line.replace(/:7: error: .*? on "local", (the \S+ \S+) .*/, " $1")),
    ["7 the http proxy", "8 the http proxy", "9 the mesh, for"],
  );
});

Deno.test("a host with egress is not without a way in, and uses routes", () => {
  assert.deepEqual(
    said(`
hostTemplate: { loopback: { disable: true } }
hosts:
  local: { egress: ["tcp:1:a.internal:1"] }
  web: { cmd: x }
routes: [{ via: web, to: ["*.internal"] }]
`),
    [],
  );
});
