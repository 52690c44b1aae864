/**
 * Routes through bastions, together with NoRouter 0.6 played by programs in Python: each
 * of the manager, the bastion and the client in turn is the one that is not ours.
 *
 * @module
 */
import assert from "node:assert/strict";
import { curl } from "../harness/web/curl.ts";
import type { Namespace } from "../harness/scene/namespace.ts";
import { NOROUTER } from "../harness/scene/mesh.ts";
import { run } from "../harness/scene/process.ts";
import { e2e, type Scene } from "../harness/scene/scene.ts";
import { ask, assertContent, PythonAgent, startPythonManager } from "./programs.ts";
import { attachSubnet, LEARNT_ADDRESS, NAME, ROUTED_ADDRESS, ROUTES } from "./subnet.ts";

const PROXIES = {
  http: { listen: "127.0.0.1:18080" },
  socks: { listen: "127.0.0.1:18081" },
};

/** The ways in which curl goes through the proxies of a host. */
const WAYS: [string, string[]][] = [
  ["http-proxy", ["--proxy", "http://127.0.0.1:18080"]],
  ["http-tunnel", ["--proxytunnel", "--proxy", "http://127.0.0.1:18080"]],
  ["socks4a", ["--proxy", "socks4a://127.0.0.1:18081"]],
  ["socks5h", ["--proxy", "socks5h://127.0.0.1:18081"]],
];

/** Goes to the private network's web server by address and by name, in every way. */
async function assertReached(client: Namespace): Promise<void> {
  for (const [way, options] of WAYS) {
    for (const host of [ROUTED_ADDRESS, NAME]) {
      const url = `http://${host}/${way}`;
      const command = ["curl", "-sS", "--fail", "--max-time", "20", ...options, url];
      const answer = await run(command, { namespace: client });
      assert.equal(answer, `private /${way}`, `${host} by ${way}`);
    }
  }
}

e2e("our bastion and our client work under a manager of NoRouter 0.6", async (scene) => {
  const [gate, client] = [await scene.namespace(), await scene.namespace()];
  const resolving = await attachSubnet(scene, gate);
  const stateDir = { disable: true };
  const hosts = {
    gate: {
      vip: "127.0.42.101",
      namespace: gate,
      cmd: () => gate.command(...resolving(NOROUTER)),
      stateDir,
    },
    client: {
      vip: "127.0.42.102",
      namespace: client,
      aliases: ["client.example.com"],
      stateDir,
      ...PROXIES,
    },
  };
  const routes = [{ via: "gate", to: ROUTES }];
  const manager = await startPythonManager(scene, hosts, routes);
  await assertReached(client);
  const { host, ip, route } = await manager.report("suggestion");
  assert.deepEqual(
    { host, ip, route },
    { host: "client", ip: [LEARNT_ADDRESS], route: hosts.gate.vip },
  );
  const known = [[NAME, LEARNT_ADDRESS], [
    "client.example.com",
    hosts.client.vip,
  ]] as const;
  for (const [name, address] of known) {
    assert.equal(await ask(client, `${hosts.gate.vip}:10053`, name), address);
  }
  manager.signal("SIGTERM");
  assert.equal((await manager.end()).code, 0);
}, { needs: ["curl", "python3"] });

/** A mesh under our manager: the hosts `local`, `gate` and `client`, and the routes. */
async function routedMesh(
  scene: Scene,
  { gateCommand = NOROUTER, local = {}, clientCommand = NOROUTER, to = ROUTES }: {
    gateCommand?: readonly string[];
    local?: object;
    clientCommand?: readonly string[];
    to?: readonly string[];
  },
) {
  const [ours, gate, client] = [
    await scene.namespace(),
    await scene.namespace(),
    await scene.namespace(),
  ];
  const resolving = await attachSubnet(scene, gate);
  const manifest = {
    hostTemplate: { stateDir: { disable: true } },
    hosts: {
      local: { vip: "127.0.42.100", ...local },
      gate: { vip: "127.0.42.101", cmd: gate.command(...resolving(gateCommand)) },
      client: { vip: "127.0.42.102", cmd: client.command(...clientCommand), ...PROXIES },
    },
    routes: [{ via: "gate", to }],
  };
  // YAML takes JSON as it is.
  const manager = await scene.manager(JSON.stringify(manifest), ours);
  for (const host of Object.keys(manifest.hosts)) await manager.ready(host);
  return { manager, ours, client };
}

e2e("our client goes through a bastion of NoRouter 0.6", async (scene) => {
  const agent = new PythonAgent(await scene.folder(), "gate");
  const options = { gateCommand: agent.command, local: PROXIES };
  const { manager, ours } = await routedMesh(scene, options);
  await assertReached(ours);
  assert.equal(await ask(ours, "127.0.42.101:10053", NAME), LEARNT_ADDRESS);
  manager.signal("SIGTERM");
  await manager.end();
  assertContent(await agent.report());
}, { needs: ["curl", "python3"] });

e2e("a client of NoRouter 0.6 goes through our bastion", async (scene) => {
  const tunnels = [`18080=${NAME}:80`, `18082=${ROUTED_ADDRESS}:80`];
  const agent = new PythonAgent(
    await scene.folder(),
    "client",
    ...tunnels.flatMap((tunnel) => ["--tunnel", tunnel]),
  );
  const { manager, client } = await routedMesh(scene, { clientCommand: agent.command });
  for (const port of [18080, 18082, 18080]) {
    const answer = await curl(client, `http://127.0.0.1:${port}/${port}`);
    assert.equal(answer, `private /${port}`);
  }
  manager.signal("SIGTERM");
  await manager.end();
  assertContent(await agent.report());
}, { needs: ["curl", "python3"] });

/** Opens the tunnel at a port and asserts that it ends at once, with nothing received. */
async function assertEnds(scene: Scene, client: Namespace, port: number): Promise<void> {
  const peer = scene.client(client, "dial", "127.0.0.1", port);
  const { ending, received } = await peer.report("done", undefined, { limitMs: 10_000 });
  assert.deepEqual({ ending, received }, { ending: "end", received: "" }, `port ${port}`);
}

// 192.0.2.0/24 and 198.51.100.0/24 are for documentation (RFC 5737).

e2e("a client of NoRouter 0.6 is told what our bastion cannot reach", async (scene) => {
  const agent = new PythonAgent(
    await scene.folder(),
    "client",
    ...["--tunnel", "18080=192.0.2.1:80"], // routed, but the bastion has no way there
    ...["--tunnel", "18082=198.51.100.1:80"], // not routed
  );
  const to = [...ROUTES, "192.0.2.0/24"];
  const { manager, client } = await routedMesh(scene, {
    clientCommand: agent.command,
    to,
  });
  for (const port of [18080, 18082]) await assertEnds(scene, client, port);
  manager.signal("SIGTERM");
  await manager.end();
  assertContent(await agent.report());
}, { needs: ["curl", "python3"] });

e2e(
  "our bastion refuses a client of NoRouter 0.6 under a manager of 0.6",
  async (scene) => {
    const agent = new PythonAgent(
      await scene.folder(),
      "client",
      ...["--tunnel", "18080=127.0.0.5:80"], // no catch-all leads to a bastion's own loopback
      ...["--tunnel", "18082=192.0.2.1:80"],
    );
    const [gate, client] = [await scene.namespace(), await scene.namespace()];
    const hosts = {
      gate: { vip: "127.0.42.101", namespace: gate, stateDir: { disable: true } },
      client: { vip: "127.0.42.102", namespace: client, cmd: agent.cmd },
    };
    const routes = [{ via: "gate", to: ["0.0.0.0/0"] }];
    const manager = await startPythonManager(scene, hosts, routes);
    for (const port of [18080, 18082]) await assertEnds(scene, client, port);
    manager.signal("SIGTERM");
    assert.equal((await manager.end()).code, 0);
    assertContent(await agent.report());
  },
  { needs: ["python3"] },
);
