// `norouter FILE`: starts the mesh and stays until Ctrl-C.
import type { MeshEvent, ProgressEvent } from "../../manager/events.ts";
import type { Mesh } from "../../manager/mesh.ts";
import type { Manifest } from "../../manifest/manifest.ts";
import type { Transport } from "../../transports/mod.ts";
import { formatIpv4 } from "../../wire/ip/ipv4.ts";
import { stderr } from "../console/console.ts";
import { type Log, openLog } from "../console/log.ts";
import { ignoreSignals } from "../ignored_signals.ts";
import { load, printDiagnostics } from "../manifest.ts";
import type { GlobalOptions } from "../options.ts";
import { ProgressDisplay } from "../console/progress.ts";
import { stopSignals } from "../stop.ts";
import { ToldOnce } from "../console/told_once.ts";
import { hostTable, reachedBy } from "../console/table.ts";

/** How a mesh went. */
export interface Outcome {
  /** The exit status: 1 if the manifest is wrong or no host ever became ready, else 0. */
  readonly status: number;
  /** Whether each host became ready, be it once. */
  readonly isComplete: boolean;
  /** What ended it, if not itself. */
  readonly signal?: Deno.Signal;
}

/** How {@linkcode runMesh} differs from a plain `norouter FILE`. */
export interface RunOptions {
  /** End the mesh if not one host becomes ready at the first attempt. */
  readonly endWithoutHosts?: boolean;
  /** Said if some hosts do not become ready at the first attempt. */
  readonly advice?: string;
}

/** A mesh outlives the terminal it was started from. */
const HANG_UP = {
  level: "info",
  type: "hangUp",
  message: "The terminal is gone (SIGHUP), and the mesh goes on; SIGTERM ends it",
} as const;

/** Somebody may have meant another process. */
function ignored(signal: Deno.Signal) {
  const message = `${signal} is ignored; SIGTERM ends the mesh`;
  return { level: "info", type: "signal", message } as const;
}

/** Runs the mesh of a manifest and gives the exit status. */
export async function up(file: string, options: GlobalOptions): Promise<number> {
  return (await runMesh(file, options)).status;
}

/** Runs the mesh of a manifest until it is asked to end. */
export async function runMesh(
  file: string,
  options: GlobalOptions,
  { endWithoutHosts = false, advice }: RunOptions = {},
): Promise<Outcome> {
  const started = performance.now();
  const log = openLog(options);
  using stop = stopSignals({ onHangUp: () => log.event(HANG_UP) });
  using _ignored = ignoreSignals((signal) => log.event(ignored(signal)));
  const { manifest: loaded, diagnostics, plugins } = await load(file, options);
  printDiagnostics(diagnostics, options);
  if (!loaded) return { status: 1, isComplete: false };
  const { withFreeVips } = await import("../../manager/free_vips.ts");
  const manifest = withFreeVips(loaded);

  log.expect(manifest.hosts.map(({ name }) => name));
  announce(manifest, { plugins, log, options });

  const { startMesh } = await import("../../manager/mesh.ts");
  const everReady = new Set<string>();
  const progress = progressDisplay(options, (event) => log.event(event));
  const show = (event: MeshEvent) => log.event(forPeople(event, options));
  const told = new ToldOnce(show);
  const tell = options.logFormat === "json" || options.debug
    ? show
    : (event: MeshEvent) => told.take(event);
  const mesh = await startMesh(manifest, {
    transports: plugins,
    connections: options.debug ?? false,
    onEvent(event) {
      if (event.type === "progress") return progress.show(event);
      if (event.type === "ready") everReady.add(event.host);
      if (event.type === "ready" || event.type === "down") progress.forget(event.host);
      tell(event);
    },
  });
  const outcome = await Promise.race([
    mesh.ready(),
    stop.asked.then(() => undefined),
  ]);
  if (outcome) summarize(outcome, performance.now() - started, log);

  const stopping = { level: "info", type: "stopping" } as const;
  const end = async (signal?: Deno.Signal): Promise<Outcome> => {
    await mesh.close();
    told.flush();
    return {
      status: everReady.size > 0 ? 0 : 1,
      isComplete: everReady.size === manifest.hosts.length,
      ...(signal && { signal }),
    };
  };
  if (outcome && endWithoutHosts && everReady.size === 0) {
    log.event({ ...stopping, message: "Ending the mesh, since no host became ready" });
    return await end();
  }
  if (outcome?.ok === false && advice) {
    log.event({ level: "info", type: "advice", message: advice });
  }
  const signal = await stop.asked;
  const message = `Ending the mesh (${signal}); a second Ctrl-C ends it at once`;
  log.event({ ...stopping, message });
  return await end(signal);
}

/** A line that is drawn anew needs a terminal, and a reader who is no program. */
function progressDisplay(
  { logFormat }: GlobalOptions,
  log: (event: ProgressEvent) => void,
): ProgressDisplay {
  const isDrawn = logFormat === "human" && Deno.stderr.isTerminal();
  return new ProgressDisplay({
    draw: isDrawn ? (text) => stderr.status(text) : undefined,
    columns,
    log,
  });
}

/** Of the terminal, which may be gone. */
function columns(): number {
  try {
    return Deno.consoleSize().columns;
  } catch {
    return 80;
  }
}

function announce(
  manifest: Manifest,
  { plugins, log, options }: {
    readonly plugins: readonly Transport[];
    readonly log: Log;
    readonly options: GlobalOptions;
  },
): void {
  if (options.logFormat === "human") {
    stderr.line(hostTable(manifest, plugins));
    return;
  }
  for (const host of manifest.hosts) {
    const vip = formatIpv4(host.vip);
    const ports = host.ports.map(({ listenPort }) => listenPort);
    const message = `${vip}, ${reachedBy(host, plugins)}`;
    const event = { level: "info", type: "host", host: host.name, message } as const;
    log.event(event, { vip, ports, reachedBy: reachedBy(host, plugins) });
  }
}

/** The host's name stands in front of the line already. */
function forPeople(event: MeshEvent, { logFormat }: GlobalOptions): MeshEvent {
  if (logFormat === "json") return event;
  if (event.type === "output") {
    // What an agent warns of is shown as a warning; the word is for older managers.
    const line = event.level === "warn"
      ? event.line.replace(/^warning: /, "")
      : event.line;
    return { ...event, message: `| ${line}` };
  }
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
      failed.map(({ host }) => host.name).join(", ");
  const count = ready.reduce((sum, host) => sum + host.failedListeners.length, 0);
  const but = count === 0 ? "" : `, ${count} listener${count === 1 ? "" : "s"} failed`;
  const level = ok && count === 0 ? "info" : "warn";
  log.event({ level, type: "started", message: message + but }, {
    ok,
    failedListeners: count,
    ms: Math.round(ms),
    failed: failed.map(({ host }) => host.name),
  });
}

/** `212 ms` or `3.4 s`. */
function duration(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
