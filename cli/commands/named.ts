/**
 * Finds the targets that flags name, by asking the sources named.
 *
 *   the source knows the target     with its ports
 *   the source does not know        an error
 *   the source cannot be asked      as named, without ports, and a warning
 *   not in ssh's configuration      as named: any machine will do
 *
 * A pod is [[CONTEXT/]NAMESPACE/]POD. Contexts may have slashes, the other two have none.
 *
 * @module
 */
import { didYouMean } from "../../manifest/fields.ts";
import { quote } from "../../manifest/source/value.ts";
import { builtinTransports } from "../../transports/registry.ts";
import { parseSshDestination } from "../../transports/ssh_destination.ts";
import { search, type SearchOptions } from "./discover.ts";
import type { Discovered } from "../discovery/discovery.ts";
import { type Candidate, type SourceName, SOURCES } from "../discovery/source.ts";

/** Ids may be cut short to this length. */
const LEAST_OF_ID = 4;

const NOUNS: Readonly<Record<SourceName, string>> = {
  docker: "container",
  podman: "container",
  kubectl: "pod",
  lxc: "instance",
  ssh: "host",
};

/** Names of hosts to be, by source. */
export type NamesBySource = Readonly<Partial<Record<SourceName, readonly string[]>>>;

/** The result of the look-up of names. */
export interface Named {
  /** Each once, by source, in the order of the names. */
  readonly targets: readonly Candidate[];
  /** Those of them that nobody could be asked for. */
  readonly unsure: readonly Candidate[];
  /** The findings of the sources. */
  readonly found: readonly Discovered[];
}

/** Names that a single inquiry answers. */
interface Wish {
  readonly source: SourceName;
  readonly names: string[];
  readonly context?: string | undefined;
  readonly namespace?: string | undefined;
}

/**
 * Finds the targets; undefined if the user ended the search.
 *
 * @throws {Error} for the user, if a name does not exist or cannot be meant.
 */
export async function namedTargets(
  names: NamesBySource,
  options: SearchOptions,
): Promise<Named | undefined> {
  const wishes = SOURCES.flatMap((source) =>
    wishesOf(source, names[source] ?? [], options)
  );
  const answers = await Promise.all(
    wishes.map(({ source, context, namespace }) =>
      search({ ...options, all: true, allNamespaces: false, context, namespace }, [
        source,
      ])
    ),
  );
  const targets = new Map<string, Candidate>();
  const unsure: Candidate[] = [];
  const found: Discovered[] = [];
  for (const [i, wish] of wishes.entries()) {
    const answer = answers[i]?.[0];
    if (!answer) return undefined;
    found.push(answer);
    for (const name of wish.names) {
      const known = answer.targets.find((target) => isMeant(target, name));
      const target = known ?? asNamed(wish, name, answer);
      if (!known && wish.source !== "ssh") unsure.push(target);
      targets.set(JSON.stringify([target.source, target.spec]), target);
    }
  }
  return { targets: [...targets.values()], unsure, found };
}

function wishesOf(
  source: SourceName,
  names: readonly string[],
  options: SearchOptions,
): Wish[] {
  if (names.length === 0) return [];
  if (source !== "kubectl") return [{ source, names: [...names] }];
  const wishes = new Map<string, Wish>();
  for (const name of names) {
    const [, context = options.context, namespace = options.namespace, pod = ""] =
      /^(?:(?:(.+)\/)?([^/]*)\/)?([^/]*)$/.exec(name) ?? [];
    if (pod === "" || namespace === "") {
      throw new Error(`--kubectl ${quote(name)}: wanted [[CONTEXT/]NAMESPACE/]POD`);
    }
    const key = JSON.stringify([context, namespace]);
    const wish = wishes.get(key) ?? { source, context, namespace, names: [] };
    wish.names.push(pod);
    wishes.set(key, wish);
  }
  return [...wishes.values()];
}

function isMeant({ source, id, alsoKnownAs = [] }: Candidate, name: string): boolean {
  if (source === "kubectl") return id.slice(id.lastIndexOf("/") + 1) === name;
  return id === name ||
    alsoKnownAs.some((other) =>
      other === name || name.length >= LEAST_OF_ID && other.startsWith(name) &&
        /^[0-9a-f]{64}$/.test(other)
    );
}

/** The target that nobody knows, unless somebody should. */
function asNamed(wish: Wish, name: string, answer: Discovered): Candidate {
  const { source, context, namespace } = wish;
  const { targets, problems, contexts = [] } = answer;
  const spec = source === "kubectl"
    ? { pod: name, ...namespace && { namespace }, ...context && { context } }
    : name;
  checkSpec(source, spec, name);
  const isContext = contexts.length === 0 || context === undefined ||
    contexts.some((each) => each.name === context);
  if (!isContext) {
    const hint = didYouMean(context, contexts.map((each) => each.name));
    throw new Error(`kubectl has no context ${quote(context)}${hint}`);
  }
  const wasAsked = targets.length > 0 || problems.length === 0;
  const isElsewhere = source === "lxc" && name.includes(":");
  if (source !== "ssh" && wasAsked && !isElsewhere) {
    const others = targets.map(({ id }) =>
      source === "kubectl" ? id.slice(id.lastIndexOf("/") + 1) : id
    );
    const where = namespace === undefined ? "" : ` in namespace ${quote(namespace)}`;
    const what = `${source} has no ${NOUNS[source]} ${quote(name)}${where}`;
    const list = `; "norouter discover --all ${source}" lists those that are there`;
    throw new Error(`${what}${didYouMean(name, others) || list}`);
  }
  return {
    source,
    id: name,
    base: source === "ssh" ? parseSshDestination(name).name : name,
    spec,
    state: "",
    isRunning: true,
    about: "",
    ports: [],
  };
}

/** Tells now, and of the flag, the faults that the check would find in the manifest. */
function checkSpec(source: SourceName, spec: Candidate["spec"], name: string): void {
  try {
    builtinTransports.get(source)?.parse(spec);
  } catch (error) {
    throw new Error(`--${source} ${quote(name)}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
