// `norouter FILE`: starts the mesh and stays until Ctrl-C.
import type { MeshEvent } from "../manager/events.ts";
import type { Mesh } from "../manager/mesh.ts";
import type { Manifest } from "../manifest/manifest.ts";
import { formatIpv4 } from "../wire/ipv4.ts";
import { type Log, openLog } from "./log.ts";
import { load, printDiagnostics } from "./manifest.ts";
import type { GlobalOptions } from "./options.ts";
import { stopSignal } from "./stop.ts";
import { hostTable, reachedBy } from "./table.ts";

/**
 * Runs the mesh of a manifest and gives the exit status: 1 if the manifest is wrong or
 * no host ever became ready, else 0.
 */
export async function up(file: string, options: GlobalOptions): Promise<number> {
  const started = performance.now();
  const log = openLog(options);
  const { manifest, diagnostics } = await load(file);
  printDiagnostics(diagnostics, options);
  if (!manifest) return 1;

  const stopped = stopSignal();
  log.expect(manifest.hosts.map(({ name }) => name));
  announce(manifest, log, options);

  const { startMesh } = await import("../manager/mesh.ts");
  let everReady = false;
  const mesh = await startMesh(manifest, {
    onEvent(event) {
      everReady ||= event.type === "ready";
      log.event(forPeople(event, options));
    },
  });
  const ended = Symbol();
  const outcome = await Promise.race([
    mesh.ready(),
    stopped.then((): typeof ended => ended),
  ]);
  if (outcome !== ended) summarize(outcome, performance.now() - started, log);

  const signal = await stopped;
  log.event({
    level: "info",
    type: "stopping",
    message: `Ending the mesh (${signal}); a second Ctrl-C ends it at once`,
  });
  await mesh.close();
  return everReady ? 0 : 1;
}

function announce(manifest: Manifest, log: Log, options: GlobalOptions): void {
  if (options.logFormat === "human") {
    console.error(hostTable(manifest));
    return;
  }
  for (const host of manifest.hosts) {
    const vip = formatIpv4(host.vip);
    const ports = host.ports.map(({ listenPort }) => listenPort);
    const message = `${vip}, ${reachedBy(host)}`;
    const event = { level: "info", type: "host", host: host.name, message } as const;
    log.event(event, { vip, ports, reachedBy: reachedBy(host) });
  }
}

/** The host's name stands in front of the line already. */
function forPeople(event: MeshEvent, { logFormat }: GlobalOptions): MeshEvent {
  if (logFormat === "json") return event;
  if (event.type === "output") return { ...event, message: `| ${event.line}` };
  if (event.type === "ready") {
    const again = event.again ? " again" : "";
    const message = `Ready${again} at ${event.vip} after ${duration(event.ms)}`;
    return { ...event, message };
  }
  return event;
}

/** One line, when each host has become ready or failed for the first time. */
function summarize(
  outcome: Awaited<ReturnType<Mesh["ready"]>>,
  ms: number,
  log: Log,
): void {
  const { ok, ready, failed } = outcome;
  const all = ready.length + failed.length;
  const message = ok
    ? `Every host is ready: ${all} in ${duration(ms)}`
    : `${ready.length} of ${all} hosts are up, without ` +
      failed.map(({ host, message }) => `${host.name} (${message})`).join(", ");
  log.event({ level: ok ? "info" : "warn", type: "started", message }, {
    ok,
    ms: Math.round(ms),
    failed: failed.map(({ host }) => host.name),
  });
}

/** `212 ms` or `3.4 s`. */
function duration(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
