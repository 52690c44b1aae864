import assert from "node:assert/strict";
import { manifestFromObject } from "../manifest/manifest.ts";
import { builtinTransports } from "../transports/registry.ts";
import { configureArgs, neededFeatures } from "./configure.ts";
import { parseConfigureArgs } from "../wire/control.ts";

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
}, { path: "mesh.yaml", transports: builtinTransports });

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
