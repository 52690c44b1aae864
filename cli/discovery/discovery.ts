/**
 * Asks all sources at once, each for a limited time.
 *
 * @module
 */
import { dockerSource } from "./docker.ts";
import { kubectlSource } from "./kubectl.ts";
import { lxcSource } from "./lxc.ts";
import { podmanSource } from "./podman.ts";
import {
  type Findings,
  type Inquiry,
  problemOf,
  type Source,
  type SourceName,
  SOURCES,
} from "./source.ts";
import { sshSource } from "./ssh.ts";

const BY_NAME: Readonly<Record<SourceName, Source>> = {
  docker: dockerSource,
  podman: podmanSource,
  kubectl: kubectlSource,
  lxc: lxcSource,
  ssh: sshSource,
};

/** The inquiry, and its limit on time. */
export interface DiscoveryOptions extends Omit<Inquiry, "signal"> {
  /** Milliseconds that each source may take. */
  readonly timeoutMs: number;
  /** Ends all inquiries early. */
  readonly signal?: AbortSignal | undefined;
  /** The sources to ask; absent for all. */
  readonly sources?: readonly SourceName[] | undefined;
}

/** The findings of a source. */
export interface Discovered extends Findings {
  readonly source: SourceName;
}

/** Lists candidates for hosts, by source in their order. */
export function discoverTargets(options: DiscoveryOptions): Promise<Discovered[]> {
  const wanted = SOURCES.filter((name) => options.sources?.includes(name) ?? true);
  return Promise.all(wanted.map((name) => askSource(BY_NAME[name], options)));
}

async function askSource(
  source: Source,
  { timeoutMs, signal: ended, ...inquiry }: DiscoveryOptions,
): Promise<Discovered> {
  const control = new AbortController();
  const timer = setTimeout(
    () => control.abort(`no answer within ${timeoutMs / 1000} s`),
    timeoutMs,
  );
  const signal = ended ? AbortSignal.any([control.signal, ended]) : control.signal;
  const { name } = source;
  try {
    const findings = await source.list({ ...inquiry, signal });
    // Docker and Podman list them with those that run, though nothing can be started there.
    const targets = findings.targets.filter(({ state }) =>
      inquiry.all || state !== "paused"
    );
    return { source: name, ...findings, targets };
  } catch (error) {
    return { source: name, targets: [], problems: [problemOf(error)] };
  } finally {
    clearTimeout(timer);
  }
}
