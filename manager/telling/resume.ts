/**
 * Whether the agent of a host stays when its link is gone, and why it does not.
 *
 * @module
 */

import type { HostSpec } from "../../manifest/manifest.ts";
import { type ConfigureData, RESUME_FEATURE } from "../../wire/control/control.ts";
import type { ResumeStatus } from "../status.ts";

/** The status, by the manifest and by the answer of the agent. */
export function resumeStatus(
  { transport, resume }: Pick<HostSpec, "transport" | "resume">,
  { features, version, resume: answer }: ConfigureData,
): ResumeStatus {
  if (!transport) return { off: "its agent is a part of the manager" };
  if (!resume) return { off: "the manifest says so" };
  if (answer?.seconds) {
    return { on: true, seconds: Math.min(answer.seconds, resume / 1000) };
  }
  if (answer?.off) return { off: answer.off };
  if (features.includes(RESUME_FEATURE)) return { off: "its agent does not say why" };
  return { off: `its agent does not know how (version ${version || "unknown"})` };
}
