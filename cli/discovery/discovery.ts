// Asks all sources at once, each for a limited time.
import { docker } from "./docker.ts";
import { kubectl } from "./kubectl.ts";
import { lxc } from "./lxc.ts";
import { podman } from "./podman.ts";
import {
  type Findings,
  problemOf,
  type Question,
  type Source,
  type SourceName,
  SOURCES,
} from "./source.ts";
import { ssh } from "./ssh.ts";

const BY_NAME: Readonly<Record<SourceName, Source>> = {
  docker,
  podman,
  kubectl,
  lxc,
  ssh,
};

/** What is asked, and for how long. */
export interface DiscoveryOptions extends Omit<Question, "signal"> {
  /** Milliseconds that each source may take. */
  readonly timeoutMs: number;
  /** Ends all, if it comes before. */
  readonly signal?: AbortSignal | undefined;
  /** Those to ask; without it all. */
  readonly sources?: readonly SourceName[] | undefined;
}

/** What one source found. */
export interface Discovered extends Findings {
  readonly source: SourceName;
}

/** Lists what could become a host, by source in their order. */
export function discoverTargets(options: DiscoveryOptions): Promise<Discovered[]> {
  const wanted = SOURCES.filter((name) => options.sources?.includes(name) ?? true);
  return Promise.all(wanted.map((name) => askSource(BY_NAME[name], options)));
}

async function askSource(
  source: Source,
  { timeoutMs, signal: ended, ...question }: DiscoveryOptions,
): Promise<Discovered> {
  const control = new AbortController();
  const timer = setTimeout(
    () => control.abort(`no answer within ${timeoutMs / 1000} s`),
    timeoutMs,
  );
  const signal = ended ? AbortSignal.any([control.signal, ended]) : control.signal;
  const { name } = source;
  try {
    const findings = await source.list({ ...question, signal });
    // Docker and Podman list them with those that run, though nothing can be started there.
    const targets = findings.targets.filter(({ state }) =>
      question.all || state !== "paused"
    );
    return { source: name, ...findings, targets };
  } catch (error) {
    return { source: name, targets: [], problems: [problemOf(error)] };
  } finally {
    clearTimeout(timer);
  }
}
