/**
 * Many connections under a manifest that changes, and many changes under a connection.
 *
 * @module
 */
import assert from "node:assert/strict";
import { ControlClient } from "../../control/client.ts";
import type { Namespace } from "../harness/scene/namespace.ts";
import { processesIn } from "../harness/scene/proc.ts";
import { run } from "../harness/scene/process.ts";
import { e2e } from "../harness/scene/scene.ts";
import { within } from "../harness/scene/wait.ts";
import { NOROUTER } from "../harness/scene/mesh.ts";
import { Endurance } from "./endurance.ts";
import { LiveMesh, ran } from "./live_mesh.ts";

const WEB = "127.0.42.101";
/** Rules that no connection of the test meets, each for a port of its own. */
const OTHERS = Array.from({ length: 1000 }, (_, at) => {
  return { from: ["db"], to: ["web"], ports: [20_000 + at], action: "deny" };
});
const CHANGES = 1000;
const MINUTE_MS = 60_000;

/** The two manifests between which the mesh goes back and forth. */
function manifestsOf({ there }: LiveMesh, db: Namespace): [string, string] {
  const host = (place: Namespace, ports: number[], more = {}) => ({
    cmd: place.command(...NOROUTER),
    loopback: { disable: true },
    ports: ports.map((port) => `${port}:127.0.0.1:9000`),
    ...more,
  });
  const local = {
    vip: "127.0.42.100",
    http: { listen: "127.0.0.1:18080" },
    egress: ["tcp:15432:web:9000"],
  };
  const common = { hostTemplate: { stateDir: { disable: true } } };
  return [
    JSON.stringify({
      ...common,
      hosts: { local, web: host(there, [9000]), db: host(db, [9000]) },
      routes: [{ via: "db", to: ["10.9.9.0/24"] }],
      policy: OTHERS,
    }),
    JSON.stringify({
      ...common,
      hosts: {
        local: {
          ...local,
          socks: { listen: "127.0.0.1:18081" },
          egress: [...local.egress, "tcp:15433:db:9000"],
        },
        web: host(there, [9000, 9001], { aliases: ["site"] }),
        db: host(db, [9000], { writeEtcHosts: false }),
        more: host(db, [9000]),
      },
      routes: [{ via: "web", to: ["*.internal"] }, { via: "db", to: ["10.9.9.0/24"] }],
      policy: [
        ...OTHERS,
        { from: ["local"], to: ["web"], ports: [9001], action: "deny" },
      ],
    }),
  ];
}

/** The status of curl after a request to a port of `web`. */
async function curlStatus(from: Namespace, port: number): Promise<number> {
  const url = `http://${WEB}:${port}/`;
  return (await ran(...from.command("curl", "-s", "--max-time", "10", url))).status;
}

e2e("500 connections go on while their manifest is written anew", async (scene) => {
  const mesh = await LiveMesh.start(scene);
  const { here, there } = mesh;
  const db = await scene.namespace();
  await run(["ip", "-n", db.name, "addr", "add", "10.9.9.9/32", "dev", "lo"]);
  await scene.server(there, "echo", 9000);
  await scene.server(db, "echo", 9000);
  await scene.server(db, "echo", "10.9.9.9:9002");
  const [first, second] = manifestsOf(mesh, db);
  await mesh.tells(/db +Ready at/, () => Deno.writeTextFile(mesh.path, first));
  const agents = () => [...processesIn(there.name), ...processesIn(db.name)];
  const before = new Set(agents());

  const proxy: [string, number] = ["127.0.0.1", 18_080];
  const flows = await Promise.all([
    Endurance.open(scene, here, { to: [WEB, 9000], count: 200 }),
    Endurance.open(scene, here, { to: ["127.0.0.1", 15_432], count: 100 }),
    Endurance.open(scene, here, { to: ["db", 9000], count: 100, through: proxy }),
    Endurance.open(scene, here, { to: ["10.9.9.9", 9002], count: 100, through: proxy }),
  ]);
  const begin = mesh.manager.mark;
  for (let time = 0; time < 5; time++) {
    await mesh.tells(/more +Ready/, () => Deno.writeTextFile(mesh.path, second));
    const forbidden = await curlStatus(here, 9001);
    assert.ok(forbidden === 56 || forbidden === 7, `curl ended with ${forbidden}`);
    await Promise.all(flows.map((flow) => flow.goesOn()));
    await mesh.tells(/Closed: more/, () => Deno.writeTextFile(mesh.path, first));
    await Promise.all(flows.map((flow) => flow.goesOn()));
  }
  await Promise.all(flows.map((flow) => flow.areWhole()));
  const told = mesh.manager.since(begin);
  assert.equal(told.match(/The mesh has changed/g)!.length, 10);
  assert.doesNotMatch(told, /started anew|error|warning(?! +Forbidden)/);
  const now = new Set(agents());
  for (const pid of before) assert.ok(now.has(pid), `process ${pid} is gone`);
}, { needs: ["curl"], limitMs: 240_000 });

e2e("1000 rules come and go in a minute, and a connection goes on", async (scene) => {
  const mesh = await LiveMesh.start(scene);
  await scene.server(mesh.there, "echo", 80);
  const flow = await Endurance.open(scene, mesh.here, { to: [WEB, 8080], count: 20 });
  const { name, path: manifest, socket, manager } = mesh;
  const listening = async () =>
    (await run(["ss", "-tlnH"], { namespace: mesh.here })).trim().split("\n").length;
  const before = await listening();
  using control = new ControlClient({ name, manifest, socket, pid: manager.pid });
  const rules = Array.from(
    { length: CHANGES / 4 },
    (_, at) =>
      at % 2 === 0
        ? { kind: "egress", host: "local", rule: `tcp:${20_000 + at}:web:8080` }
        : { kind: "ingress", host: "web", rule: `tcp:${20_000 + at}:127.0.0.1:80` },
  );
  const count = async () => {
    const answer = await control.ask("GET", "/v1/rules") as { rules: unknown[] };
    return answer.rules.length;
  };
  const changes = async () => {
    // Each alone at first, then ten at a time.
    for (const atOnce of [1, 10]) {
      const inTurn = async (ask: (rule: typeof rules[0]) => Promise<unknown>) => {
        for (let at = 0; at < rules.length; at += atOnce) {
          await Promise.all(rules.slice(at, at + atOnce).map(ask));
        }
      };
      await inTurn((rule) => control.ask("POST", "/v1/rules", rule));
      assert.equal(await count(), rules.length + 1);
      await flow.goesOn();
      for (const to of [["127.0.0.1", 20_000], [WEB, 20_001]] as [string, number][]) {
        const through = await Endurance.open(scene, mesh.here, { to, count: 1 });
        await through.areWhole();
      }
      await inTurn(({ kind, host, rule }) => {
        const query = new URLSearchParams({ kind, host, rule });
        return control.ask("DELETE", `/v1/rules?${query}`);
      });
      assert.equal(await count(), 1);
    }
  };
  await within(`${CHANGES} changes`, changes(), MINUTE_MS);
  await flow.goesOn();
  await flow.areWhole();
  const { stdout } = await mesh.command("status", "--json");
  const { hosts, listeners } = JSON.parse(stdout);
  assert.ok(hosts.every(({ state }: { state: string }) => state === "ready"));
  assert.deepEqual(listeners.filter(({ at }: { at: string }) => /:2\d{4}/.test(at)), []);
  assert.equal(await listening(), before);
}, { limitMs: 180_000 });
