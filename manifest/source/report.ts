/**
 * Collects the faults of a manifest, so that all of them are reported at once.
 *
 * @module
 */
import { type Diagnostic, ManifestError, type Position } from "./diagnostic.ts";

/** Errors, and warnings, that are told; people mend what they can read. */
const MOST_TOLD = 20;
/** Errors with which reading ends: what is told of each may take the time of many values. */
const MOST_ERRORS = 1000;

/** The faults found so far in a manifest. */
export class Report {
  /** The manifest's name as messages show it. */
  readonly file: string;
  readonly #found: Diagnostic[] = [];
  /** Indices of what was found, by place. */
  readonly #byPlace = new Map<string, number[]>();
  #errors = 0;
  /** Errors of syntax that were not looked at. */
  #skipped = 0;
  readonly #said = new Set<string>();
  #sound: { line: number; column: number } | undefined;

  /** An empty report. */
  constructor(file: string) {
    this.file = file;
  }

  /** The start of the file: where something stands that has no place of its own. */
  get start(): Position {
    return { file: this.file, line: 0, column: 0 };
  }

  /** Whether nothing was found so far. */
  get isEmpty(): boolean {
    return this.#found.length === 0;
  }

  /** Something is wrong. */
  error(at: Position, message: string): void {
    this.#add({ severity: "error", at, message, failsCheck: true });
  }

  /**
   * Something is not there. Text that was not understood may well have held it, so
   * this says nothing about a manifest with an error of syntax.
   */
  missing(at: Position, message: string): void {
    if (!this.#sound) this.error(at, message);
  }

  /** Something is doubtful. */
  warn(at: Position, message: string, options: { failsCheck?: boolean } = {}): void {
    const failsCheck = options.failsCheck ?? false;
    this.#add({ severity: "warning", at, message, failsCheck });
  }

  /**
   * A warning turns out to be why the manifest cannot be used. Tells whether a warning at
   * this place has a matching message.
   */
  blame(at: Position, pattern: RegExp): boolean {
    const index = this.#byPlace.get(placeKey(at))?.find((index) =>
      pattern.test(this.#found[index]!.message)
    );
    if (index === undefined) return false;
    this.#found[index] = { ...this.#found[index]!, severity: "error" };
    return true;
  }

  /**
   * The text is not YAML. The parser only guesses at the text from `sound` on, and
   * messages about that part are dropped: they would be noise beside the true reason.
   */
  syntax(at: Position, message: string, sound: Position): void {
    this.#push({ severity: "error", at, message, failsCheck: true });
    if (!this.#sound || before(sound, this.#sound)) this.#sound = sound;
  }

  /** Whether errors were found that are not told. */
  get isFull(): boolean {
    return this.#errors > MOST_TOLD;
  }

  /** There are more errors of syntax behind those that were reported. */
  skip(count: number): void {
    this.#skipped += count;
  }

  /** Hands what was found to the report of a larger whole. */
  pass(to: Report): void {
    for (const diagnostic of this.#found) to.#push(diagnostic);
  }

  /**
   * The warnings, if there is no error. Of each severity the first {@linkcode MOST_TOLD} are
   * told, and how many more there are.
   *
   * @throws {ManifestError} with what was found, if there is an error.
   */
  finish(): readonly Diagnostic[] {
    const sorted = this.#found.toSorted((a, b) =>
      Number(a.at.file !== this.file) - Number(b.at.file !== this.file) ||
      a.at.line - b.at.line || a.at.column - b.at.column
    );
    const told = this.#bounded(sorted);
    if (this.#found.some(({ severity }) => severity === "error")) {
      throw new ManifestError(told);
    }
    return told;
  }

  #add(diagnostic: Diagnostic): void {
    if (this.#sound && !before(diagnostic.at, this.#sound)) return;
    this.#push(diagnostic);
  }

  /** A value shared through an anchor is read more than once and reported once. */
  #push(diagnostic: Diagnostic): void {
    const { at, message } = diagnostic;
    const place = placeKey(at);
    const key = `${place}:${message}`;
    if (this.#said.has(key)) return;
    this.#said.add(key);
    const indices = this.#byPlace.get(place);
    if (indices) indices.push(this.#found.length);
    else this.#byPlace.set(place, [this.#found.length]);
    this.#found.push(diagnostic);
    if (diagnostic.severity === "error" && ++this.#errors >= MOST_ERRORS) this.finish();
  }

  #bounded(sorted: readonly Diagnostic[]): readonly Diagnostic[] {
    const counts = { error: 0, warning: 0 };
    const told = sorted.filter(({ severity }) => ++counts[severity] <= MOST_TOLD);
    for (const severity of ["error", "warning"] as const) {
      const rest = sorted.filter((found) => found.severity === severity).slice(MOST_TOLD);
      const [next] = rest;
      if (!next) continue;
      const count = rest.length + (severity === "error" ? this.#skipped : 0);
      const more = count === 1 ? `one more ${severity}` : `${count} more ${severity}s`;
      const isAll = severity === "warning" || this.#errors < MOST_ERRORS;
      const end = isAll ? "" : ", with the last of which reading ended";
      const message = `${more} from here on${end}`;
      const failsCheck = rest.some(({ failsCheck }) => failsCheck);
      told.push({ severity, at: next.at, message, failsCheck });
    }
    return told;
  }
}

function placeKey({ file, line, column, path = "" }: Position): string {
  return `${file}:${line}:${column}:${path}`;
}

type Place = { readonly line: number; readonly column: number };

function before(a: Place, b: Place): boolean {
  return a.line < b.line || a.line === b.line && a.column < b.column;
}
