import assert from "node:assert/strict";
import { Network, type Node } from "../stack/_network.ts";
import type { TcpConnection } from "../stack/tcp.ts";
import { until, within } from "../tests/harness/scene/wait.ts";
import type { WireRoute } from "../wire/control/control.ts";
import { formatIpv4, parseIpv4 } from "../wire/ip/ipv4.ts";
import { answerOf, ipBytes } from "./dns/_fake_dns.ts";
import { Connector, type Upstream } from "./connector.ts";
import { DialError, type DialFailure } from "./edge/dial.ts";
import { Directory } from "./directory.ts";
import { lookup } from "./edge/lookup.ts";
import { NameServer } from "./dns/name_server.ts";
import { MeshStream, SocketStream } from "./edge/stream.ts";

const VIPS = {
  me: "127.0.42.100",
  web: "127.0.42.101",
  east: "127.0.42.102",
  west: "127.0.42.103",
} as const;
type Host = keyof typeof VIPS;

/** What a host does with a SYN: takes it, refuses it, answers with an ICMP code, or waits. */
type Verdict = "accept" | "refuse" | "hold" | number;

interface MeshOptions {
  readonly routes?: readonly Partial<WireRoute>[];
  readonly forwards?: Map<number, { hostname: string; port: number }>;
  readonly published?: Map<number, number[]>;
  /** By host and address with port, as in `east 10.0.0.1:80`; `accept` where not said. */
  readonly verdicts?: Record<string, Verdict>;
  /** Addresses of names, by host, or the code that a name is answered with. */
  readonly names?: Partial<Record<Host, Record<string, string[] | number>>>;
  readonly ttl?: number;
  /** The code of the error with which this machine looks up any name. */
  readonly lookupError?: string;
}

/** A connector with its stack, among hosts whose packets a manager of the test carries. */
async function mesh(options: MeshOptions = {}) {
  const network = new Network();
  const nodes = {} as Record<Host, Node>;
  for (const [name, vip] of Object.entries(VIPS)) {
    nodes[name as Host] = await network.add(vip);
  }
  const byVip = new Map(Object.values(nodes).map((node) => [node.address, node]));
  const events: string[] = [];
  const suggested = new Map<number, Node>();
  const flows = new Map<string, Node>();
  network.lose = (packet) => {
    const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
    const to = view.getUint32(16);
    const at = (packet[0]! & 15) * 4;
    const isSyn = packet[9] === 6 && (packet[at + 13]! & 0x12) === 2;
    if (isSyn) events.push(`SYN ${formatIpv4(to)}:${view.getUint16(at + 2)}`);
    if (byVip.has(to)) return false;
    const flow = `${view.getUint16(at)} ${to}`;
    const node = isSyn ? suggested.get(to) ?? nodes.east : flows.get(flow);
    if (isSyn) flows.set(flow, node!);
    if (node) network.inject(node, packet);
    return true;
  };
  const unsent: (() => void)[] = [];
  const ending = new AbortController();
  const directory = new Directory({
    me: parseIpv4(VIPS.me)!,
    names: { ...VIPS, "web.example": VIPS.web },
    routes: (options.routes ?? []).map((route) => ({
      toCIDR: [],
      toHostnameGlob: [],
      via: VIPS.east,
      ...route,
    })) as WireRoute[],
  });
  const connector = new Connector({
    me: parseIpv4(VIPS.me)!,
    stack: nodes.me.stack,
    directory,
    forwards: options.forwards ?? new Map(),
    suggest: (address, via) => {
      events.push(`${formatIpv4(address)} is behind ${directory.nameOf(via)}`);
      suggested.set(address, byVip.get(via)!);
    },
    sent: () => new Promise((resolve) => unsent.push(resolve)),
    warn: (message) => events.push(message),
    ...(options.published && { published: options.published }),
    ...(options.lookupError !== undefined && {
      lookup: (name, signal) => {
        const code = options.lookupError;
        const error = Object.assign(new Error(`getaddrinfo ${code} ${name}`), { code });
        return lookup(name, signal, { system: () => Promise.reject(error) });
      },
    }),
    signal: ending.signal,
  });
  const taken: { host: string; to: string; connection: TcpConnection }[] = [];
  const upstream = (host: Host) => ({
    ask: (query: Uint8Array) => {
      let name = "";
      for (let at = 12; query[at] !== 0; at += 1 + query[at]!) {
        name += `.${String.fromCharCode(...query.subarray(at + 1, at + 1 + query[at]!))}`;
      }
      events.push(`${host} is asked for ${name.slice(1)}`);
      const addresses = options.names?.[host]?.[name.slice(1)] ?? 3;
      if (typeof addresses === "number") {
        return Promise.resolve(answerOf(query, { rcode: addresses }));
      }
      const answers = addresses.map((address) => {
        return { type: 1, ttl: options.ttl ?? 100, data: ipBytes(address) };
      });
      return Promise.resolve(answerOf(query, { answers }));
    },
  });
  const serve = (host: Host, connection: TcpConnection) => {
    const { localAddress, localPort } = connection.ends;
    const to = `${formatIpv4(localAddress)}:${localPort}`;
    const verdict = options.verdicts?.[`${host} ${to}`] ?? "accept";
    if (verdict === "refuse") return connection.refuse();
    if (verdict === "hold") return;
    if (typeof verdict === "number") return connection.refuse(verdict);
    connection.accept();
    if (localPort === 10053) {
      const server = new NameServer({
        names: new Map(),
        namesOf: () => [],
        upstream: upstream(host),
        mayAsk: () => true,
      });
      const serving = (async () => {
        await connection.opened();
        await server.serve(new MeshStream(connection));
      })();
      serving.catch(() => {});
    } else taken.push({ host, to, connection });
  };
  /** Carries packets until `promise` has settled. */
  const drive = async <T>(promise: Promise<T>): Promise<T> => {
    let isOver = false;
    const over = promise.finally(() => isOver = true);
    over.catch(() => {});
    const carrying = (async () => {
      while (!isOver) {
        await network.settle();
        for (const sent of unsent.splice(0)) sent();
        for (const [host, { arrived }] of Object.entries(nodes)) {
          for (const one of arrived.splice(0)) serve(host as Host, one);
        }
      }
    })();
    try {
      return await within("the connection", over, 10_000);
    } finally {
      isOver = true;
      await carrying;
    }
  };
  const connect = (host: string, port: number, signal?: AbortSignal) => {
    return drive(connector.connect(host, port, signal));
  };
  /** Connects, tells where to, and lets go again. */
  const reach = async (host: string, port = 80): Promise<string> => {
    const upstream: Upstream = await connect(host, port);
    const last = taken.at(-1)!;
    upstream.reset();
    await network.settle();
    return `${last.host} ${last.to}`;
  };
  return { connect, reach, drive, connector, events, network, nodes, ending, taken };
}

async function failure(
  promise: Promise<unknown>,
  expected: DialFailure,
  message: string,
): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof DialError, `${error}`);
    assert.equal(error.message, message);
    assert.equal(error.failure, expected);
    return true;
  });
}

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

Deno.test("a name behind a bastion: its addresses in order, each told before its SYN", async () => {
  const { reach, events } = await mesh({
    routes: [{ toHostnameGlob: ["*.east"] }],
    names: { east: { "db.east": ["10.0.0.1", "10.0.0.2", "10.0.0.3"] } },
    verdicts: { "east 10.0.0.1:80": "refuse" },
  });
  assert.equal(await reach("DB.east"), "east 10.0.0.2:80");
  const tries = [
    "10.0.0.1 is behind east",
    "SYN 10.0.0.1:80",
    "10.0.0.2 is behind east",
    "SYN 10.0.0.2:80",
  ];
  assert.deepEqual(events.splice(0), [
    `SYN ${VIPS.east}:10053`,
    "east is asked for db.east",
    ...tries,
  ]);
  assert.equal(await reach("db.east."), "east 10.0.0.2:80");
  assert.deepEqual(events.splice(0), tries, "the name is remembered");
});

Deno.test("a name is asked for again when its time is over", async () => {
  const { reach, events } = await mesh({
    routes: [{ toHostnameGlob: ["*.east"] }],
    names: { east: { "db.east": ["10.0.0.1"] } },
    ttl: 0,
  });
  for (let i = 0; i < 2; i++) assert.equal(await reach("db.east"), "east 10.0.0.1:80");
  assert.equal(events.filter((event) => event.includes("asked")).length, 2);
});

Deno.test("a remembered name that the bastion no longer dials is asked for again", async () => {
  const verdicts: Record<string, Verdict> = {};
  const { reach, events } = await mesh({
    routes: [{ toHostnameGlob: ["*.east"] }],
    names: { east: { "db.east": ["10.0.0.1"] } },
    verdicts,
  });
  await reach("db.east");
  verdicts["east 10.0.0.1:80"] = 13; // it was started anew
  events.length = 0;
  await assert.rejects(reach("db.east"), { failure: "prohibited" });
  assert.equal(events.filter((event) => event.includes("asked")).length, 1);
});

Deno.test("an address of a range is told only if something else was told before", async () => {
  const { reach, events } = await mesh({
    routes: [
      { toCIDR: ["10.0.0.0/8"], via: VIPS.east },
      { toHostnameGlob: ["*.west"], via: VIPS.west },
    ],
    names: { west: { "db.west": ["10.0.0.1"] } },
  });
  assert.equal(await reach("10.0.0.1"), "east 10.0.0.1:80");
  assert.deepEqual(events.splice(0), ["SYN 10.0.0.1:80"]);
  assert.equal(await reach("db.west"), "west 10.0.0.1:80");
  assert.equal(await reach("10.0.0.1"), "east 10.0.0.1:80");
  assert.deepEqual(events.slice(-2), ["10.0.0.1 is behind east", "SYN 10.0.0.1:80"]);
});

Deno.test("equal addresses behind two bastions are reached each by its name", async () => {
  const { reach, drive, connector, taken } = await mesh({
    routes: [
      { toHostnameGlob: ["*.east"], via: VIPS.east },
      { toHostnameGlob: ["*.west"], via: VIPS.west },
    ],
    names: {
      east: { "db.east": ["10.0.0.1"] },
      west: { "db.west": ["10.0.0.1"] },
    },
  });
  for (let i = 0; i < 3; i++) {
    for (const side of ["east", "west"]) {
      assert.equal(await reach(`db.${side}`), `${side} 10.0.0.1:80`);
    }
  }
  taken.length = 0;
  const ports = Array.from({ length: 20 }, (_, i) => 1000 + i);
  const all = await drive(Promise.all(
    ports.map((port) => connector.connect(port % 2 ? "db.west" : "db.east", port)),
  ));
  const expected = ports.map((port) => `${port % 2 ? "west" : "east"} 10.0.0.1:${port}`);
  assert.deepEqual(taken.map(({ host, to }) => `${host} ${to}`).sort(), expected.sort());
  for (const one of all) one.reset();
});

Deno.test("a target that does not answer holds back nobody who wants another bastion's", async () => {
  const { drive, connector, events, taken } = await mesh({
    routes: [
      { toHostnameGlob: ["*.east"], via: VIPS.east },
      { toHostnameGlob: ["*.west"], via: VIPS.west },
    ],
    names: {
      east: { "db.east": ["10.0.0.1"] },
      west: { "db.west": ["10.0.0.1"] },
    },
    verdicts: { "east 10.0.0.1:81": "hold" },
  });
  const silent = new AbortController();
  await drive((async () => {
    const holds = connector.connect("db.east", 81, silent.signal);
    holds.catch(() => {});
    await until("its SYN", () => events.includes("SYN 10.0.0.1:81"));
    (await connector.connect("db.west", 82)).reset();
    assert.deepEqual(taken.map(({ host, to }) => `${host} ${to}`), ["west 10.0.0.1:82"]);
    silent.abort();
    await assert.rejects(holds, DialError);
  })());
});

Deno.test("a name behind a bastion leads to no host of the mesh, among whatever addresses", async () => {
  const answers: Record<string, [string[], string]> = {
    "other.east": [[VIPS.west], "west"],
    "laptop.east": [[VIPS.me], "me"],
    "itself.east": [[VIPS.east], "east"],
    "among.east": [["10.0.0.1", VIPS.web, "10.0.0.2"], "web"],
  };
  const names = Object.fromEntries(
    Object.entries(answers).map(([name, [addresses]]) => [name, addresses]),
  );
  const { connect, events, taken } = await mesh({
    routes: [{ toHostnameGlob: ["*.east"], toCIDR: ["127.0.42.0/24"] }],
    names: { east: names },
  });
  for (const [name, [, host]] of Object.entries(answers)) {
    const reason = `behind east, "${name}" is said to be at ` +
      `${VIPS[host as Host]}, which is the host ${host} of the mesh`;
    for (let times = 0; times < 2; times++) {
      events.length = 0;
      await failure(
        connect(name, 80),
        "prohibited",
        `Cannot connect to ${name}:80 (prohibited): ${reason}`,
      );
      assert.equal(events.at(-1), `Did not connect to ${name}:80: ${reason}`);
    }
  }
  assert.deepEqual(taken, []);
});

Deno.test("a name behind a bastion leads to an address of each machine only if a range names it", async () => {
  const names = {
    "metadata.east": ["169.254.169.254"],
    "home.east": ["127.0.0.1"],
    "both.east": ["127.0.0.1", "10.0.0.1"],
  };
  const { reach, connect } = await mesh({
    routes: [
      { toHostnameGlob: ["*.east"], toCIDR: ["169.254.169.254/32", "0.0.0.0/0"] },
      { toCIDR: ["169.254.0.0/16", "127.0.0.1/32"], via: VIPS.west },
    ],
    names: { east: names },
  });
  assert.equal(await reach("metadata.east"), "east 169.254.169.254:80");
  assert.equal(await reach("both.east"), "east 10.0.0.1:80");
  await failure(
    connect("home.east", 80),
    "prohibited",
    `Cannot connect to home.east:80 (prohibited): behind east, "home.east" is said to ` +
      `be at 127.0.0.1, an address that each machine has for itself`,
  );
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

Deno.test("who waits for an address tells where it is if others told so meanwhile", async () => {
  const { reach, drive, connector, events, taken } = await mesh({
    routes: [
      { toCIDR: ["10.0.0.0/8"], toHostnameGlob: ["*.east"], via: VIPS.east },
      { toHostnameGlob: ["*.west"], via: VIPS.west },
    ],
    names: {
      east: { "db.east": ["10.0.0.1"] },
      west: { "db.west": ["10.0.0.1"] },
    },
    verdicts: { "east 10.0.0.1:81": "hold" },
  });
  // Both names are remembered from here on, and east is the last that was told.
  for (const name of ["db.west", "db.east"]) await reach(name);
  taken.length = 0;
  events.length = 0;
  const first = new AbortController();
  const all = await drive((async () => {
    const holds = connector.connect("db.east", 81, first.signal);
    const waits = [
      connector.connect("db.west", 82),
      connector.connect("10.0.0.1", 83), // of the range, so in east
    ];
    const over = Promise.all(waits);
    over.catch(() => {});
    await until("the first SYN", () => events.includes("SYN 10.0.0.1:81"));
    first.abort();
    await assert.rejects(holds, DialError);
    return await over;
  })());
  assert.deepEqual(taken.map(({ host, to }) => `${host} ${to}`), [
    "west 10.0.0.1:82",
    "east 10.0.0.1:83",
  ]);
  assert.deepEqual(events, [
    "10.0.0.1 is behind east",
    "SYN 10.0.0.1:81",
    "10.0.0.1 is behind west",
    "SYN 10.0.0.1:82",
    "10.0.0.1 is behind east",
    "SYN 10.0.0.1:83",
  ]);
  for (const one of all) one.reset();
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
      "east 10.0.0.1:2": 13,
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

Deno.test("a name that a bastion could not look up is not called unknown", async () => {
  const verdicts: Record<string, Verdict> = {};
  const { connect } = await mesh({
    routes: [{ toHostnameGlob: ["*.east"] }],
    names: { east: { "failing.east": 2, "secret.east": 5 } },
    verdicts,
  });
  const cases = [
    ["failing.east", "it answered SERVFAIL"],
    ["secret.east", "it answered REFUSED"],
    ["any.east", "it refused"],
  ] as const;
  for (const [name, said] of cases) {
    if (name === "any.east") verdicts[`east ${VIPS.east}:10053`] = "refuse";
    await failure(
      connect(name, 80),
      "failed",
      `Cannot connect to ${name}:80 (failed): ` +
        `Cannot resolve "${name}" through the name server of east: ${said}`,
    );
  }
});

Deno.test("a name that this machine could not look up is not called unknown", async () => {
  const cases = [
    ["EAI_AGAIN", "failed", '(failed): Cannot look up "wiki.test": '],
    ["EAI_FAIL", "failed", '(failed): Cannot look up "wiki.test": '],
    ["ENOTFOUND", "host-unknown", "(host unknown): "],
  ] as const;
  for (const [lookupError, reason, said] of cases) {
    const routes = [{ toCIDR: ["10.0.0.0/8"] }];
    const { connect } = await mesh({ routes, lookupError });
    await failure(
      connect("wiki.test", 80),
      reason,
      `Cannot connect to wiki.test:80 ${said}getaddrinfo ${lookupError} wiki.test`,
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
