/**
 * Faults of a manifest, with their places: positions, diagnostics, and the error that
 * carries all of them at once.
 *
 * @module
 */

/** Where a value of the manifest stands. */
export interface Position {
  /** The file as the user named it; for a manifest given as an object, its label. */
  readonly file: string;
  /** Counted from 1; 0 when the value has no line (an object, or a file not readable). */
  readonly line: number;
  /** In characters, counted from 1; 0 when the value has no line. */
  readonly column: number;
  /** For a manifest given as an object: the way to the value, `hosts.web.ports[0]`. */
  readonly path?: string;
}

/** A message to the user about a manifest. */
export interface Diagnostic {
  /** An error keeps the mesh from starting, a warning does not. */
  readonly severity: "error" | "warning";
  /** Where the value at fault stands. */
  readonly at: Position;
  /** The value found and the value wanted, without the position. */
  readonly message: string;
  /** True for the warnings that `norouter check` fails on. */
  readonly failsCheck: boolean;
}

/** A manifest that cannot be used, with every reason that was found. */
export class ManifestError extends Error {
  /** Tells this error by name. */
  override readonly name = "ManifestError";
  /** All errors and warnings, in the order of the file. */
  readonly diagnostics: readonly Diagnostic[];

  /** Makes the error of these diagnostics; its message has a line for each error. */
  constructor(diagnostics: readonly Diagnostic[], options?: ErrorOptions) {
    const errors = diagnostics.filter(({ severity }) => severity === "error");
    super(errors.map(formatDiagnostic).join("\n"), options);
    this.diagnostics = diagnostics;
  }
}

/** `mesh.yaml:12:7`, or the path of a value in an object, or just the file. */
export function formatPosition(at: Position): string {
  if (at.line > 0) return `${at.file}:${at.line}:${at.column}`;
  return at.path ? `${at.file}: ${at.path}` : at.file;
}

/** `mesh.yaml:12:7: error: …`, the form that editors and terminals recognise. */
export function formatDiagnostic(diagnostic: Diagnostic): string {
  const { at, severity, message } = diagnostic;
  return `${formatPosition(at)}: ${severity}: ${message}`;
}
