/**
 * Agents that say that addresses of others lie behind them: nobody is led there, and they
 * themselves do not get further than the routes go.
 *
 * @module
 */
import assert from "node:assert/strict";
import { makeMachine } from "../harness/scene/machine.ts";
import { NOROUTER } from "../harness/scene/mesh.ts";
import { run } from "../harness/scene/process.ts";
import { e2e } from "../harness/scene/scene.ts";
import { attachSite, startServers } from "../harness/web/site.ts";
import {
  answersOf,
  curlOutcome,
  PROXIES,
  PROXY_WAYS,
  WAYS,
} from "../harness/web/ways.ts";
import { python } from "../interop/programs.ts";

const VIP = {
  laptop: "127.0.42.100",
  web: "127.0.42.101",
  east: "127.0.42.102",
  rogue: "127.0.42.103",
  spy: "127.0.42.104",
} as const;
const WWW = "192.168.95.10";
/** An address of the bastion that no route names. */
const UNNAMED = "172.31.0.1";
/** Where a claimant goes into the mesh with packets of its own. */
const TUNNELS = { 18090: WWW, 18091: "127.0.0.1", 18092: UNNAMED } as const;

/** A claimant's command: all of these addresses for itself, and two towards `east`. */
function claimant(vip: string): string[] {
  const claims = [...Object.values(VIP), WWW, "10.66.0.1"].map((each) =>
    `${each}=${vip}`
  );
  const further = ["127.0.0.1", UNNAMED].map((each) => `${each}=${VIP.east}`);
  const tunnels = Object.entries(TUNNELS).map(([port, to]) => `${port}=${to}:80`);
  return python(
    "claiming_agent.py",
    ...[...claims, ...further].flatMap((claim) => ["--claim", claim]),
    ...tunnels.flatMap((tunnel) => ["--tunnel", tunnel]),
  );
}

e2e("an agent that claims what is not its own diverts nobody", async (scene) => {
  const laptop = await makeMachine(scene);
  const web = await makeMachine(scene);
  const east = await makeMachine(scene, { nameServer: WWW });
  const names = { "www.east.example": WWW };
  await attachSite(scene, east, { name: "east site", network: "192.168.95", names });
  await run(["ip", "-n", east.name, "addr", "add", `${UNNAMED}/32`, "dev", "lo"]);
  await startServers(scene, east, { name: "east itself", web: ["0.0.0.0:80"] });
  await startServers(scene, web, { name: "web", web: ["127.0.0.1:8080"] });
  // `rogue` has no route at all, `spy` has one: for other addresses.
  const claimants = { rogue: await makeMachine(scene), spy: await makeMachine(scene) };
  for (const [name, machine] of Object.entries(claimants)) {
    // It would answer to every address that it claims.
    for (const range of ["192.168.95.0/24", "10.66.0.0/16"]) {
      const local = ["route", "add", "local", range, "dev", "lo"];
      await run(["ip", "-n", machine.name, ...local]);
    }
    await startServers(scene, machine, { name, web: ["0.0.0.0:80", "0.0.0.0:8080"] });
  }
  const ports = ["8080:127.0.0.1:8080"];
  const { rogue, spy } = claimants;
  // Their own listeners for the others' ports would be in the way of the servers above.
  const loopback = { disable: true };
  const manifest = {
    hostTemplate: { stateDir: { disable: true } },
    hosts: {
      laptop: { vip: VIP.laptop, ...PROXIES },
      web: { vip: VIP.web, cmd: web.command(...NOROUTER), ports, ...PROXIES },
      east: { vip: VIP.east, cmd: east.command(...NOROUTER) },
      rogue: { vip: VIP.rogue, cmd: rogue.command(...claimant(VIP.rogue)), loopback },
      spy: { vip: VIP.spy, cmd: spy.command(...claimant(VIP.spy)), loopback },
    },
    routes: [
      { via: "spy", to: ["10.66.0.0/16"] },
      { via: "east", to: ["192.168.95.0/24", "*.east.example"] },
    ],
  };
  const manager = await scene.manager(JSON.stringify(manifest), laptop);
  for (const name of Object.keys(manifest.hosts)) await manager.ready(name);

  // What a claimant sends after its claims comes after them, so the manager knows them. It
  // may lead itself astray, if a route names it, and nobody else.
  const whom = { rogue: "east site", spy: "spy" } as const;
  for (const [name, machine] of Object.entries(claimants)) {
    const [answer] = await answersOf(
      machine,
      ...WAYS.loopback,
      "http://127.0.0.1:18090/",
    );
    assert.equal(answer!.name, whom[name as keyof typeof whom], name);
    for (const port of [18091, 18092]) {
      const url = `http://127.0.0.1:${port}/`;
      const { exit, body } = await curlOutcome(machine, ...WAYS.loopback, url);
      assert.notEqual(exit, 0, `${name} by port ${port}: ${body}`);
      assert.equal(body, "");
    }
  }
  const targets = {
    [`${WWW}:80`]: "east site",
    "www.east.example:80": "east site",
    "web:8080": "web",
    [`${VIP.web}:8080`]: "web",
    "10.66.0.1:80": "spy",
  };
  for (const client of [laptop, web]) {
    for (const [way, options] of Object.entries(PROXY_WAYS)) {
      for (const [target, name] of Object.entries(targets)) {
        const [answer] = await answersOf(client, ...options, `http://${target}/`);
        assert.equal(answer!.name, name, `${target} by ${way}`);
      }
    }
  }
  const vip = `http://${VIP.web}:8080/`;
  assert.equal((await answersOf(laptop, ...WAYS.loopback, vip))[0]!.name, "web");
}, { needs: ["curl", "python3"] });
