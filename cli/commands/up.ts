/**
 * `norouter FILE`: starts the mesh and stays until Ctrl-C.
 *
 * @module
 */
import type {
  HostReadyEvent,
  MeshEvent,
  ProgressEvent,
  QuestionEvent,
} from "../../manager/events.ts";
import type { Mesh } from "../../manager/contract.ts";
import type { HostRule } from "../../manifest/added_rules.ts";
import type { Manifest } from "../../manifest/manifest.ts";
import { ManifestError } from "../../manifest/source/diagnostic.ts";
import { idleMemory } from "../../link/idle_memory.ts";
import { beginPace } from "../pace.ts";
import type { Transport } from "../../transports/mod.ts";
import { changeLines } from "../../manager/reload/change.ts";
import { formatIpv4 } from "../../wire/ip/ipv4.ts";
import { stderr } from "../console/console.ts";
import { type Log, openLog } from "../console/log.ts";
import { ignoreSignals } from "../ignored_signals.ts";
import { LiveParty } from "../live.ts";
import { load, type Loaded, printDiagnostics } from "../manifest.ts";
import type { GlobalOptions } from "../options.ts";
import { ProgressDisplay } from "../console/progress.ts";
import { chanceName } from "../../manager/resume/mesh_name.ts";
import { stopSignals } from "../stop.ts";
import { statusFields, statusText } from "../console/status_text.ts";
import { ToldOnce } from "../console/told_once.ts";
import { hostTable, reachedBy } from "../console/table.ts";

/** How a mesh went. */
export interface Outcome {
  /** The exit status: 1 if the manifest is wrong or no host ever became ready, else 0. */
  readonly status: number;
  /** Whether each host became ready, at least once. */
  readonly isComplete: boolean;
  /** The signal that ended the mesh, if any. */
  readonly signal?: Deno.Signal;
}

/** How {@linkcode runMesh} differs from a plain `norouter FILE`. */
export interface UpOptions {
  /** End the mesh if no host becomes ready at the first attempt. */
  readonly endWithoutHosts?: boolean;
  /** Said if some hosts do not become ready at the first attempt. */
  readonly advice?: string;
  /** What is loaded already, if there is no file. */
  readonly loaded?: Loaded;
  /** The name by which commands find the mesh, unless the user gives one. */
  readonly label?: string;
}

/** Nothing is being sent to a host any more. */
const ENDS_PROGRESS: readonly string[] = ["ready", "away", "down"];

/** Milliseconds that agents have, at the end, to tell their statistics for `--debug`. */
const STATUS_LIMIT_MS = 500;

/** Milliseconds after the start of the mesh when the rest begins, if hosts are not ready. */
const LIVE_AFTER_MS = 1000;

/** The status if the manifest was still being waited for: 128 + SIGINT. */
const INTERRUPTED = 130;

/** A mesh outlives its terminal. */
const HANG_UP = {
  level: "info",
  type: "hangUp",
  message: "SIGHUP: the manifest is read again, and the mesh goes on; SIGTERM ends it",
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

/** Runs the mesh of a manifest until asked to end. */
export async function runMesh(
  file: string,
  options: GlobalOptions,
  { endWithoutHosts = false, advice, loaded: given, label }: UpOptions = {},
): Promise<Outcome> {
  const started = performance.now();
  const log = openLog(options);
  let live: LiveParty | undefined;
  const hangUp = () => {
    log.event(HANG_UP);
    live?.reload();
  };
  using stop = stopSignals({ onHangUp: hangUp });
  using _ignored = ignoreSignals((signal) => log.event(ignored(signal)));
  // The manifest may be a named pipe without a writer, or standard input.
  const loaded = given ??
    await Promise.race([load(file, options), stop.asked.then(() => undefined)]);
  if (!loaded) return { status: INTERRUPTED, isComplete: false };
  const { manifest: read, diagnostics, plugins } = loaded;
  if (!read) {
    printDiagnostics(diagnostics, options);
    return { status: 1, isComplete: false };
  }
  const { withFreeVips } = await import("../../manager/free_vips.ts");
  // Another mesh without a file is another mesh.
  const name = options.name ?? (given && chanceName());
  const base = withFreeVips(await withKeptVips(read, { ...options, name }));
  const ruled = await withRulesOf(base, options);
  if (!ruled) return { status: 1, isComplete: false };
  const { manifest, rules } = ruled;

  idleMemory.begin();
  beginPace();
  log.expect(manifest.hosts.map(({ name }) => name));
  announce(manifest, { plugins, log, options });

  const { startMesh } = await import("../../manager/mesh.ts");
  const everReady = new Set<string>();
  const progress = progressDisplay(options, (event) => log.event(event));
  const show = (event: MeshEvent) => log.event(forPeople(event, options, everReady));
  const isShown = Deno.stderr.isTerminal();
  const ask = (event: QuestionEvent) => {
    if (!isShown) return log.event(event);
    stderr.release();
    if (!event.isAsking) return;
    // Below the question, which its command asks anew below this.
    if (options.logFormat === "human") stderr.text("\n");
    log.event(forPeople(event, options, everReady));
    stderr.hold();
  };
  const told = new ToldOnce(show);
  const tell = options.logFormat === "json" || options.debug
    ? show
    : (event: MeshEvent) => told.take(event);
  const mesh = await startMesh(base, {
    rules,
    transports: plugins,
    connections: options.debug ?? false,
    ...(options.state !== undefined && { state: options.state }),
    ...(name !== undefined && { name }),
    onEvent(event) {
      if (event.type === "progress") return progress.show(event);
      if (event.type === "question") return ask(event);
      if (event.type === "reload") log.expect([...mesh.hosts.keys()]);
      if (ENDS_PROGRESS.includes(event.type)) {
        progress.forget((event as HostReadyEvent).host);
      }
      tell(event);
      if (event.type !== "ready") return;
      if (!everReady.has(event.host)) log.event(resumeOf(event));
      everReady.add(event.host);
    },
  });
  const down = Promise.withResolvers<"down">();
  const asked = Promise.race([stop.asked, down.promise]);
  const begin = () => {
    live ??= new LiveParty({
      mesh,
      file,
      loaded,
      log,
      options: { ...options, name: options.name ?? label },
      down: () => down.resolve("down"),
    });
  };
  const timer = setTimeout(begin, LIVE_AFTER_MS);
  const outcome = await Promise.race([
    mesh.ready(),
    asked.then(() => undefined),
  ]);
  clearTimeout(timer);
  if (outcome) summarize(outcome, performance.now() - started, log);
  if (outcome) begin();

  const stopping = { level: "info", type: "stopping" } as const;
  const end = async (signal?: Deno.Signal): Promise<Outcome> => {
    if (options.debug) await tellStatus(mesh, log, options);
    clearTimeout(timer);
    live?.rest();
    await mesh.close();
    await live?.close();
    told.flush();
    return {
      status: everReady.size > 0 ? 0 : 1,
      isComplete: manifest.hosts.every(({ name }) => everReady.has(name)),
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
  const signal = await asked;
  stderr.release();
  const message = signal === "down"
    ? "Ending the mesh (norouter down)"
    : `Ending the mesh (${signal}); a second Ctrl-C ends it at once`;
  log.event({ ...stopping, message });
  return await end(signal === "down" ? "SIGTERM" : signal);
}

/**
 * With the addresses that hosts had before this program was killed, if that is kept.
 *
 * @throws {Error} if the file cannot be used, before anything of the mesh is shown.
 */
async function withKeptVips(
  manifest: Manifest,
  { state, name }: Pick<GlobalOptions, "state" | "name">,
): Promise<Manifest> {
  if (state === undefined) return manifest;
  const [{ StateFile }, { StateLock }, { meshTitle }] = await Promise.all([
    import("../../manager/resume/state_file.ts"),
    import("../../manager/resume/state_lock.ts"),
    import("../../manager/resume/mesh_name.ts"),
  ]);
  StateLock.take(state).release();
  const title = meshTitle(name === undefined ? { path: manifest.path } : { name });
  return StateFile.open(state, title).withVips(manifest);
}

/**
 * With the rules of the command line; undefined if they are wrong. What is wrong or doubtful
 * is told.
 */
async function withRulesOf(base: Manifest, options: GlobalOptions) {
  let ruled = { manifest: base, rules: [] as readonly HostRule[] };
  if (options.ingress || options.egress) {
    const { withOptionRules } = await import("../rules.ts");
    try {
      ruled = withOptionRules(base, options);
    } catch (error) {
      printDiagnostics(base.warnings, options);
      if (!(error instanceof ManifestError)) throw error;
      printDiagnostics(error.diagnostics, options);
      return undefined;
    }
  }
  printDiagnostics(ruled.manifest.warnings, options);
  return ruled;
}

/** Whether a host's agent stays when its link is gone, once for each host. */
function resumeOf({ host, resume }: HostReadyEvent) {
  const message = "on" in resume
    ? `resume: on, its agent stays ${resume.seconds} s without a link`
    : `resume: off (${resume.off})`;
  return { level: "debug", type: "resume", host, message } as const;
}

/** Tells the status before the mesh ends; stuck agents do not delay the end. */
async function tellStatus(
  mesh: Mesh,
  log: Log,
  { logFormat }: GlobalOptions,
): Promise<void> {
  const status = await mesh.status({ ms: STATUS_LIMIT_MS });
  const text = statusText(status);
  if (logFormat === "human") return void stderr.line(text);
  const message = text.split("\n", 1)[0]!;
  log.event({ level: "debug", type: "status", message }, statusFields(status));
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
    const width = Deno.stderr.isTerminal() ? columns() : Infinity;
    stderr.line(hostTable(manifest, { plugins, width }));
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
function forPeople(
  event: MeshEvent,
  { logFormat }: GlobalOptions,
  everReady: ReadonlySet<string>,
): MeshEvent {
  if (logFormat === "json") return event;
  if (event.type === "output") {
    // A line that begins so is shown as a warning; the word is for older managers.
    const line = event.level === "warn"
      ? event.line.replace(/^warning: /, "")
      : event.line;
    return { ...event, message: `| ${line}` };
  }
  if (event.type === "reload") {
    const lines = changeLines(event);
    if (lines.length === 0) return event;
    return { ...event, message: ["The mesh has changed:", ...lines].join("\n") };
  }
  if (event.type === "question" && event.isAsking) {
    return { ...event, message: "asks on the terminal" };
  }
  if (event.type === "ready") {
    const after = `at ${event.vip} after ${duration(event.ms)}`;
    const isHere = everReady.has(event.host);
    const message = !event.resumed
      ? `Ready${isHere ? " again" : ""} ${after}`
      : isHere
      ? `Back ${after}; connections go on`
      : `Back ${after}; connections between other hosts go on`;
    return { ...event, message };
  }
  return event;
}

/** A line, when each host has become ready or failed for the first time. */
function summarize(
  outcome: Awaited<ReturnType<Mesh["ready"]>>,
  ms: number,
  log: Log,
): void {
  const { ok, ready, failed } = outcome;
  const all = ready.length + failed.length;
  const message = ok
    ? `Every host is ready: ${all} in ${duration(ms)}`
    : (ready.length === 0
      ? "No host is up: "
      : `${ready.length} of ${all} hosts are up, without `) +
      failed.map(({ host }) => host.name).join(", ");
  const count = ready.reduce((sum, host) => sum + host.failedListeners.length, 0);
  // A comma would add this to the list of hosts before.
  const but = count === 0
    ? ""
    : `${ok ? "," : ";"} ${count} listener${count === 1 ? "" : "s"} failed`;
  const level = ok && count === 0 ? "info" : "warn";
  log.event({ level, type: "started", message: message + but }, {
    ok,
    failedListeners: count,
    ms: Math.round(ms),
    pid: Deno.pid,
    failed: failed.map(({ host }) => host.name),
  });
}

/** `212 ms` or `3.4 s`. */
function duration(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
