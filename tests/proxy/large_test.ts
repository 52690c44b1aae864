/**
 * A download larger than all buffers comes whole, and takes no memory for its size; a
 * client that reads slowly holds the origin back.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { SEED } from "../harness/web/download_origin.ts";
import type { TestMesh } from "../harness/scene/mesh.ts";
import { pieces } from "../harness/peers/peer_data.ts";
import { peakBytes } from "../harness/scene/proc.ts";
import type { Process } from "../harness/scene/process.ts";
import { e2e, type Scene } from "../harness/scene/scene.ts";
import { until } from "../harness/scene/wait.ts";
import { PROXIES, WAYS } from "../harness/web/ways.ts";

const MIB = 2 ** 20;
const DOWNLOAD_BYTES = 1024 * MIB;
const ORIGIN = new URL("../harness/web/download_origin.ts", import.meta.url).pathname;

async function startDownloads(scene: Scene) {
  const mesh = await scene.mesh({
    local: { ...PROXIES },
    web: { ports: ["8080:127.0.0.1:80"] },
  });
  const { web } = mesh.hosts;
  const origin = scene.start(
    "download origin",
    [Deno.execPath(), "run", "--quiet", "-A", ORIGIN, "80"],
    { namespace: web.namespace },
  );
  await origin.line(/"listening"/);
  return { mesh, origin };
}

/** The processes that every byte passes. */
function carriers(mesh: TestMesh<"local" | "web">): Record<string, number> {
  return { manager: mesh.manager.pid, agent: mesh.agent("web") };
}

/** Lets `peakBytes` begin again at what is resident now. */
async function forgetPeak(pid: number): Promise<void> {
  await Deno.writeTextFile(`/proc/${pid}/clear_refs`, "5");
}

/** The ways that differ in what a proxy does with the bytes. */
const DOWNLOAD_WAYS = ["HTTP proxy", "HTTP tunnel", "SOCKS5h"] as const;

/**
 * What a process may grow by while a gigabyte passes: buffers, and what the garbage
 * collector has not come to yet. About 120 MiB were seen in absolute form.
 */
const GROWTH_LIMIT = 256 * MIB;

e2e(
  "a download of 1 GiB comes whole, and memory does not grow with it",
  async (scene) => {
    const { mesh } = await startDownloads(scene);
    const { namespace } = mesh.hosts.local;
    const wanted = createHash("sha256");
    for (const piece of pieces(DOWNLOAD_BYTES, SEED)) wanted.update(piece);
    const hash = wanted.digest("hex");
    const url = `http://web:8080/${DOWNLOAD_BYTES}`;
    // openssl, because it is three times as fast as sha256sum.
    const script = 'curl -sS --max-time 60 "$@" | openssl dgst -sha256 -r';
    for (const way of DOWNLOAD_WAYS) {
      const pids = Object.entries(carriers(mesh));
      for (const [, pid] of pids) await forgetPeak(pid);
      const before = pids.map(([, pid]) => peakBytes(pid));
      const command = ["sh", "-c", script, "sh", ...WAYS[way], url];
      const client = scene.start(`curl by ${way}`, command, { namespace });
      await client.end(70_000);
      assert.ok(client.since().includes(hash), `${way}: not what was sent`);
      for (const [index, [name, pid]] of pids.entries()) {
        const growth = peakBytes(pid) - before[index]!;
        assert.ok(
          growth < GROWTH_LIMIT,
          `${way}: the ${name} grew by ${growth / MIB} MiB`,
        );
      }
    }
  },
  { needs: ["curl", "openssl"], limitMs: 180_000 },
);

/** What a slow client takes a second. */
const SLOW_RATE = 256 * 1024;
/** Reports of the origin, one every 100 ms, before it is looked at. */
const REPORTS = 30;
/**
 * What the origin may have sent more than its client took: windows of some MiB, kernel
 * buffers. Without back-pressure it would be gigabytes.
 */
const AHEAD_LIMIT = 48 * MIB;

/** What the origin said of a download that never ends, oldest first. */
function reportsOf(origin: Process, event: string, name: string): { bytes: number }[] {
  return origin.since().split("\n").filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line))
    .filter((report) => report.event === event && report.name === name);
}

e2e(
  "a client that reads slowly holds the origin back, and one that leaves frees it",
  async (scene) => {
    const { mesh, origin } = await startDownloads(scene);
    const { namespace } = mesh.hosts.local;
    const folder = await scene.folder();
    const before = Object.entries(carriers(mesh)).map(([name, pid]) => ({
      name,
      pid,
      bytes: peakBytes(pid),
    }));
    await Promise.all(DOWNLOAD_WAYS.map(async (way, index) => {
      const name = `slow-${index}`;
      const file = `${folder}/${name}`;
      const client = scene.start(`curl by ${way}`, [
        ...[
          "curl",
          "-sS",
          "--no-buffer",
          "--limit-rate",
          `${SLOW_RATE}`,
          "--output",
          file,
        ],
        ...WAYS[way],
        `http://web:8080/endless/${name}`,
      ], { namespace });
      const pushed = () => reportsOf(origin, "pushed", name);
      await until(
        `${way}: the download to have gone on`,
        () => pushed().length >= REPORTS,
      );
      const { size } = Deno.statSync(file);
      const ahead = pushed().at(-1)!.bytes - size;
      assert.ok(size > 0 && ahead < AHEAD_LIMIT, `${way}: ${ahead / MIB} MiB ahead`);
      client.signal("SIGKILL");
      await until(
        `${way}: the origin to be told`,
        () => reportsOf(origin, "left", name)[0],
      );
    }));
    for (const { name, pid, bytes } of before) {
      const growth = peakBytes(pid) - bytes;
      assert.ok(growth < GROWTH_LIMIT, `the ${name} grew by ${growth / MIB} MiB`);
    }
  },
  { needs: ["curl"] },
);
