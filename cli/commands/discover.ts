/**
 * `norouter discover`: candidates for hosts, as a table or JSON on stdout, and which
 * sources could not be asked on stderr.
 *
 * @module
 */
import { columns } from "../console/columns.ts";
import { printResult } from "../console/console.ts";
import { type Discovered, discoverTargets } from "../discovery/discovery.ts";
import {
  type Candidate,
  oneLine,
  type ServedPort,
  type SourceName,
} from "../discovery/source.ts";
import { openLog } from "../console/log.ts";
import type { GlobalOptions } from "../options.ts";
import { renderJson } from "../console/printable.ts";
import { stopSignals } from "../stop.ts";

/** Characters of a cell that are shown, except for the name, which is to be copied. */
const MOST_SHOWN = 40;
/** The conventional status of a program that Ctrl-C ended: 128 + SIGINT. */
const INTERRUPTED = 130;

/** The user's wishes about the search. */
export interface SearchOptions extends GlobalOptions {
  /** Milliseconds that each source may take. */
  readonly timeout: number;
  /** Also candidates that do not run. */
  readonly all?: boolean;
  readonly context?: string | undefined;
  readonly namespace?: string | undefined;
  readonly allNamespaces?: boolean;
}

/** The options of the command. */
export interface DiscoverOptions extends SearchOptions {
  readonly format: "table" | "json";
}

/**
 * Prints the findings of the sources, or of all. The exit status is 1 if a source that
 * was named failed: of the others, most machines lack some.
 */
export async function discover(
  sources: readonly SourceName[],
  options: DiscoverOptions,
): Promise<number> {
  const found = await search(options, sources.length > 0 ? sources : undefined);
  if (!found) return INTERRUPTED;
  const targets = found.flatMap(({ targets }) => targets);
  if (options.format === "json") await printResult(renderJson(asJson(found), 2) + "\n");
  else if (targets.length > 0) await printResult(targetTable(targets).trimEnd() + "\n");
  tellProblems(found, options);
  if (options.format === "table") tellContexts(found, options);
  if (targets.length === 0) tell("Nothing was found that could be joined", options);
  const isFailed = found.some(({ source, problems }) =>
    sources.includes(source) && problems.length > 0
  );
  return isFailed ? 1 : 0;
}

/** Asks the sources, or all; undefined if the user ended the search. */
export async function search(
  { timeout: timeoutMs, all = false, context, namespace, allNamespaces }: SearchOptions,
  sources?: readonly SourceName[],
): Promise<Discovered[] | undefined> {
  using stop = stopSignals();
  const control = new AbortController();
  let isStopped = false;
  // Programs started have no terminal of their own, so Ctrl-C reaches nobody but us.
  stop.asked.then(() => {
    isStopped = true;
    control.abort("ended");
  });
  const { signal } = control;
  const question = { all, context, namespace, allNamespaces, timeoutMs, sources, signal };
  const found = await discoverTargets(question);
  return isStopped ? undefined : found;
}

/** The table, with numbers for the user to pick from if wanted. */
export function targetTable(targets: readonly Candidate[], numbered = false): string {
  const head = ["SOURCE", "NAME", "STATE", "ABOUT", "PORTS"];
  const rows = targets.map((target) => [
    target.source,
    oneLine(target.id),
    target.state || "-",
    short(target.about) || "-",
    short(target.ports.map(portText).join(", ")) || "-",
  ]);
  const table = [head, ...rows];
  if (!numbered) return columns(table);
  const width = `${rows.length}`.length;
  const numbers = ["#", ...rows.map((_, i) => `${i + 1}`)];
  return columns(table.map((row, i) => [numbers[i]!.padStart(width), ...row]));
}

/** Says which sources have nothing to say, and why. */
export function tellProblems(found: readonly Discovered[], options: GlobalOptions): void {
  const log = openLog(options);
  for (const { source, problems } of found) {
    for (const { kind, reason } of problems) {
      const level = kind === "missing" ? "info" : "warn";
      const message = `${source}: ${oneLine(reason)}`;
      log.event({ level, type: "discovery", message }, { source, kind, reason });
    }
  }
}

function tellContexts(found: readonly Discovered[], options: GlobalOptions): void {
  const contexts = found.flatMap(({ contexts = [] }) => contexts);
  const shown = contexts.map(({ name, isCurrent }) =>
    oneLine(name) + (isCurrent ? " (the current one)" : "")
  );
  if (contexts.length > 1) {
    tell(`kubectl: --context takes one of ${shown.join(", ")}`, options);
  }
}

function tell(message: string, options: GlobalOptions): void {
  openLog(options).event({ level: "info", type: "discovery", message });
}

function portText({ port, protocol }: ServedPort): string {
  return protocol === "tcp" ? `${port}` : `${port}/${oneLine(protocol)}`;
}

function short(text: string): string {
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN - 1)}…` : text;
}

/** The form that programs may rely on; see docs/commands.md. */
function asJson(found: readonly Discovered[]): unknown {
  return {
    targets: found.flatMap(({ targets }) => targets).map((target) => ({
      source: target.source,
      name: target.id,
      state: target.state,
      running: target.isRunning,
      about: target.about,
      ports: target.ports,
      host: { [target.source]: target.spec },
    })),
    contexts: found.flatMap(({ contexts = [] }) => contexts).map((context) => ({
      name: context.name,
      namespace: context.namespace,
      current: context.isCurrent,
    })),
    problems: found.flatMap(({ source, problems }) =>
      problems.map(({ kind, reason }) => ({ source, kind, reason }))
    ),
  };
}
