/**
 * The part of a cluster that `kubectl exec` and `kubectl get pods` need: kube_api.ts PLAN
 * PORT.
 *
 * PLAN is a file, read anew for each request, so that a test can change the cluster.
 *
 * exec is spoken as the real API server does over WebSockets, by v5.channel.k8s.io: the
 * first byte of each message is a channel (0 standard input, 1 output, 2 error, 3 the
 * exit status, 255 "this channel is closed").
 * https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apimachinery/pkg/util/remotecommand/constants.go
 *
 * @module
 */

/** A pod of the plan. */
export interface PlannedPod {
  readonly labels?: Record<string, string>;
  /** Not even started, if neither true nor false. */
  readonly ready?: boolean;
  /** By name, in order: the network namespace that is the container. */
  readonly containers: Readonly<Record<string, string>>;
}

/** The contents of the cluster. */
export interface ClusterPlan {
  /** Pods by `NAMESPACE/NAME`. */
  readonly pods: Readonly<Record<string, PlannedPod>>;
  /** Deployments by `NAMESPACE/NAME`, with the labels of their pods. */
  readonly deployments?: Readonly<Record<string, Record<string, string>>>;
  /** Namespaces in which nothing may be run. */
  readonly forbidden?: readonly string[];
}

const PROTOCOL = "v5.channel.k8s.io";
const [STDIN, STDOUT, STDERR, STATUS, CLOSED] = [0, 1, 2, 3, 255];

type Plain = Record<string, unknown>;

function readPlan(): ClusterPlan {
  return JSON.parse(Deno.readTextFileSync(Deno.args[0]!));
}

function status(code: number, reason: string, message: string): Response {
  const body = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure" };
  return Response.json({ ...body, message, reason, code }, { status: code });
}

function podOf(path: string, pod: PlannedPod): Plain {
  const [namespace, name] = path.split("/");
  const { labels = {}, ready, containers } = pod;
  const phase = ready === undefined ? "Pending" : "Running";
  return {
    kind: "Pod",
    apiVersion: "v1",
    metadata: { name, namespace, labels, uid: name },
    spec: { containers: Object.keys(containers).map((name) => ({ name })) },
    status: { phase, conditions: [{ type: "Ready", status: ready ? "True" : "False" }] },
  };
}

/** Only `a=b`, which is all that the tests ask for. */
function hasLabels(selector: string, labels: Record<string, string> = {}): boolean {
  return selector.split(",").every((each) => {
    const [name, value] = each.split("=");
    return labels[name!] === value;
  });
}

/** The client's first questions: the groups and resources of the API. */
const DISCOVERY: Record<string, unknown> = {
  "/api": { kind: "APIVersions", versions: ["v1"], serverAddressByClientCIDRs: [] },
  "/api/v1": resources("v1", { name: "pods", kind: "Pod" }),
  "/apis": {
    kind: "APIGroupList",
    apiVersion: "v1",
    groups: [{
      name: "apps",
      versions: [{ groupVersion: "apps/v1", version: "v1" }],
      preferredVersion: { groupVersion: "apps/v1", version: "v1" },
    }],
  },
  "/apis/apps/v1": resources("apps/v1", { name: "deployments", kind: "Deployment" }),
};

function resources(groupVersion: string, resource: Plain): Plain {
  const common = { singularName: "", namespaced: true, verbs: ["get", "list", "create"] };
  return {
    kind: "APIResourceList",
    apiVersion: "v1",
    groupVersion,
    resources: [{ ...common, ...resource }],
  };
}

function answer(request: Request): Response {
  const { pathname, searchParams } = new URL(request.url);
  if (pathname in DISCOVERY) return Response.json(DISCOVERY[pathname]);
  // Asked after a pod that is not there, to tell that from a namespace that is not.
  const [, place] = /^\/api\/v1\/namespaces\/([^/]+)$/.exec(pathname) ?? [];
  if (place) {
    return Response.json({
      kind: "Namespace",
      apiVersion: "v1",
      metadata: { name: place },
    });
  }
  const plan = readPlan();
  const [, namespace, kind, name, verb] =
    /^\/apis?(?:\/apps)?\/v1\/namespaces\/([^/]+)\/([^/]+)(?:\/([^/]+))?(?:\/(exec))?$/
      .exec(pathname) ?? [];
  const path = `${namespace}/${name}`;
  if (kind === "deployments" && plan.deployments?.[path]) {
    const matchLabels = plan.deployments[path];
    return Response.json({
      kind: "Deployment",
      apiVersion: "apps/v1",
      metadata: { name, namespace, uid: name },
      spec: { selector: { matchLabels }, template: {} },
    });
  }
  if (kind === "pods" && name === undefined) {
    const selector = searchParams.get("labelSelector") ?? "";
    const items = Object.entries(plan.pods).filter(([path, { labels }]) =>
      path.startsWith(`${namespace}/`) && hasLabels(selector, labels)
    ).map(([path, pod]) => podOf(path, pod));
    return Response.json({ kind: "PodList", apiVersion: "v1", metadata: {}, items });
  }
  const pod = plan.pods[path];
  if (kind !== "pods" || !pod) {
    return status(404, "NotFound", `${kind} "${name}" not found`);
  }
  if (verb === undefined) return Response.json(podOf(path, pod));
  if (plan.forbidden?.includes(namespace!)) {
    return status(
      403,
      "Forbidden",
      `pods "${name}" is forbidden: User "me" cannot create resource "pods/exec" in API ` +
        `group "" in the namespace "${namespace}"`,
    );
  }
  const container = searchParams.get("container") ?? Object.keys(pod.containers)[0]!;
  const there = pod.containers[container];
  if (there === undefined) {
    const message = `container ${container} is not valid for pod ${name}`;
    return status(400, "BadRequest", message);
  }
  console.log("exec", path, container);
  const { socket, response } = Deno.upgradeWebSocket(request, { protocol: PROTOCOL });
  runIn(there, searchParams.getAll("command"), socket);
  return response;
}

/** Runs a command in a network namespace, with a WebSocket for its three streams. */
function runIn(namespace: string, words: readonly string[], socket: WebSocket): void {
  socket.binaryType = "arraybuffer";
  const send = (channel: number, bytes: Uint8Array) => {
    const message = new Uint8Array(1 + bytes.length);
    message[0] = channel;
    message.set(bytes, 1);
    if (socket.readyState === WebSocket.OPEN) socket.send(message);
  };
  const end = (status: Plain) => {
    send(STATUS!, new TextEncoder().encode(JSON.stringify({ metadata: {}, ...status })));
    socket.close(1000);
  };
  socket.onopen = async () => {
    if (!isThere(words[0]!)) {
      return end({
        status: "Failure",
        reason: "InternalError",
        code: 500,
        message:
          "Internal error occurred: error executing command in container: failed " +
          "to exec in container: OCI runtime exec failed: exec failed: unable to start " +
          `container process: exec: "${words[0]}": executable file not found in $PATH`,
      });
    }
    const child = new Deno.Command("ip", {
      args: ["netns", "exec", namespace, ...words],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const stdin = child.stdin.getWriter();
    let last: Promise<unknown> = Promise.resolve();
    const then = (step: () => Promise<void>) => last = last.then(step).catch(() => {});
    socket.onmessage = ({ data }) => {
      const [channel, ...rest] = new Uint8Array(data.slice(0, 2));
      if (channel === STDIN) then(() => stdin.write(new Uint8Array(data, 1)));
      if (channel === CLOSED && rest[0] === STDIN) then(() => stdin.close());
    };
    socket.onclose = () => then(() => stdin.close());
    const pump = async (channel: number, stream: ReadableStream<Uint8Array>) => {
      for await (const chunk of stream) send(channel, chunk);
    };
    const [{ code }] = await Promise.all([
      child.status,
      pump(STDOUT!, child.stdout),
      pump(STDERR!, child.stderr),
    ]);
    if (code === 0) return end({ status: "Success" });
    end({
      status: "Failure",
      reason: "NonZeroExitCode",
      message: `command terminated with non-zero exit code: exit status ${code}`,
      details: { causes: [{ reason: "ExitCode", message: String(code) }] },
    });
  };
}

function isThere(program: string): boolean {
  const { success } = new Deno.Command("sh", {
    args: ["-c", 'command -v "$0" >/dev/null', program],
  }).outputSync();
  return success;
}

/**
 * Passes a connection on to the server. A client whose WebSocket was refused asks once more,
 * for SPDY; to that Deno's server says 400 by itself, so the reason is given here.
 */
async function relay(client: Deno.TcpConn, port: number): Promise<void> {
  const first = new Uint8Array(65_536);
  const head = first.subarray(0, await client.read(first) ?? 0);
  const [, url] =
    /^POST (\S+) .*^upgrade: spdy/ims.exec(new TextDecoder().decode(head)) ??
      [];
  if (url !== undefined) {
    const { status, statusText, body } = answer(new Request(`http://x${url}`));
    const text = await new Response(body).text();
    const answered = `HTTP/1.1 ${status} ${statusText || "-"}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
    await new Blob([answered]).stream().pipeTo(client.writable);
    return;
  }
  const server = await Deno.connect({ port });
  server.setNoDelay();
  client.setNoDelay();
  const writer = server.writable.getWriter();
  await writer.write(head);
  writer.releaseLock();
  await Promise.all([
    client.readable.pipeTo(server.writable),
    server.readable.pipeTo(client.writable),
  ]);
}

if (import.meta.main) {
  const { addr } = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, answer);
  const listener = Deno.listen({ hostname: "127.0.0.1", port: Number(Deno.args[1]) });
  console.log("listening");
  for await (const client of listener) {
    relay(client, addr.port).catch((error) =>
      console.error(`a connection ended: ${error}`)
    );
  }
}
