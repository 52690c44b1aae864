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
import type { ManifestWarningEvent, ReloadEvent, ReloadFailedEvent } from "../events.ts";
import { changeLines, type Manifests, type MeshChange } from "./change.ts";
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
 * The events that tell what is doubtful since a manifest is in force, and was not before:
 * such as a rule that leads to a host that has left.
 */
export function freshWarnings({ before, after }: Manifests): ManifestWarningEvent[] {
  const known = new Set(before.warnings.map(keyOf));
  return after.warnings.filter((warning) => !known.has(keyOf(warning))).map(
    (warning) => ({
      type: "manifest",
      level: "warn",
      at: formatPosition(warning.at),
      message: formatDiagnostic(warning),
    }),
  );
}

/** The same wherever it stands, since lines above come and go. */
function keyOf({ message }: Diagnostic): string {
  return message.replace(/:\d+:\d+/g, "");
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
