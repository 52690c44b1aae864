/**
 * Shares: the lines of each agent in a file with names, which several agents may share:
 *
 *   # of the agent 1f0c3a2b, process 42 of box-[4026531836] since 88123, 2026-11-28
 *   127.0.42.101 web
 *   # of the agent 77d0e9c4, process 57 of box-[4026531836] since 90344, 2026-11-28
 *   127.0.43.101 db
 *
 * The newest comes first, for programs take the first line that has a name. Lines without
 * such a head are nobody's: NoRouter and earlier versions write them.
 *
 * @module
 */
import { hostname } from "node:os";
import { kill } from "node:process";
import { entryNow } from "../../transports/command/process_table.ts";

/** Days that lines stay of an agent whose process cannot be looked up from here. */
const FOREIGN_DAYS = 30;
const HEAD =
  /^# of the agent ([0-9a-f]{8}), process (\d+)(?: of (\S+) since (\d*), ([\d-]{10}))?(, behind a line without an end)?$/;

/** The lines of an agent. */
export interface Share {
  /** The line that names the agent. */
  readonly head: string;
  readonly lines: readonly string[];
}

/** An agent's identity, for files that others write too. */
export class Owner {
  readonly #id = crypto.randomUUID().slice(0, 8);

  /**
   * Its lines in front of those of all other agents that run. `isJoined`: the file had to
   * be given the end of its last line first.
   */
  add(
    shares: readonly Share[],
    lines: readonly string[],
    { isJoined = false }: { readonly isJoined?: boolean } = {},
  ): Share[] {
    const head =
      `# of the agent ${this.#id}, process ${Deno.pid} of ${machine()} since ` +
      `${startOf(Deno.pid) ?? ""}, ${new Date().toISOString().slice(0, 10)}`;
    const all = [{ head, lines }, ...this.#others(shares)];
    return isJoined || areJoined(shares) ? joined(all) : all;
  }

  /** The shares of others; undefined if this agent has none and nothing is to be done. */
  remove(shares: readonly Share[]): Share[] | undefined {
    if (!shares.some(({ head }) => HEAD.exec(head)?.[1] === this.#id)) return undefined;
    const others = this.#others(shares);
    return areJoined(shares) ? joined(others) : others;
  }

  #others(shares: readonly Share[]): Share[] {
    return shares.filter(({ head }) =>
      HEAD.exec(head)?.[1] !== this.#id && isLiving(head)
    );
  }
}

/** Takes lines apart; those in front of the first head are left out. */
export function sharesOf(lines: readonly string[]): Share[] {
  const shares: { head: string; lines: string[] }[] = [];
  for (const line of lines) {
    if (HEAD.test(line)) shares.push({ head: line, lines: [] });
    else shares.at(-1)?.lines.push(line);
  }
  return shares;
}

/** The lines that {@linkcode sharesOf} takes apart. */
export function linesOf(shares: readonly Share[]): string[] {
  return shares.flatMap(({ head, lines }) => [head, ...lines]);
}

/** Whether the end of the line before them was added with them. */
export function areJoined(shares: readonly Share[]): boolean {
  return shares.some(({ head }) => HEAD.exec(head)?.[6]);
}

/** The first says so for all, whoever will be the last. */
function joined([first, ...rest]: readonly Share[]): Share[] {
  if (!first) return [];
  const [, , , , , , isSaid] = HEAD.exec(first.head)!;
  const head = isSaid ? first.head : `${first.head}, behind a line without an end`;
  return [{ ...first, head }, ...rest];
}

function isLiving(head: string): boolean {
  const [, , pid, where, start, date] = HEAD.exec(head)!;
  // Containers that share a file count their processes each for itself.
  if (where !== undefined && where !== machine()) {
    return Date.now() - Date.parse(date!) < FOREIGN_DAYS * 86_400_000;
  }
  const found = startOf(Number(pid));
  if (found !== undefined) return !start || `${found}` === start;
  return Deno.build.os !== "linux" && isRunning(Number(pid));
}

/** Who counts processes, as in guard.sh. */
function machine(): string {
  let space = "";
  try {
    space = Deno.readLinkSync("/proc/self/ns/pid").replace("pid:", "-");
  } catch { /* not on Linux */ }
  return hostname().replaceAll(/\s/g, "") + space;
}

/** When a process began, as Linux counts; undefined elsewhere, or without process. */
function startOf(pid: number): string | undefined {
  const start = entryNow(pid)?.start;
  return start === undefined ? undefined : `${start}`;
}

function isRunning(pid: number): boolean {
  try {
    return kill(pid, 0);
  } catch (error) {
    return (error as { code?: string }).code === "EPERM";
  }
}
