/**
 * Collects the faults of a manifest, so that all of them are reported at once.
 *
 * @module
 */
import { type Diagnostic, ManifestError, type Position } from "./diagnostic.ts";

/** The faults found so far in a manifest. */
export class Report {
  /** The manifest's name as messages show it. */
  readonly file: string;
  readonly #found: Diagnostic[] = [];
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
    const index = this.#found.findIndex((found) =>
      found.at.line === at.line && found.at.column === at.column &&
      found.at.path === at.path && pattern.test(found.message)
    );
    const found = this.#found[index];
    if (!found) return false;
    this.#found[index] = { ...found, severity: "error" };
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

  /** Hands what was found to the report of a larger whole. */
  pass(to: Report): void {
    for (const diagnostic of this.#found) to.#push(diagnostic);
  }

  /**
   * The warnings, if there is no error.
   *
   * @throws {ManifestError} with everything found, if there is an error.
   */
  finish(): readonly Diagnostic[] {
    const sorted = this.#found.toSorted((a, b) =>
      Number(a.at.file !== this.file) - Number(b.at.file !== this.file) ||
      a.at.line - b.at.line || a.at.column - b.at.column
    );
    if (sorted.some(({ severity }) => severity === "error")) {
      throw new ManifestError(sorted);
    }
    return sorted;
  }

  #add(diagnostic: Diagnostic): void {
    if (this.#sound && !before(diagnostic.at, this.#sound)) return;
    this.#push(diagnostic);
  }

  /** A value shared through an anchor is read more than once and reported once. */
  #push(diagnostic: Diagnostic): void {
    const { at, message } = diagnostic;
    const key = `${at.file}:${at.line}:${at.column}:${at.path ?? ""}:${message}`;
    if (this.#said.has(key)) return;
    this.#said.add(key);
    this.#found.push(diagnostic);
  }
}

type Place = { readonly line: number; readonly column: number };

function before(a: Place, b: Place): boolean {
  return a.line < b.line || a.line === b.line && a.column < b.column;
}
