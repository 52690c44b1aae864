/**
 * Pods of Kubernetes, reached by `kubectl exec`.
 *
 * | in the manifest | command |
 * |---|---|
 * | `kubectl: nginx` | `kubectl exec -i nginx -- norouter agent --automated` |
 * | `kubectl: deployment/web` | `kubectl exec -i deployment/web -- norouter …` |
 * | `kubectl: {selector: app=web, namespace: shop}` | the same in a ready pod that `kubectl get pods` finds |
 *
 * @module
 */
import { parseShallow } from "../wire/json_depth.ts";
import { execTransport } from "./command/exec.ts";
import { expandHome, fromManifest } from "./command/home.ts";
import { type OpenContext, SpecError } from "./mod.ts";
import { readOutput } from "./command/output.ts";
import { name, type OptionsOf, readSpec, text } from "./command/spec.ts";
import { readWords } from "./command/words.ts";

/** Depth of JSON that is read; a pod with its annotations needs some twelve. */
const MOST_DEPTH = 200;

const OPTIONS = {
  pod: name(`a pod's name, or KIND/NAME, like "deployment/web"`),
  selector: text(`labels, like "app=web"`),
  namespace: text("a namespace"),
  context: text("a context of the kubeconfig"),
  kubeconfig: text("a file"),
  container: text("a container of the pod"),
  agent: readWords,
  program: readWords,
};

/** The manifest's value, checked; either `pod` or `selector` is there. */
export type KubectlOptions = OptionsOf<typeof OPTIONS>;

/** Kinds that people write as options. */
const KINDS = ["deployment", "statefulset", "daemonset", "replicaset", "job", "service"];

/** Pods that are named in a message, of those that are not ready. */
const MOST_NAMED = 5;
/** Characters of an answer that is no list of pods. */
const SHOWN = 200;

/** Reaches a pod by Kubernetes' command line. */
export const kubectl = execTransport<KubectlOptions>({
  name: "kubectl",
  parse(spec, place) {
    const options = readSpec(spec, {
      transport: "kubectl",
      options: OPTIONS,
      short: "pod",
      example: "kubectl: nginx",
      instead: Object.fromEntries(
        KINDS.map((kind) => [kind, `wanted pod: "${kind}/NAME"`]),
      ),
      *rules({ pod, selector }) {
        if (pod === undefined && selector === undefined) {
          yield new SpecError([], `"pod" or "selector" is missing, like kubectl: nginx`);
        } else if (pod !== undefined && selector !== undefined) {
          const message = `"pod" and "selector" are two ways to name a pod; wanted one`;
          yield new SpecError(["selector"], message);
        }
      },
    });
    const { kubeconfig } = options;
    if (kubeconfig === undefined) return options;
    return { ...options, kubeconfig: fromManifest(kubeconfig, place) };
  },
  async prepare(options, context) {
    const { kubeconfig, selector } = options;
    const here = kubeconfig === undefined
      ? options
      : { ...options, kubeconfig: expandHome(kubeconfig) };
    if (selector === undefined) return here;
    return { ...here, selector: undefined, pod: await findPod(here, context) };
  },
  command(options, words) {
    const { pod, selector, container } = options;
    return [
      ...cluster(options),
      "exec",
      "-i",
      // Only messages show a command whose pod is still to be found.
      pod ?? `(a pod of ${selector})`,
      ...container === undefined ? [] : [`--container=${container}`],
      "--",
      ...words,
    ];
  },
  roomAdvice: `give the container an "emptyDir" volume at /tmp, or another volume that ` +
    `"installPath" names`,
});

/** The client, and options that name the cluster. */
function cluster(options: KubectlOptions): string[] {
  const { program = ["kubectl"], kubeconfig, context, namespace } = options;
  return [
    ...program,
    ...kubeconfig === undefined ? [] : [`--kubeconfig=${kubeconfig}`],
    ...context === undefined ? [] : [`--context=${context}`],
    ...namespace === undefined ? [] : [`--namespace=${namespace}`],
  ];
}

async function findPod(options: KubectlOptions, context: OpenContext): Promise<string> {
  const command = [
    ...cluster(options),
    "get",
    "pods",
    `--selector=${options.selector}`,
    "--output=json",
  ];
  const output = await readOutput(command, context);
  try {
    return choosePod(output, options.selector!);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    const begin = output.trim().slice(0, SHOWN);
    throw new Error(`${command[0]} printed no list of pods in JSON: ${begin}`, { cause });
  }
}

/** As much of a pod as is looked at. */
interface Pod {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

/**
 * The name of the first pod in a list, as printed by `kubectl get --output=json`, that is
 * ready and is to stay.
 *
 * @throws {Error} that tells the state of the others, if there is none.
 */
export function choosePod(json: string, selector: string): string {
  const { items } = parseShallow(json, MOST_DEPTH) as { items: readonly Pod[] };
  const ready = items.find((pod) => stateOf(pod) === undefined);
  if (ready) return ready.metadata.name;
  if (items.length === 0) throw new Error(`no pod has the labels ${selector}`);
  const named = items.slice(0, MOST_NAMED).map((pod) =>
    `${pod.metadata.name} (${stateOf(pod)})`
  );
  if (items.length > named.length) named.push("…");
  throw new Error(`no pod with the labels ${selector} is ready: ${named.join(", ")}`);
}

/** Why a pod will not do, or undefined for a suitable pod. */
function stateOf({ metadata, status }: Pod): string | undefined {
  if (metadata.deletionTimestamp !== undefined) return "terminating";
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  if (ready?.status === "True") return undefined;
  const phase = status?.phase ?? "unknown";
  return phase === "Running" ? "not ready" : phase.toLowerCase();
}
