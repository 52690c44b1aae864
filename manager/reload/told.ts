/**
 * What is told of reloads: that another manifest is in force, or why it is not.
 *
 * @module
 */

import type { Manifest } from "../../manifest/manifest.ts";
import {
  type Diagnostic,
  formatDiagnostic,
  formatPosition,
  ManifestError,
} from "../../manifest/source/diagnostic.ts";
import {
  descriptorHint,
  isDescriptorShortage,
} from "../../transports/command/descriptor_limit.ts";
import { messageOf } from "../../wire/text.ts";
import type { ReloadEvent, ReloadFailedEvent } from "../events.ts";
import { changeLines, type MeshChange } from "./change.ts";
import { isNothing } from "./differences.ts";

/** The event that tells a change. */
export function reloadEvent(change: MeshChange, { path }: Manifest): ReloadEvent {
  const isSame = isNothing(change) && change.restarted.length === 0;
  const message = isSame
    ? `Nothing is different in ${path}`
    : `The mesh has changed: ${changeLines(change).join("; ")}`;
  return { type: "reload", level: "info", message, ...change };
}

/**
 * The event that tells of a manifest that cannot be used, or not be read for want of
 * descriptors; `isAgain` says that it will be read again.
 */
export function reloadFailedEvent(
  error: unknown,
  { isAgain = false } = {},
): ReloadFailedEvent {
  if (isDescriptorShortage(error)) {
    const message = `The manifest cannot be read now, and nothing has changed: ` +
      descriptorHint() + (isAgain ? "; it is read as soon as there are some" : "");
    return { type: "reloadFailed", level: "error", message, faults: [] };
  }
  const faults = faultsOf(error);
  const message = `The manifest cannot be used, and nothing has changed: ${
    faults.length === 0 ? messageOf(error) : faults.map(formatDiagnostic).join("\n")
  }`;
  return {
    type: "reloadFailed",
    level: "error",
    message,
    faults: faults.map(({ at, message }) => ({ at: formatPosition(at), message })),
  };
}

/** The errors of a manifest; none if something else went wrong. */
export function faultsOf(error: unknown): Diagnostic[] {
  if (!(error instanceof ManifestError)) return [];
  return error.diagnostics.filter(({ severity }) => severity === "error");
}
