// Thousands of clients are reset at once, and other hosts' connections do not feel it.
import assert from "node:assert/strict";
import { e2e } from "../harness/scene/scene.ts";
import type { SlowReport } from "../harness/peers/slow_clients.ts";
import { until } from "../harness/scene/wait.ts";
import { PROXIES } from "../harness/web/ways.ts";

const CLIENTS = new URL("../harness/peers/slow_clients.ts", import.meta.url).pathname;
const COUNT = 2000;
/** The longest that one echo may take, with others at work on the machine. */
const LONGEST_MS = 10_000;

e2e(
  "two thousand half requests that are reset hold up no echo of others",
  async (scene) => {
    const ports = ["9001:127.0.0.1:9000"];
    const mesh = await scene.mesh({ local: { ...PROXIES }, web: {}, db: { ports } });
    const { local, web, db } = mesh.hosts;
    await scene.server(db.namespace, "echo", 9000);
    const echoes = scene.client(web.namespace, "beat", db.vip, 9001);
    await echoes.report("beat");
    const beats = () => echoes.reports.filter(({ event }) => event === "beat");

    const clients = scene.start(
      "half requests",
      [Deno.execPath(), "run", "-A", CLIENTS, "socks", PROXIES.socks.listen, `${COUNT}`],
      { namespace: local.namespace },
    );
    await clients.line(/"open"/, { limitMs: 30_000 });
    const before = beats().length;
    const [line] = await clients.line(/^{"event":"done".*/, { limitMs: 60_000 });
    const { answers }: SlowReport = JSON.parse(line);
    assert.deepEqual(answers, { nothing: COUNT });

    const after = beats().length;
    await until("echoes to go on", () => beats().length >= after + 20);
    const times = beats().slice(before).map(({ ms }) => Number(ms)).sort((a, b) => a - b);
    const longest = times.at(-1)!;
    const p99 = times[Math.floor(times.length * 0.99)]!;
    console.log(
      `${times.length} echoes, 99 of 100 within ${p99.toFixed(0)} ms, all within ${
        longest.toFixed(0)
      } ms`,
    );
    assert.ok(longest < LONGEST_MS, `an echo took ${longest} ms`);
  },
  { limitMs: 180_000 },
);
