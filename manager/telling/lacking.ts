/**
 * Features that the manifest asks for and an agent lacks, in a user's words and at the
 * place that asks.
 *
 * @module
 */

import { formatPosition, type Position } from "../../manifest/source/diagnostic.ts";
import type { HostSpec, Manifest } from "../../manifest/manifest.ts";

/** A feature, and the agent that lacks it. */
export interface Lack {
  /** The feature that the agent did not announce. */
  readonly feature: string;
  /** The agent, to stand in the middle of a sentence. */
  readonly who: string;
}

/** The warning that the agent of `host` lacks a feature, complete with its place. */
export function lackingFeature(
  manifest: Manifest,
  host: HostSpec,
  { feature, who }: Lack,
): string {
  const { at, words } = explain(manifest, host, feature);
  return `${formatPosition(at)}: ${who} ${words}`;
}

function explain(
  manifest: Manifest,
  host: HostSpec,
  feature: string,
): { at: Position; words: string } {
  const { at } = host;
  switch (feature) {
    case "loopback":
      return { at, words: "cannot listen on the loopback addresses of the mesh" };
    case "http":
      return { at: host.http?.at ?? at, words: "has no HTTP proxy" };
    case "socks":
      return { at: host.socks?.at ?? at, words: "has no SOCKS proxy" };
    case "routes":
      return {
        at: manifest.routes[0]?.at ?? at,
        words: "knows no routes, so its proxies dial everything themselves",
      };
    case "hostaliases":
      return { at, words: `does not write the folder of "stateDir"` };
    case "etchosts":
      return { at, words: `does not write the hosts file ("writeEtcHosts")` };
    case "resolveFor":
      return {
        at,
        words:
          `does not obey "resolveFor": its name server resolves all names for all hosts`,
      };
    case "extend": {
      const route = manifest.routes.find(({ notNameAt }) => notNameAt);
      const names = route?.notGlobs.join(", ");
      return {
        at: route?.notNameAt ?? at,
        words: `does not know names in "notTo", so for it ${names} ` +
          `${route?.notGlobs.length === 1 ? "is" : "are"} behind ` +
          `"${route?.via}" as well; install this version of norouter there, or name ` +
          `ranges instead`,
      };
    }
    default:
      return { at, words: `lacks the feature ${feature}` };
  }
}
