import assert from "node:assert/strict";
import { parseIpv4 } from "../wire/ip/ipv4.ts";
import { DialError, type DialFailure } from "./edge/dial.ts";
import { SocketStream } from "./edge/stream.ts";
import { failure, mesh, VIPS } from "./_connector_mesh.ts";

Deno.test("a host is reached by name, alias and VIP, and nobody is told anything", async () => {
  const { reach, events } = await mesh();
  for (const name of ["web", "WEB.", "web.example", VIPS.web]) {
    assert.equal(await reach(name, 8080), `web ${VIPS.web}:8080`);
  }
  assert.deepEqual(events, Array(4).fill(`SYN ${VIPS.web}:8080`));
});

Deno.test("a port of this host is dialled here, and one it does not publish is refused", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const forwards = new Map([[8080, { hostname: "localhost", port }]]);
  const { connect, events } = await mesh({ forwards });
  for (const name of ["me", VIPS.me]) {
    const [upstream, accepted] = await Promise.all([
      connect(name, 8080),
      listener.accept(),
    ]);
    assert.ok(upstream instanceof SocketStream);
    upstream.close();
    accepted.close();
  }
  listener.close();
  await failure(
    connect("me", 81),
    "refused",
    "Cannot connect to me:81 (refused): this host does not publish 81; it publishes 8080",
  );
  assert.deepEqual(events, []);
});

Deno.test("what no route takes is dialled by this machine", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const { connect, events } = await mesh({
    routes: [{ toCIDR: ["10.0.0.0/8"], toHostnameGlob: ["*.east"] }],
  });
  for (const name of ["127.0.0.1", "localhost"]) {
    const [upstream, accepted] = await Promise.all([
      connect(name, port),
      listener.accept(),
    ]);
    upstream.close();
    accepted.close();
  }
  listener.close();
  await assert.rejects(connect("127.0.0.1", port), { failure: "refused" });
  await assert.rejects(connect("nobody.invalid", port), { failure: "host-unknown" });
  assert.deepEqual(events, []);
});

Deno.test("a port that a host does not publish is told with those that it does", async () => {
  const many = Array.from({ length: 12 }, (_, index) => 8000 + index);
  const { connect } = await mesh({
    published: new Map([
      [parseIpv4(VIPS.web)!, [8080, 8443]],
      [parseIpv4(VIPS.east)!, []],
      [parseIpv4(VIPS.west)!, many],
    ]),
    verdicts: {
      [`web ${VIPS.web}:80`]: "refuse",
      [`web ${VIPS.web}:8080`]: "refuse",
      [`east ${VIPS.east}:80`]: "refuse",
      [`west ${VIPS.west}:80`]: "refuse",
    },
  });
  const table = {
    "web:80": ": web does not publish 80; it publishes 8080, 8443",
    "web:8080": "",
    "east:80": ": east does not publish 80; it publishes no port",
    "west:80":
      `: west does not publish 80; it publishes ${many.slice(0, 10).join(", ")}, ` +
      `… (12 in all)`,
  };
  for (const [target, said] of Object.entries(table)) {
    const [host, port] = target.split(":");
    await failure(
      connect(host!, Number(port)),
      "refused",
      `Cannot connect to ${target} (refused)${said}`,
    );
  }
});

Deno.test("why a connection failed is told with the target and the host on the way", async () => {
  const { connect, nodes, drive, connector } = await mesh({
    routes: [{ toCIDR: ["10.0.0.0/8"], toHostnameGlob: ["*.east"] }],
    names: { east: { "db.east": ["10.0.0.1"] } },
    verdicts: {
      [`web ${VIPS.web}:1`]: "refuse",
      [`web ${VIPS.web}:2`]: 1,
      [`web ${VIPS.web}:3`]: 12,
      "east 10.0.0.1:1": "refuse",
      "east 10.0.0.1:2": 10,
      [`web ${VIPS.web}:5`]: 13,
      "east 10.0.0.1:3": 0,
      [`web ${VIPS.web}:4`]: "hold",
    },
  });
  const cases: [string, number, DialFailure, string][] = [
    ["web", 1, "refused", "(refused)"],
    [
      "web",
      2,
      "host-unreachable",
      "(host unreachable): web is down, or cannot reach what it leads to",
    ],
    ["web", 3, "timed-out", "(timed out)"],
    ["web", 5, "forbidden", "(forbidden by the policy of the mesh)"],
    ["10.0.0.1", 1, "refused", "(refused): 10.0.0.1 behind east"],
    ["db.east", 2, "prohibited", "(prohibited): 10.0.0.1 behind east"],
    ["db.east", 3, "network-unreachable", "(network unreachable): 10.0.0.1 behind east"],
  ];
  for (const [host, port, reason, said] of cases) {
    await failure(
      connect(host, port),
      reason,
      `Cannot connect to ${host}:${port} ${said}`,
    );
  }
  await assert.rejects(connect("none.east", 80), (error) => {
    assert.ok(error instanceof DialError);
    assert.equal(error.failure, "host-unknown");
    assert.match(
      error.message,
      /^Cannot connect to none\.east:80 \(host unknown\): asked behind east: .*NXDOMAIN/,
    );
    return true;
  });
  const down = connector.connect("web", 4);
  down.catch(() => {});
  await Promise.resolve();
  nodes.me.stack.abortRange(parseIpv4(VIPS.web)!, 32);
  await failure(
    drive(down),
    "host-unreachable",
    "Cannot connect to web:4 (host unreachable): the host web is down",
  );
});

Deno.test("a name that this machine could not look up is not called unknown", async () => {
  const cases = [
    [
      "EAI_AGAIN",
      "failed",
      '(failed): Cannot look up "wiki.test": no name server of this machine answers',
    ],
    [
      "EAI_FAIL",
      "failed",
      '(failed): Cannot look up "wiki.test": the name server of this machine fails',
    ],
    [
      "ENOTFOUND",
      "host-unknown",
      "(host unknown): there is no such name, or it has no address",
    ],
  ] as const;
  for (const [lookupError, reason, said] of cases) {
    const routes = [{ toCIDR: ["10.0.0.0/8"] }];
    const { connect } = await mesh({ routes, lookupError });
    await failure(
      connect("wiki.test", 80),
      reason,
      `Cannot connect to wiki.test:80 ${said} (${lookupError})`,
    );
  }
});

Deno.test("an abort ends a connection that is being opened, at once", async () => {
  const { connect, ending, nodes } = await mesh({
    routes: [{ toHostnameGlob: ["*.east"] }],
    verdicts: {
      [`web ${VIPS.web}:80`]: "hold",
      [`east ${VIPS.east}:10053`]: "hold",
    },
  });
  const connections = () => nodes.me.stack.statistics().connections;
  const before = connections();
  for (const host of ["web", "db.east"]) {
    const one = new AbortController();
    const rejected = assert.rejects(connect(host, 80, one.signal), DialError);
    setTimeout(() => one.abort(), 20);
    await rejected;
  }
  const rejected = assert.rejects(connect("web", 80), DialError);
  setTimeout(() => ending.abort(), 20);
  await rejected;
  await assert.rejects(connect("web", 80), DialError);
  assert.equal(connections(), before);
});
