/**
 * Clients that never finish what they say are ended, and meanwhile others are served.
 *
 * @module
 */
import assert from "node:assert/strict";
import { LINGER_BYTES } from "../../proxy/edge/farewell.ts";
import { residentBytes } from "../harness/scene/proc.ts";
import type { Process } from "../harness/scene/process.ts";
import { e2e } from "../harness/scene/scene.ts";
import type { SlowReport } from "../harness/peers/slow_clients.ts";
import { until } from "../harness/scene/wait.ts";
import { curlOutcome, PROXIES, WAYS } from "../harness/web/ways.ts";

const CLIENTS = new URL("../harness/peers/slow_clients.ts", import.meta.url).pathname;
const SLOW = 300;

/** What a request of somebody else may take while the proxies are besieged. */
const SERVED_LIMIT_MS = 5_000;
/**
 * What the manager may have more when all have gone: what the garbage collector has not come
 * to yet. It stays at some 150 MiB, however many clients come and go.
 */
const GROWTH_LIMIT = 256 * 2 ** 20;
/** What is read of a header that was refused, and what the kernel's buffers take besides. */
const SENT_LIMIT = LINGER_BYTES + 32 * 2 ** 20;
/** Descriptors that may differ: the machine has other business. */
const FILES_LIMIT = 10;

function openFiles(pid: number): number {
  return [...Deno.readDirSync(`/proc/${pid}/fd`)].length;
}

e2e(
  "clients that drip are ended in time, and others are served",
  async (scene) => {
    const mesh = await scene.mesh({
      local: { ...PROXIES },
      web: { ports: ["8080:127.0.0.1:80"] },
    });
    const { local, web } = mesh.hosts;
    const { pid } = mesh.manager;
    await scene.server(web.namespace, "http", 80, "served");
    const served = async (way: "HTTP proxy" | "HTTP tunnel" | "SOCKS5h") => {
      const began = performance.now();
      const { body } = await curlOutcome(
        local.namespace,
        ...WAYS[way],
        "http://web:8080/",
      );
      assert.equal(body.trim(), "served /", way);
      const ms = performance.now() - began;
      assert.ok(ms < SERVED_LIMIT_MS, `${way} took ${ms} ms`);
    };
    const start = (kind: string, listen: string, count: number): Process =>
      scene.start(
        `slow ${kind}`,
        [Deno.execPath(), "run", "-A", CLIENTS, kind, listen, `${count}`],
        { namespace: local.namespace },
      );
    const report = async (client: Process): Promise<SlowReport> => {
      const [line] = await client.line(/^{"event":"done".*/, { limitMs: 40_000 });
      return JSON.parse(line);
    };

    const before = { files: openFiles(pid), bytes: residentBytes(pid) };
    const clients = [
      start("http", PROXIES.http.listen, SLOW),
      start("socks", PROXIES.socks.listen, SLOW),
    ] as const;
    for (const client of clients) await client.line(/"open"/);
    await until(
      "the proxies to have them all",
      () => openFiles(pid) >= before.files + 2 * SLOW,
    );

    const flood = await report(start("flood", PROXIES.http.listen, 8));
    assert.deepEqual(flood.answers, { 431: 8 });
    assert.ok(flood.mostSent < SENT_LIMIT, `${flood.mostSent} bytes of a header`);
    const long = await curlOutcome(
      local.namespace,
      ...WAYS["HTTP proxy"],
      ...["-H", `X-Long: ${"x".repeat(70_000)}`],
      "http://web:8080/",
    );
    assert.equal(long.status, 431, long.body);
    assert.match(long.body, /header/);

    const reports = Promise.all(clients.map(report));
    let isOver = false;
    reports.catch(() => {}).then(() => isOver = true);
    let rounds = 0;
    do {
      await served("HTTP proxy");
      await served("HTTP tunnel");
      await served("SOCKS5h");
      rounds++;
    } while (!isOver);
    assert.ok(rounds > 10, `others were served ${rounds} times only`);

    const [http, socks] = await reports;
    assert.deepEqual(http!.answers, { 408: SLOW });
    assert.deepEqual(socks!.answers, { nothing: SLOW });
    await until(
      "the descriptors to be given back",
      () => openFiles(pid) <= before.files + FILES_LIMIT,
    );
    await until(
      "the memory to be given back",
      () => residentBytes(pid) < before.bytes + GROWTH_LIMIT,
    );
  },
  { needs: ["curl"] },
);
