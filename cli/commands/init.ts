/**
 * `norouter init`: writes a manifest of hosts that flags name, or that are picked on a
 * terminal.
 *
 *   flags                    the sources named are asked: hosts they know are written
 *                            with ports, hosts they do not know are errors. A source that
 *                            cannot answer is a warning; the host is written as named
 *   a terminal, no flags     all are asked, and the user picks from a numbered list
 *   neither                  an error that says which flags there are
 *
 * Nothing is written that `norouter check` would not accept, and no file is replaced
 * without --force.
 *
 * @module
 */
import { join as joinWords } from "shlex";
import {
  type Diagnostic,
  formatDiagnostic,
  ManifestError,
} from "../../manifest/source/diagnostic.ts";
import { parseManifest } from "../../manifest/parse.ts";
import { quote } from "../../manifest/source/value.ts";
import { builtinTransports } from "../../transports/registry.ts";
import { printResult, stderr } from "../console/console.ts";
import { search, type SearchOptions, targetTable, tellProblems } from "./discover.ts";
import { draftManifest } from "../discovery/draft.ts";
import { type Candidate, SOURCES } from "../discovery/source.ts";
import { openLog } from "../console/log.ts";
import { printDiagnostics } from "../manifest.ts";
import { namedTargets, type NamesBySource } from "./named.ts";
import { parsePick, readLine } from "./pick.ts";

/** The conventional status of a program that Ctrl-C ended: 128 + SIGINT. */
const INTERRUPTED = 130;

/** The options of the command: for each source, the names of hosts to be. */
export interface InitOptions extends SearchOptions, NamesBySource {
  /** The file to write; `-` is standard output. */
  readonly output: string;
  /** Whether a file that is there is replaced. */
  readonly force?: boolean;
}

/** Whether flags or a terminal can give the manifest's hosts. */
export function canInit(options: InitOptions): boolean {
  return isNamed(options) || Deno.stdin.isTerminal() && Deno.stderr.isTerminal();
}

/**
 * Writes a manifest and gives the exit status.
 *
 * @throws {Error} for the user, if something named does not exist, or the file cannot be
 * written.
 */
export async function init(options: InitOptions): Promise<number> {
  await refuseToReplace(options);
  const targets = isNamed(options) ? await named(options) : await picked(options);
  if (targets === undefined) return INTERRUPTED;
  const log = openLog(options);
  const tell = (message: string, fields = {}) =>
    log.event({ level: "info", type: "init", message }, fields);
  if (targets.length === 0) {
    tell("Nothing was picked, so no manifest is written");
    return 0;
  }
  for (const { source, id, isRunning, state } of targets) {
    if (isRunning) continue;
    const message = `${source} ${quote(id)} does not run: ${state}`;
    log.event({ level: "warn", type: "init", message });
  }
  const { output } = options;
  const isStdout = output === "-";
  const file = isStdout ? "FILE" : joinWords([output]);
  const { text, hosts } = draftManifest(targets, file);
  check(text, isStdout ? "<stdout>" : output);
  if (isStdout) {
    await printResult(text);
    return 0;
  }
  await write(text, options);
  tell(`Wrote ${output} with ${hosts.length} hosts: ${hosts.join(", ")}`, { hosts });
  printDiagnostics(warningsOf(text, output), options);
  tell(`Look at their ports there, then start the mesh: norouter ${file}`);
  return 0;
}

function isNamed(options: InitOptions): boolean {
  return SOURCES.some((name) => (options[name] ?? []).length > 0);
}

/** Said before anybody has picked anything. */
async function refuseToReplace({ output, force }: InitOptions): Promise<void> {
  if (output === "-" || force) return;
  const isThere = await Deno.lstat(output).then(() => true, () => false);
  if (isThere) throw alreadyThere(output);
}

function alreadyThere(path: string): Error {
  return new Error(
    `${path} is already there; --force replaces it, --output names another`,
  );
}

/** The targets that flags name; undefined if the user ended the search for them. */
async function named(options: InitOptions): Promise<readonly Candidate[] | undefined> {
  const result = await namedTargets(options, options);
  if (!result) return undefined;
  // That ssh's configuration is not there is nobody's trouble who names a machine.
  tellProblems(result.found.filter(({ source }) => source !== "ssh"), options);
  for (const { source, id } of result.unsure) {
    const message =
      `${source} ${quote(id)} is written as named: it could not be looked ` +
      `up, so its ports are not known`;
    openLog(options).event({ level: "warn", type: "init", message });
  }
  return result.targets;
}

/** The targets that the user picks; undefined if the user ended the search. */
async function picked(options: InitOptions): Promise<readonly Candidate[] | undefined> {
  const found = await search(options);
  if (!found) return undefined;
  tellProblems(found, options);
  const targets = found.flatMap(({ targets }) => targets);
  if (targets.length === 0) {
    const hint = `"norouter show-example" shows what to write by hand`;
    throw new Error(`Nothing was found that could be joined; ${hint}`);
  }
  say(`\n${targetTable(targets, true)}\n`);
  for (;;) {
    say(`Hosts beside this machine, such as "1,3-5" or "all" (Enter for none): `);
    const line = await readLine();
    if (line === undefined) say("\n");
    const places = parsePick(line ?? "", targets.length);
    if (typeof places !== "string") return places.map((place) => targets[place]!);
    say(`${places}\n`);
  }
}

/** The list and the question stand where somebody sees them, and not in the manifest. */
function say(text: string): void {
  stderr.text(text);
}

/**
 * The check of `norouter check`.
 *
 * @throws {Error} if the check would refuse the manifest.
 */
function check(text: string, path: string): void {
  const problems = problemsOf(text, path);
  if (problems.length === 0) return;
  const lines = problems.map(formatDiagnostic).join("\n");
  throw new Error(`No manifest is written, since the check would refuse it:\n${lines}`);
}

/** Warnings about a manifest that passes. */
function warningsOf(text: string, path: string): readonly Diagnostic[] {
  return parseManifest(text, { path, transports: builtinTransports }).warnings;
}

function problemsOf(text: string, path: string): readonly Diagnostic[] {
  try {
    const { warnings } = parseManifest(text, { path, transports: builtinTransports });
    return warnings.filter(({ failsCheck }) => failsCheck);
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    return error.diagnostics;
  }
}

async function write(text: string, { output, force }: InitOptions): Promise<void> {
  try {
    await Deno.writeTextFile(output, text, { createNew: !force });
  } catch (cause) {
    if (cause instanceof Deno.errors.AlreadyExists) throw alreadyThere(output);
    const reason = cause instanceof Deno.errors.NotFound
      ? "its folder does not exist"
      : (cause as Error).message;
    throw new Error(`Cannot write the manifest ${output}: ${reason}`, { cause });
  }
}
