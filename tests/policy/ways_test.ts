/** A policy against every way into a mesh, with real processes. */
import assert from "node:assert/strict";
import { makeMachine } from "../harness/scene/machine.ts";
import { NOROUTER } from "../harness/scene/mesh.ts";
import { run } from "../harness/scene/process.ts";
import { e2e } from "../harness/scene/scene.ts";
import { until } from "../harness/scene/wait.ts";
import { attachSite, startServers } from "../harness/web/site.ts";
import {
  answersOf,
  CurlExit,
  curlOutcome,
  PROXIES,
  PROXY_WAYS,
  WAYS,
} from "../harness/web/ways.ts";
import { python } from "../interop/programs.ts";
import { PolicyManager } from "./policy_manager.ts";

const VIP = {
  laptop: "127.0.42.100",
  web: "127.0.42.101",
  east: "127.0.42.102",
  old: "127.0.42.103",
} as const;
const NETWORK = "192.168.95";
/** Ports that are scanned; the policy forbids the first half. */
const SCANNED = Array.from({ length: 64 }, (_, at) => 9000 + at);

const RULES = [
  "{ from: [laptop], to: [web], ports: [8080, 9032-9063], action: allow }",
  "{ from: [laptop, old], to: [web], action: deny }",
  `{ from: ["*"], to: ["secret.*.example"], action: deny }`,
  `{ from: [laptop, 127.0.42.103/32], to: [${NETWORK}.20/32, east], ports: [80], action: deny }`,
];

/** Connects to ports, and prints those that answer a request. */
const SCAN = `
import socket, sys
for port in map(int, sys.argv[2:]):
    try:
        with socket.create_connection((sys.argv[1], port), 10) as s:
            s.sendall(b"GET / HTTP/1.0\\r\\nHost: x\\r\\n\\r\\n")
            if s.recv(1): print(port)
    except OSError: pass
`;

e2e(
  "a policy is in force on every way in, and its words reach the client",
  async (scene) => {
    const laptop = await makeMachine(scene);
    const web = await makeMachine(scene);
    const east = await makeMachine(scene, { nameServer: `${NETWORK}.10` });
    const old = await makeMachine(scene);
    const names = {
      "www.east.example": `${NETWORK}.10`,
      "secret.east.example": `${NETWORK}.30`,
    };
    await attachSite(scene, east, {
      name: "site",
      network: NETWORK,
      more: [20, 30],
      names,
    });
    await startServers(scene, web, { name: "web", web: ["127.0.0.1:8080"] });
    const tunnels = [
      `18090=${NETWORK}.10:80`,
      `18091=${NETWORK}.20:80`,
      "18092=secret.east.example:80",
    ].flatMap((tunnel) => ["--tunnel", tunnel]);
    const manifest = {
      hostTemplate: { stateDir: { disable: true } },
      hosts: {
        laptop: { vip: VIP.laptop, ...PROXIES },
        web: {
          vip: VIP.web,
          cmd: web.command(...NOROUTER),
          ports: [8080, 8081, ...SCANNED].map((port) => `${port}:127.0.0.1:8080`),
        },
        east: { vip: VIP.east, cmd: east.command(...NOROUTER) },
        old: { vip: VIP.old, cmd: old.command(...python("agent.py", ...tunnels)) },
      },
      routes: [{ via: "east", to: [`${NETWORK}.0/24`, "*.east.example"] }],
    };
    const manager = await PolicyManager.start(scene, laptop, { manifest, rules: RULES });

    const allowed = {
      "web:8080": "web",
      [`${VIP.web}:8080`]: "web",
      "www.east.example:80": "site",
      [`${NETWORK}.10:80`]: "site",
      // A rule by name is about those who ask by that name.
      [`${NETWORK}.30:80`]: "site",
    };
    for (const [way, options] of Object.entries(PROXY_WAYS)) {
      for (const [target, name] of Object.entries(allowed)) {
        const [answer] = await answersOf(laptop, ...options, `http://${target}/`);
        assert.equal(answer!.name, name, `${target} by ${way}`);
      }
    }
    const denied = [
      "web:8081",
      `${VIP.web}:8081`,
      `${NETWORK}.20:80`,
      "secret.east.example:80",
    ];
    for (const target of denied) {
      const url = `http://${target}/`;
      const plain = await curlOutcome(laptop, ...PROXY_WAYS["HTTP proxy"], url);
      assert.equal(plain.status, 403, target);
      assert.match(plain.body, /\(forbidden by the policy of the mesh\)/);
      const tunnel = await curlOutcome(laptop, ...PROXY_WAYS["HTTP tunnel"], url);
      assert.equal(tunnel.connectStatus, 403, target);
      for (const way of ["SOCKS4a", "SOCKS5h"] as const) {
        const { exit, complaint } = await curlOutcome(laptop, ...PROXY_WAYS[way], url);
        assert.equal(exit, CurlExit.PROXY_REFUSED, complaint);
        assert.match(complaint, way === "SOCKS4a" ? /91/ : /\(2\)/);
      }
    }

    // The loopback, of an agent of ours and of one as NoRouter has.
    const [own] = await answersOf(laptop, ...WAYS.loopback, `http://${VIP.web}:8080/`);
    assert.equal(own!.name, "web");
    for (const [machine, port] of [[laptop, 8081], [old, 8080], [old, 8081]] as const) {
      const url = `http://${VIP.web}:${port}/`;
      const { exit } = await curlOutcome(machine, ...WAYS.loopback, url);
      // Ours resets; the other one closes without an answer.
      if (machine === old) assert.notEqual(exit, 0);
      else assert.equal(exit, CurlExit.RECEIVE_FAILED);
    }
    // Another host is not concerned.
    const [other] = await answersOf(east, ...WAYS.loopback, `http://${VIP.web}:8081/`);
    assert.equal(other!.name, "web");

    // Routes, from an agent as NoRouter has, which suggests without a name.
    const through = (port: number) =>
      curlOutcome(old, ...WAYS.loopback, `http://127.0.0.1:${port}/`);
    assert.equal((await through(18090)).status, 200);
    assert.notEqual((await through(18091)).exit, 0);
    assert.equal(
      (await through(18092)).status,
      200,
      "a rule by name needs an honest agent",
    );

    const before = (await manager.status()).packets.denied;
    const scan = ["python3", "-c", SCAN, VIP.web, ...SCANNED.map(String)];
    const open = (await run(scan, { namespace: laptop })).trim().split("\n").map(Number);
    assert.deepEqual(open, SCANNED.slice(32));
    const { packets, policy } = await manager.status();
    assert.equal(packets.denied - before, 32);
    assert.equal(policy.reduce((sum, { denied }) => sum + denied, 0), packets.denied);
    assert.ok(policy[0]!.allowed > 32);
    assert.equal(policy[1]!.at, manager.placeOf(2));

    const [first] = manager.events("denied");
    assert.equal(
      first!.message,
      `Forbidden by the policy: laptop to web:8081 (${manager.placeOf(2)})`,
    );
    const ofLaptop = manager.events("denied").filter(({ host }) => host === "laptop");
    assert.ok(ofLaptop.length <= 30, `${ofLaptop.length} events`);
    const more = await until(
      "the others, summed up",
      () => manager.events("moreDenied")[0],
    );
    assert.ok(more!.count > 10);
  },
  { limitMs: 180_000 },
);
