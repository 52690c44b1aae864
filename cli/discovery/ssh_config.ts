/**
 * Reads the hosts named in ssh's configuration: ssh_config(5), as far as finding them
 * takes.
 *
 *   Host office *.lab !old.lab    "office" is a host; patterns and negated names
 *                                 are none
 *   Host "my box" a\ b            words with quotes, double or single, and backslashes
 *   HostName=10.0.0.5             "=" may stand between keyword and words
 *   Include work/*                other files, from ~/.ssh where no path is absolute
 *   Match exec "…"                never asked: that may run a command or resolve names
 *
 * The real name of a host is shown besides, as ssh does: the first value of the blocks
 * that match, in the order of the files. Values behind a Match are left out, except for
 * `Match all`. Bounded in files, depth, bytes and hosts.
 *
 * @module
 */
import { isAbsolute, join } from "node:path";
import { oneLine } from "./source.ts";

/** As in ssh. */
const MOST_DEPTH = 16;
const MOST_FILES = 256;
const MOST_BYTES = 1 << 20;
const MOST_HOSTS = 2000;

/** A host that the configuration names. */
export interface SshHost {
  /** The name to give to ssh. */
  readonly alias: string;
  /** The name or address behind the alias; if absent, the alias itself. */
  readonly hostName?: string;
  readonly user?: string;
  readonly port?: string;
}

/** The content of a configuration. */
export interface SshConfig {
  /** In order of appearance, each once. */
  readonly hosts: readonly SshHost[];
  /** Files and lines that could not be read, with their place. */
  readonly problems: readonly string[];
}

/** Where to begin. */
export interface SshConfigOptions {
  /** For `~`. */
  readonly home: string;
  /** For paths of `Include` that are not absolute. */
  readonly folder: string;
}

/** Which hosts a block is about: patterns of a `Host`, or unknown behind a `Match`. */
type Condition = readonly string[] | "unknown";

const ALL: Condition = ["*"];

/** A keyword whose value is shown, with the blocks around. */
interface Setting {
  readonly conditions: readonly Condition[];
  readonly field: "hostName" | "user" | "port";
  readonly value: string;
}

const FIELDS: ReadonlyMap<string, Setting["field"]> = new Map([
  ["hostname", "hostName"],
  ["user", "user"],
  ["port", "port"],
]);

/**
 * Reads a configuration with its includes. Nothing is run and nobody is asked.
 *
 * @throws the error of reading the first file.
 */
export function readSshConfig(path: string, options: SshConfigOptions): SshConfig {
  const reader = new Reader(options);
  reader.file(path, [], 0);
  return reader.result();
}

class Reader {
  readonly #options: SshConfigOptions;
  readonly #aliases = new Set<string>();
  readonly #settings: Setting[] = [];
  readonly #problems: string[] = [];
  #files = 0;

  constructor(options: SshConfigOptions) {
    this.#options = options;
  }

  result(): SshConfig {
    const hosts = [...this.#aliases].map((alias) => this.#hostOf(alias));
    return { hosts, problems: this.#problems };
  }

  /** Reads a file that stands in blocks with these conditions. */
  file(path: string, outer: readonly Condition[], depth: number): void {
    this.#files++;
    const text = readText(path);
    let own = ALL;
    for (const [index, line] of text.split("\n").entries()) {
      const words = wordsOf(line);
      if (typeof words === "string") {
        this.#problem(`${path}:${index + 1}: ${words}`);
        continue;
      }
      const [keyword = "", ...args] = words;
      const field = FIELDS.get(keyword);
      if (keyword === "host") {
        own = args;
        this.#take(args, [...outer, own]);
      } else if (keyword === "match") {
        const isAll = args.length === 1 && args[0]!.toLowerCase() === "all";
        own = isAll ? ALL : "unknown";
      } else if (keyword === "include") {
        for (const each of args) this.#include(each, [...outer, own], depth);
      } else if (field && args[0]) {
        this.#settings.push({ conditions: [...outer, own], field, value: args[0] });
      }
    }
  }

  #take(patterns: readonly string[], conditions: readonly Condition[]): void {
    for (const alias of patterns) {
      if (alias === "" || /[*?]|^!/.test(alias) || this.#aliases.has(alias)) continue;
      if (!conditions.every((each) => each === "unknown" || matches(each, alias))) {
        continue;
      }
      if (this.#aliases.size === MOST_HOSTS) {
        return this.#problem(`only the first ${MOST_HOSTS} hosts are listed`);
      }
      this.#aliases.add(alias);
    }
  }

  #include(written: string, conditions: readonly Condition[], depth: number): void {
    if (written.includes("[")) {
      return this.#problem(`Include ${written}: patterns with "[" are not followed`);
    }
    const { home, folder } = this.#options;
    const path = /^~(?=\/|$)/.test(written) ? home + written.slice(1) : written;
    for (const each of expand(isAbsolute(path) ? path : join(folder, path))) {
      if (depth + 1 > MOST_DEPTH || this.#files >= MOST_FILES) {
        const limit = `${MOST_DEPTH} levels and ${MOST_FILES} files are read`;
        return this.#problem(`Include ${written}: at most ${limit}`);
      }
      try {
        this.file(each, conditions, depth + 1);
      } catch (error) {
        // A file that is not there is nothing to ssh either.
        if (error instanceof Deno.errors.NotFound) continue;
        this.#problem(`${each}: ${(error as Error).message}`);
      }
    }
  }

  #hostOf(alias: string): SshHost {
    const found: { -readonly [Key in Setting["field"]]?: string } = {};
    for (const { conditions, field, value } of this.#settings) {
      if (found[field] !== undefined) continue;
      const isMeant = conditions.every((each) =>
        each !== "unknown" && matches(each, alias)
      );
      if (isMeant) found[field] = value;
    }
    const hostName = found.hostName?.replace(/%([%h])/g, (_, c) => c === "h" ? alias : c);
    return { alias, ...found, ...hostName !== undefined && { hostName } };
  }

  /** Each once: a file may be included from many places. */
  #problem(text: string): void {
    const line = oneLine(text);
    if (!this.#problems.includes(line) && this.#problems.length < 20) {
      this.#problems.push(line);
    }
  }
}

function readText(path: string): string {
  const { isFile, size } = Deno.statSync(path);
  if (!isFile) throw new Error("it is not a file"); // a pipe would be waited for
  if (size > MOST_BYTES) throw new Error(`it is larger than ${MOST_BYTES >> 20} MiB`);
  return Deno.readTextFileSync(path);
}

/**
 * The words of a line, the first in lower case, by the rules of ssh; none for an empty
 * line or a comment. Text is the fault of a wrong line.
 */
export function wordsOf(line: string): string[] | string {
  const text = line.replace(/^[\s]+|[\s]+$/g, "");
  if (text === "" || text.startsWith("#")) return [];
  const [whole, keyword = ""] = /^([^\s="]*)[ \t]*=?[ \t]*/.exec(text)!;
  const words = [keyword.toLowerCase()];
  for (let at = whole.length; at < text.length; at++) {
    if (/[ \t]/.test(text[at]!)) continue;
    if (text[at] === "#") break;
    const { word, end } = wordAt(text, at);
    if (word === undefined) return "a quote is not closed";
    words.push(word);
    at = end;
  }
  return words;
}

/** The word that begins at a place, and the place behind that word. */
function wordAt(text: string, start: number): { word: string | undefined; end: number } {
  let word = "";
  let quote = "";
  let at = start;
  for (; at < text.length; at++) {
    const char = text[at]!;
    const next = text[at + 1] ?? "";
    const escapes = quote ? `'"\\` : `'"\\ `;
    if (char === "\\" && next !== "" && escapes.includes(next)) {
      word += next;
      at++;
    } else if (quote ? char === quote : char === '"' || char === "'") {
      quote = quote ? "" : char;
    } else if (!quote && (char === " " || char === "\t")) {
      break;
    } else {
      word += char;
    }
  }
  return { word: quote ? undefined : word, end: at };
}

/** Whether a `Host` with these patterns is about a name. */
function matches(patterns: readonly string[], name: string): boolean {
  let isMeant = false;
  for (const pattern of patterns) {
    const isNegated = pattern.startsWith("!");
    if (!matchesOne(isNegated ? pattern.slice(1) : pattern, name)) continue;
    if (isNegated) return false;
    isMeant = true;
  }
  return isMeant;
}

/** `*` and `?`, in time that does not explode with the number of stars. */
function matchesOne(pattern: string, name: string): boolean {
  let p = 0;
  let n = 0;
  let star = -1;
  let resume = 0;
  while (n < name.length) {
    if (pattern[p] === "*") {
      star = p++;
      resume = n;
    } else if (p < pattern.length && (pattern[p] === "?" || pattern[p] === name[n])) {
      p++;
      n++;
    } else if (star >= 0) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  return /^\**$/.test(pattern.slice(p));
}

/**
 * The paths that a pattern stands for, in order; a pattern without `*` and `?` is itself.
 */
function* expand(pattern: string): Generator<string> {
  const first = pattern.search(/[*?]/);
  if (first < 0) return yield pattern;
  const folder = pattern.slice(0, pattern.lastIndexOf("/", first) + 1);
  const [part = "", ...rest] = pattern.slice(folder.length).split("/");
  for (const name of namesIn(folder)) {
    const isHidden = name.startsWith(".") && !part.startsWith(".");
    // A name with a star of its own would be a pattern again.
    if (isHidden || /[*?]/.test(name) || !matchesOne(part, name)) continue;
    yield* expand([folder + name, ...rest].join("/"));
  }
}

function namesIn(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  } catch {
    return [];
  }
}
