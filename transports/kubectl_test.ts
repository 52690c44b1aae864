import assert from "node:assert/strict";
import {
  assertCommands,
  assertMistakes,
  contextOf,
  ignore,
  typedConformance,
} from "./_typed.ts";
import { choosePod, kubectl } from "./kubectl.ts";

typedConformance(kubectl, { pod: "nginx" });

Deno.test("a pod is reached by the command its options ask for", () => {
  assertCommands(kubectl, [
    ["nginx", "kubectl exec -i nginx -- norouter"],
    ["deployment/web", "kubectl exec -i deployment/web -- norouter"],
    [
      { pod: "nginx", namespace: "default", context: "gke", container: "app" },
      "kubectl --context=gke --namespace=default exec -i nginx --container=app -- norouter",
    ],
    [
      { pod: "nginx", kubeconfig: "/etc/kube config", agent: "/tmp/norouter" },
      "kubectl '--kubeconfig=/etc/kube config' exec -i nginx -- /tmp/norouter",
    ],
    [
      { selector: "app=web,tier!=cache", program: ["oc"] },
      "oc exec -i '(a pod of app=web,tier!=cache)' -- norouter",
    ],
  ]);
});

Deno.test("options of a pod that are wrong are told, with what to write", () => {
  assertMistakes(kubectl, [
    [{}, [[], /"pod" or "selector" is missing, like kubectl: nginx/]],
    [
      { pod: "nginx", selector: "app=web" },
      [["selector"], /"pod" and "selector" are two ways to name a pod; wanted one/],
    ],
    [
      { deployment: "web" },
      [
        ["deployment"],
        /unknown option "deployment"; wanted pod: "deployment\/NAME"/,
        "key",
      ],
    ],
    [{ pod: "a", namspace: "b" }, [["namspace"], /did you mean "namespace"\?/, "key"]],
    ["-n", [[], /begins with "-"/]],
    [{ selector: 1 }, [["selector"], /wanted labels, like "app=web", got 1/]],
  ]);
});

const pod = (name: string, ready?: string, more: Record<string, unknown> = {}) => ({
  metadata: { name, ...more },
  status: {
    phase: ready === undefined ? "Pending" : "Running",
    conditions: ready === undefined ? [] : [{ type: "Ready", status: ready }],
  },
});
const listOf = (...items: unknown[]) => JSON.stringify({ kind: "List", items });

Deno.test("of the pods with a label the first ready one is taken", () => {
  const leaving = pod("web-0", "True", { deletionTimestamp: "2026-01-01T00:00:00Z" });
  const all = listOf(
    leaving,
    pod("web-1", "False"),
    pod("web-2", "True"),
    pod("web-3", "True"),
  );
  assert.equal(choosePod(all, "app=web"), "web-2");
  assert.throws(
    () => choosePod(listOf(leaving, pod("web-1", "False"), pod("web-2")), "app=web"),
    {
      message: "no pod with the labels app=web is ready: " +
        "web-0 (terminating), web-1 (not ready), web-2 (pending)",
    },
  );
  assert.throws(() => choosePod(listOf(), "app=web"), /no pod has the labels app=web/);
  const many = listOf(...Array.from({ length: 9 }, (_, i) => pod(`web-${i}`)));
  assert.throws(() => choosePod(many, "app=web"), /web-4 \(pending\), …$/);
});

/** A client whose `get` prints a list and whose `exec` prints its words. */
const client = (list: string) => [
  "sh",
  "-c",
  `case "$*" in
    *"get pods "*) cat <<'END'
${list}
END
;;
    *) printf '%s\\n' "$@" ;;
  esac`,
  "client",
];

Deno.test("the pod of a selector is looked up whenever a link is opened", {
  ignore,
}, async () => {
  const options = kubectl.parse({
    selector: "app=web",
    namespace: "shop",
    program: client(listOf(pod("web-7", "True"))),
  });
  const link = await kubectl.open(options, contextOf());
  await link.writable.close().catch(() => {});
  assert.deepEqual(
    (await new Response(link.readable).text()).trim().split("\n"),
    ["--namespace=shop", "exec", "-i", "web-7", "--", "norouter", "agent", "--automated"],
  );
  assert.equal((await link.closed).ok, true);
  const shell = await kubectl.shell(options, contextOf());
  assert.deepEqual(shell.command(["uname"]).slice(-5), [
    "exec",
    "-i",
    "web-7",
    "--",
    "uname",
  ]);
});

Deno.test("why no pod could be looked up is told", { ignore }, async () => {
  const open = (program: string[]) =>
    kubectl.open(kubectl.parse({ selector: "app=web", program }), contextOf());
  await assert.rejects(open(client(listOf())), /no pod has the labels app=web/);
  await assert.rejects(
    open(["sh", "-c", "echo 'pods is forbidden' >&2; exit 1"]),
    /sh exited with status 1: pods is forbidden/,
  );
  await assert.rejects(
    open(["sh", "-c", "echo pod/web-1"]),
    /sh printed no list of pods in JSON: pod\/web-1/,
  );
  await assert.rejects(open(["no-such-kubectl"]), /no such command on PATH/);
});
