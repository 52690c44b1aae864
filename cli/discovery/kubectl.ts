/**
 * Pods of Kubernetes: those of a context and a namespace, unless all are asked for.
 *
 * Contexts are told as well, but nobody asks their clusters.
 *
 * @module
 */
import * as v from "valibot";
import { didYouMean } from "../../manifest/fields.ts";
import { ask, readJson } from "./client.ts";
import { distinct } from "./ports.ts";
import {
  type Candidate,
  type Context,
  type Inquiry,
  oneLine,
  problemOf,
  type Source,
  SourceError,
} from "./source.ts";

/** As much of a configuration as is looked at. */
const Config = v.object({
  "current-context": v.nullish(v.string(), ""),
  contexts: v.nullish(
    v.array(v.object({
      name: v.string(),
      context: v.nullish(v.object({ namespace: v.nullish(v.string(), "") })),
    })),
    [],
  ),
});

const Container = v.object({
  name: v.string(),
  image: v.nullish(v.string(), ""),
  ports: v.nullish(
    v.array(v.object({
      containerPort: v.number(),
      protocol: v.nullish(v.string(), "TCP"),
      name: v.nullish(v.string(), ""),
    })),
    [],
  ),
});

/** As much of a pod as is looked at. */
const Pod = v.object({
  metadata: v.object({
    name: v.string(),
    namespace: v.string(),
    deletionTimestamp: v.nullish(v.string()),
    labels: v.nullish(v.record(v.string(), v.string()), {}),
    annotations: v.nullish(v.record(v.string(), v.string()), {}),
    ownerReferences: v.nullish(
      v.array(v.object({ kind: v.string(), name: v.string() })),
      [],
    ),
  }),
  spec: v.object({ containers: v.array(Container) }),
  status: v.nullish(
    v.object({
      phase: v.nullish(v.string(), ""),
      conditions: v.nullish(
        v.array(v.object({ type: v.string(), status: v.string() })),
        [],
      ),
    }),
    {},
  ),
});
type Pod = v.InferOutput<typeof Pod>;

const PodList = v.object({ items: v.array(Pod) });

/** Says which container `kubectl exec` takes. */
const DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container";

/** Kubernetes, by kubectl's configuration. */
export const kubectlSource: Source = {
  name: "kubectl",
  async list(question) {
    const contexts = await contextsOf(question.signal);
    try {
      const context = chosen(contexts, question);
      const targets = await podsOf(context, question);
      return { targets, problems: [], contexts };
    } catch (error) {
      return { targets: [], problems: [problemOf(error)], contexts };
    }
  },
};

async function contextsOf(signal: AbortSignal): Promise<Context[]> {
  const output = await ask(["kubectl", "config", "view", "--output=json"], signal);
  const config = readJson(output, Config);
  return config.contexts.map(({ name, context }) => ({
    name,
    namespace: context?.namespace || "default",
    isCurrent: name === config["current-context"],
  }));
}

function chosen(contexts: readonly Context[], { context: name }: Inquiry): Context {
  const found = contexts.find((each) =>
    name === undefined ? each.isCurrent : each.name === name
  );
  if (found) return found;
  if (contexts.length === 0) {
    throw new SourceError("its configuration has no context", "missing");
  }
  const names = contexts.map((each) => each.name);
  if (name === undefined) {
    const some = names.slice(0, 5).map(oneLine).join(", ");
    throw new SourceError(
      `no context is the current one; --context takes one of ${some}`,
    );
  }
  const hint = didYouMean(name, names);
  throw new SourceError(`there is no context ${JSON.stringify(name)}${hint}`);
}

async function podsOf(
  { name, namespace: usual }: Context,
  { all, allNamespaces, namespace = usual, signal }: Inquiry,
): Promise<Candidate[]> {
  const command = [
    "kubectl",
    `--context=${name}`,
    "get",
    "pods",
    allNamespaces ? "--all-namespaces" : `--namespace=${namespace}`,
    "--output=json",
  ];
  const { items } = readJson(await ask(command, signal), PodList);
  return items.map((pod) => targetOf(pod, name))
    .filter(({ isRunning }) => all || isRunning);
}

function targetOf(pod: Pod, context: string): Candidate {
  const { metadata: { name, namespace, annotations }, spec: { containers } } = pod;
  const state = stateOf(pod);
  const usual = containers.find((each) => each.name === annotations[DEFAULT_CONTAINER]) ??
    containers[0];
  const others = containers.filter((each) => each !== usual).map((each) => each.name);
  const keeper = keeperOf(pod);
  return {
    source: "kubectl",
    id: `${context}/${namespace}/${name}`,
    base: keeper?.name ?? name,
    spec: {
      pod: name,
      namespace,
      context,
      // Of several containers, name the choice that kubectl would make silently.
      ...others.length > 0 && usual && { container: usual.name },
    },
    state: oneLine(state),
    isRunning: state === "running" || state === "not ready",
    about: oneLine(usual?.image ?? ""),
    ports: distinct(
      containers.flatMap(({ ports }) =>
        ports.map(({ containerPort: port, protocol, name }) => ({
          port,
          protocol: protocol.toLowerCase(),
          name: oneLine(name),
        }))
      ),
    ),
    advice: [
      ...others.length > 0 ? [`its other containers: ${others.join(", ")}`] : [],
      ...keeper
        ? [
          `pod: ${keeper.kind}/${keeper.name} would be any pod of it, also a later one`,
        ]
        : [],
    ],
  };
}

/**
 * The controller that starts another such pod when this pod ends, and has a lasting name.
 */
function keeperOf(
  { metadata: { labels, ownerReferences } }: Pod,
): { kind: string; name: string } | undefined {
  const [owner] = ownerReferences;
  if (owner?.kind === "DaemonSet") return { kind: "daemonset", name: owner.name };
  // A set's pods have lasting names of their own, and differ.
  const suffix = `-${labels["pod-template-hash"]}`;
  if (owner?.kind !== "ReplicaSet" || !owner.name.endsWith(suffix)) return undefined;
  return { kind: "deployment", name: owner.name.slice(0, -suffix.length) };
}

function stateOf({ metadata, status }: Pod): string {
  if (metadata.deletionTimestamp) return "terminating";
  const phase = (status?.phase || "unknown").toLowerCase();
  if (phase !== "running") return phase;
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  return ready && ready.status !== "True" ? "not ready" : phase;
}
