/**
 * Clients of proxies, name server and forwards that say as much as is taken: the mesh goes on.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  account,
  ECHO_PORTS as ports,
  startEchoes,
  times,
} from "../harness/peers/echoes.ts";
import type { PressReport } from "../harness/peers/pressing_clients.ts";
import { residentBytes } from "../harness/scene/proc.ts";
import { e2e } from "../harness/scene/scene.ts";
import { until } from "../harness/scene/wait.ts";
import { PROXIES } from "../harness/web/ways.ts";

const CLIENTS = new URL("../harness/peers/pressing_clients.ts", import.meta.url).pathname;
const SECONDS = 8;
/** See flood_test.ts. Without turns of the proxies' own an echo takes some seconds. */
const LONGEST_MS = 4000;
/** Of 400, where nobody presses; without turns there are 20 at the most. */
const LEAST_ECHOES = 50;
/** What the manager may hold more than before. */
const GROWTH_LIMIT = 256 * 2 ** 20;

const NAME_SERVER = "127.0.42.100:10053";

interface Pressure {
  /** Of pressing_clients.ts. */
  readonly kind: string;
  readonly sentence: string;
  readonly where: string;
  /** Whose programs they are; by default the manager's own host's. */
  readonly from?: "rogue";
}

const PRESSURES: readonly Pressure[] = [
  {
    kind: "lines",
    sentence: "empty lines to the HTTP proxy",
    where: PROXIES.http.listen,
  },
  { kind: "upload", sentence: "requests in tiny chunks", where: PROXIES.http.listen },
  { kind: "download", sentence: "answers in tiny chunks", where: PROXIES.http.listen },
  { kind: "refused", sentence: "requests that are refused", where: PROXIES.http.listen },
  { kind: "questions", sentence: "questions to the name server", where: NAME_SERVER },
  {
    kind: "questions",
    sentence: "questions to the name server from another host",
    where: NAME_SERVER,
    from: "rogue",
  },
  { kind: "bytes", sentence: "bytes for another host", where: "127.0.42.101:9101" },
  { kind: "bytes", sentence: "bytes for their own host", where: "127.0.42.100:9101" },
];

for (const { kind, sentence, where, from = "local" } of PRESSURES) {
  e2e(
    `clients with ${sentence} take nothing from the hosts`,
    async (scene) => {
      const pressed = ["9101:127.0.0.1:9100"];
      const mesh = await scene.mesh({
        local: { ...PROXIES, ports: [...ports, ...pressed] },
        web: { ports: [...ports, ...pressed] },
        db: { ports },
        rogue: {},
      });
      const { manager } = mesh;
      const echoes = await startEchoes(scene, mesh);
      for (const { namespace } of [mesh.hosts.local, mesh.hosts.web]) {
        await scene.server(namespace, "echo", 9100);
      }
      const before = residentBytes(manager.pid);
      const { mark } = manager;
      const begins = echoes.map((each) => times(each).length);

      const clients = scene.start(
        kind,
        [Deno.execPath(), "run", "-A", CLIENTS, kind, where, `${SECONDS}`],
        { namespace: mesh.hosts[from].namespace },
      );
      const [line] = await clients.line(/^{"event":"done".*/, {
        limitMs: (SECONDS + 30) * 1000,
      });
      const report: PressReport = JSON.parse(line);
      const ends = echoes.map((each) => times(each).length);
      console.log(`${sentence}: ${line}`);
      assert.ok(report.sent + report.got > 2 ** 20, "hardly anything was taken");

      for (const [index, { client }] of echoes.entries()) {
        await client.report("beat", ({ beats }) => Number(beats) >= ends[index]! + 20, {
          limitMs: 30_000,
        });
      }
      for (const [index, each] of echoes.entries()) {
        const { text, longest } = account(each, begins[index]!, ends[index]!);
        console.log(`${sentence}: ${text}`);
        assert.ok(longest < LONGEST_MS, `${each.name}: an echo took ${longest} ms`);
        const count = ends[index]! - begins[index]!;
        assert.ok(count >= LEAST_ECHOES, `${each.name}: ${count} echoes in ${SECONDS} s`);
      }
      assert.doesNotMatch(manager.since(mark), /The link to .* ended/);
      await until(
        "the manager's memory to be given back",
        () => residentBytes(manager.pid) < before + GROWTH_LIMIT,
        { everyMs: 500, limitMs: 30_000 },
      );
    },
    { limitMs: 180_000 },
  );
}
