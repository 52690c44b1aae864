/**
 * The NoRouter that is measured: that of the source, or an executable.
 *
 * @module
 */
import { NOROUTER } from "../tests/harness/scene/mesh.ts";

let command = NOROUTER;

/** The command of the NoRouter that is measured, without arguments. */
export function measured(): readonly string[] {
  return command;
}

/** Measures an executable from now on. */
export function measureExecutable(path: string): void {
  command = [path];
}
