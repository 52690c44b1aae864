import assert from "node:assert/strict";
import type { EgressSpec } from "../manifest/manifest.ts";
import { manifestFromObject } from "../manifest/parse.ts";
import { builtinTransports } from "../transports/registry.ts";
import { configureArgs, describeLack, extendArgs, neededFeatures } from "./configure.ts";
import { parseConfigureArgs, parseExtendArgs } from "../wire/control/control.ts";

const PARSING = { path: "mesh.yaml", transports: builtinTransports };

const manifest = manifestFromObject({
  hosts: {
    local: {
      vip: "127.0.42.100",
      http: { listen: "127.0.0.1:18080" },
      aliases: ["laptop"],
    },
    web: {
      cmd: "docker exec -i web norouter",
      vip: "127.0.42.101",
      ports: ["8080:127.0.0.1:80", "5432:db:5432/tcp"],
      loopback: { disable: true },
      stateDir: { pathOnAgent: "/var/lib/norouter", disable: false },
      writeEtcHosts: true,
    },
    gate: {
      cmd: "ssh gate norouter",
      vip: "127.0.42.102",
      ports: ["22:127.0.0.1:22"],
      socks: { listen: ":1080" },
      stateDir: { disable: true },
    },
  },
  routes: [
    { via: "gate", to: ["192.168.95.0/24", "*.internal", "10.0.0.0/8"] },
    { via: "127.0.42.101", to: ["*.cloud"] },
  ],
}, PARSING);

function host(name: string) {
  return manifest.hosts.find((host) => host.name === name)!;
}

const hostnameMap = {
  local: "127.0.42.100",
  laptop: "127.0.42.100",
  web: "127.0.42.101",
  gate: "127.0.42.102",
};
const routes = [
  {
    toCIDR: ["192.168.95.0/24", "10.0.0.0/8"],
    toHostnameGlob: ["*.internal"],
    via: "127.0.42.102",
  },
  { toCIDR: [], toHostnameGlob: ["*.cloud"], via: "127.0.42.101" },
];
const nameServers = [100, 101, 102].map((last) => ({
  ip: `127.0.42.${last}`,
  port: 10053,
  proto: "tcp",
}));
const tcp = (ip: string, port: number) => ({ ip, port, proto: "tcp" });

Deno.test("each host is told its own ports, those of the others, and all names", () => {
  assert.deepEqual(configureArgs(manifest, host("local")), {
    me: "127.0.42.100",
    forwards: [],
    others: [
      tcp("127.0.42.101", 8080),
      tcp("127.0.42.101", 5432),
      tcp("127.0.42.102", 22),
    ],
    hostnameMap,
    http: { listen: "127.0.0.1:18080" },
    loopback: { disable: false },
    stateDir: { disable: false },
    writeEtcHosts: false,
    routes,
    nameServers,
    tellNames: true,
  });
  assert.deepEqual(configureArgs(manifest, host("web")), {
    me: "127.0.42.101",
    forwards: [
      { listen_port: 8080, connect_ip: "127.0.0.1", connect_port: 80, proto: "tcp" },
      { listen_port: 5432, connect_ip: "db", connect_port: 5432, proto: "tcp" },
    ],
    others: [tcp("127.0.42.102", 22)],
    hostnameMap,
    loopback: { disable: true },
    stateDir: { path: "/var/lib/norouter", disable: false },
    writeEtcHosts: true,
    routes,
    nameServers,
    tellNames: true,
  });
});

Deno.test("what is sent is what an agent's own reading of it expects", () => {
  for (const host of manifest.hosts) {
    const args = configureArgs(manifest, host);
    assert.deepEqual(parseConfigureArgs(JSON.parse(JSON.stringify(args))), args);
  }
});

Deno.test("an agent needs tcp, and what its host's fields ask for", () => {
  const table = {
    local: { required: ["tcp"], wanted: ["loopback", "http", "routes"] },
    web: { required: ["tcp", "loopback.disable"], wanted: ["hostaliases", "etchosts"] },
    gate: { required: ["tcp"], wanted: ["loopback", "socks", "routes"] },
  };
  for (const [name, needed] of Object.entries(table)) {
    assert.deepEqual(neededFeatures(manifest, host(name)), needed, name);
  }
});

/** A bastion, and clients that use it each in their way. */
const guarded = manifestFromObject({
  hosts: {
    gate: { cmd: "ssh gate norouter", vip: "127.0.42.102", ports: ["22:127.0.0.1:22"] },
    both: {
      vip: "127.0.42.100",
      http: { listen: ":18080", auth: { username: "u", password: "hunter2" } },
      socks: { listen: "127.0.0.1:18081", auth: { username: "v", passwordEnv: "PASS" } },
    },
    one: {
      cmd: "x",
      http: { listen: "127.0.0.1:18080" },
      socks: { listen: ":18081", auth: { username: "u", password: "hunter2" } },
    },
    open: { cmd: "y", http: { listen: "127.0.0.1:18080" } },
  },
  routes: [
    { via: "gate", to: ["10.0.0.0/8", "192.168.0.0/16"], notTo: ["10.128.0.0/9"] },
    { via: "gate", to: ["*.example.com"], notTo: ["*.intern.example.com"] },
  ],
}, { ...PARSING, env: () => "from outside" });

function guardedHost(name: string) {
  return guarded.hosts.find((host) => host.name === name)!;
}

const exceptions = [{ route: 1, hostnames: ["*.intern.example.com"] }];

Deno.test("a proxy with a password is in extend, and not in configure", () => {
  const { http, socks } = configureArgs(guarded, guardedHost("both"));
  assert.deepEqual([http, socks], [undefined, undefined]);
  assert.deepEqual(extendArgs(guarded, guardedHost("both")), {
    http: { listen: ":18080", auth: { username: "u", password: "hunter2" } },
    socks: {
      listen: "127.0.0.1:18081",
      auth: { username: "v", password: "from outside" },
    },
    exceptions,
  });

  const one = configureArgs(guarded, guardedHost("one"));
  assert.deepEqual([one.http, one.socks], [{ listen: "127.0.0.1:18080" }, undefined]);
  assert.deepEqual(extendArgs(guarded, guardedHost("one")), {
    socks: { listen: ":18081", auth: { username: "u", password: "hunter2" } },
    exceptions,
  });
});

Deno.test("no configure of a mesh holds a password", () => {
  for (const host of guarded.hosts) {
    const text = JSON.stringify(configureArgs(guarded, host));
    assert.doesNotMatch(text, /hunter2|from outside/);
  }
});

Deno.test("ranges that a route excepts are missing in configure, names are in extend", () => {
  const { routes } = configureArgs(guarded, guardedHost("open"));
  const via = "127.0.42.102";
  assert.deepEqual(routes, [
    { toCIDR: ["10.0.0.0/9", "192.168.0.0/16"], toHostnameGlob: [], via },
    { toCIDR: [], toHostnameGlob: ["*.example.com"], via },
  ]);
  assert.deepEqual(extendArgs(guarded, guardedHost("open")), { exceptions });
});

Deno.test("what is no bastion and has no proxy, and a mesh without additions, need no extend", () => {
  assert.deepEqual(
    Object.keys(extendArgs(guarded, guardedHost("gate"))!),
    ["exceptions"],
    "a bastion obeys exceptions too",
  );
  const plain = manifestFromObject({ hosts: { a: {}, b: { cmd: "b" } } }, PARSING);
  for (const host of plain.hosts) {
    assert.equal(extendArgs(plain, host), undefined, host.name);
  }
});

Deno.test("every agent is told which names are aliases, and for whom to resolve", () => {
  const hosts = {
    laptop: { vip: "127.0.42.100", resolveFor: ["web"], aliases: ["me.example"] },
    web: { cmd: "web", vip: "127.0.42.101", resolveFor: ["*"] },
    db: { cmd: "db", aliases: ["sql"] },
  };
  const parsed = manifestFromObject({ hosts }, PARSING);
  const aliases = ["me.example", "sql"];
  assert.deepEqual(parsed.hosts.map((host) => extendArgs(parsed, host)), [
    { aliases, resolveFor: ["127.0.42.101"] },
    { aliases, resolveFor: ["*"] },
    { aliases },
  ]);
  // An agent that does not know it tells everybody everything: what is no restriction is fine.
  assert.deepEqual(
    parsed.hosts.map((host) =>
      neededFeatures(parsed, host).wanted.includes("resolveFor")
    ),
    [true, false, false],
  );
});

Deno.test("what extend is sent is what an agent's own reading of it expects", () => {
  for (const host of guarded.hosts) {
    const args = extendArgs(guarded, host);
    if (args) assert.deepEqual(parseExtendArgs(JSON.parse(JSON.stringify(args))), args);
  }
});

Deno.test("a password needs extend, excepted names only want it", () => {
  const table: Record<string, [boolean, boolean]> = {
    gate: [false, true],
    both: [true, false],
    one: [true, false],
    open: [false, true],
  };
  for (const [name, expected] of Object.entries(table)) {
    const { required, wanted } = neededFeatures(guarded, guardedHost(name));
    const has = [required.includes("extend"), wanted.includes("extend")];
    assert.deepEqual(has, expected, name);
  }
});

Deno.test("what an agent lacks is told in words", () => {
  assert.equal(
    describeLack(["tcp", "loopback.disable"]),
    "lacks what its host needs: tcp, loopback.disable",
  );
  assert.match(
    describeLack(["extend"]),
    /^cannot ask for the password that "auth" of its host wants \(feature extend\): /,
  );
  assert.match(
    describeLack(["extend", "tcp"]),
    /^lacks what its host needs: tcp; it cannot ask for the password/,
  );
});

Deno.test("egress is in extend, needs its feature, and makes routes a concern of its host", () => {
  const hosts = { gate: { cmd: "gate" }, app: { cmd: "app" }, plain: { cmd: "plain" } };
  const routes = [{ via: "gate", to: ["*.internal"], notTo: ["x.internal"] }];
  const parsed = manifestFromObject({ hosts, routes }, PARSING);
  const [gate, app, plain] = parsed.hosts;
  const rule = { proto: "tcp", connectPort: 5432, at: app!.at } as const;
  const egress: EgressSpec[] = [
    { ...rule, listenHost: "127.0.0.1", listenPort: 5432, connectHost: "gate" },
    { ...rule, listenHost: "::1", listenPort: 5433, connectHost: "db.internal" },
  ];
  const host = { ...app!, egress };
  const manifest = { ...parsed, hosts: [gate!, host, plain!] };
  const args = extendArgs(manifest, host)!;
  assert.deepEqual(args, {
    exceptions: [{ route: 0, hostnames: ["x.internal"] }],
    egress: [
      {
        proto: "tcp",
        listen: "127.0.0.1:5432",
        connect_host: "gate",
        connect_port: 5432,
      },
      {
        proto: "tcp",
        listen: "[::1]:5433",
        connect_host: "db.internal",
        connect_port: 5432,
      },
    ],
  });
  assert.deepEqual(parseExtendArgs(JSON.parse(JSON.stringify(args))), args);
  assert.deepEqual(neededFeatures(manifest, host).required, ["tcp", "egress"]);
  assert.deepEqual(neededFeatures(manifest, plain!).required, ["tcp"]);
  assert.equal(extendArgs(manifest, plain!), undefined);
  assert.equal(
    describeLack(["egress"]),
    `cannot listen for the "egress" of its host (feature egress): install this version of ` +
      `norouter there, or leave "egress" out`,
  );
});

Deno.test("egress rules of one address take turns, however it is spelt", () => {
  const egress = ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"].map((address) =>
    `tcp:${address}:5432:gate:1`
  );
  const manifest = manifestFromObject({
    hosts: { app: { egress }, gate: { cmd: "gate" } },
  }, PARSING);
  const listens = extendArgs(manifest, manifest.hosts[0]!)!.egress!;
  assert.deepEqual(listens.map(({ listen }) => listen), Array(3).fill("127.0.0.1:5432"));
});
