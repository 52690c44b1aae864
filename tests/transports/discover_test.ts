/**
 * `norouter discover` and `norouter init` with the real clients: Docker's engine, and
 * kubectl before an API server of the test's own.
 *
 * @module
 */
import assert from "node:assert/strict";
import { parse } from "yaml";
import { run } from "../../cli/_run.ts";
import { KUBECTL_PODS } from "../../cli/discovery/_recorded.ts";
import { DockerEngine } from "../harness/engines/docker.ts";
import { busyboxRoot } from "../harness/engines/image_root.ts";
import { findKubectl } from "../harness/engines/kubectl.ts";
import { e2e } from "../harness/scene/scene.ts";

e2e(
  "containers of a real engine are found, and written into a manifest",
  async (scene) => {
    await using docker = await DockerEngine.open(scene);
    const folder = await scene.folder();
    await busyboxRoot(`${folder}/root`);
    const image = await docker.image(`${folder}/root`);
    const forever = ["/bin/busybox", "sleep", "600"];
    const options = ["--expose", "80", "--expose", "5353/udp"];
    const web = await docker.container(image, forever, { options });
    const silent = await docker.container(image, forever); // exposes nothing
    const serve = ["/bin/busybox", "httpd", "-f", "-p", "127.0.0.1:8000"];
    const serving = await docker.container(image, serve); // nor does this one
    const host = docker.command().find((word) => word.startsWith("unix:"));
    const env = host === undefined ? {} : { DOCKER_HOST: host };

    const found = await run(["discover", "docker", "--format", "json"], { env });
    assert.equal(found.stderr, "");
    const { targets } = JSON.parse(found.stdout) as { targets: { name: string }[] };
    assert.deepEqual(targets.find(({ name }) => name === web.name), {
      source: "docker",
      name: web.name,
      state: "running",
      running: true,
      about: image,
      ports: [
        { port: 80, protocol: "tcp", name: "" },
        { port: 5353, protocol: "udp", name: "" },
      ],
      host: { docker: web.name },
    });

    const portsOf = (wanted: string) =>
      (targets as { name: string; ports?: unknown }[])
        .find(({ name }) => name === wanted)?.ports;
    assert.deepEqual(portsOf(silent.name), []);
    assert.deepEqual(portsOf(serving.name), [{ port: 8000, protocol: "tcp", name: "" }]);

    const args = ["init", "--docker", web.name, "--output", `${folder}/mesh.yaml`];
    const { status, stderr } = await run(args, { env });
    assert.equal(status, 0, stderr);
    const manifest = parse(await Deno.readTextFile(`${folder}/mesh.yaml`));
    assert.deepEqual(manifest.hosts[web.name], {
      docker: web.name,
      ports: ["8080:127.0.0.1:80"],
    });
  },
  { needs: ["docker", "tar", "busybox"] },
);

const KUBECTL = await findKubectl();

Deno.test({
  name:
    "pods are found by the real kubectl, and a failure of the server is told in its words",
  ignore: KUBECTL === undefined && Deno.env.get("CI") !== "true",
  async fn() {
    let isForbidden = false;
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => {
        const { pathname } = new URL(request.url);
        if (!pathname.startsWith("/api/v1/namespaces/default/pods")) {
          return groups(pathname);
        }
        if (!isForbidden) {
          return Response.json({ ...JSON.parse(KUBECTL_PODS), kind: "PodList" });
        }
        return Response.json({
          kind: "Status",
          apiVersion: "v1",
          status: "Failure",
          reason: "Forbidden",
          message: `pods is forbidden: User "me" cannot list resource "pods"`,
          code: 403,
        }, { status: 403 });
      },
    );
    const folder = await Deno.makeTempDir();
    try {
      const KUBECONFIG = `${folder}/config`;
      await Deno.writeTextFile(KUBECONFIG, configOf(server.addr.port));
      // One that is not on PATH is the tests' own, under another name.
      if (KUBECTL?.includes("/")) await Deno.symlink(KUBECTL, `${folder}/kubectl`);
      const PATH = `${folder}:${Deno.env.get("PATH")}`;
      const env = { KUBECONFIG, HOME: folder, PATH };
      const args = ["discover", "kubectl", "--format", "json", "--timeout", "30s"];
      const found = await run(args, { env });
      assert.equal(found.stderr, "");
      const { targets, contexts } = JSON.parse(found.stdout);
      assert.deepEqual(
        targets.map(({ name }: { name: string }) => name),
        [
          "lab/default/web-6d4b75cb6d-hsf2x",
          "lab/default/db-0",
        ],
      );
      assert.deepEqual(targets[1].host, {
        kubectl: { pod: "db-0", namespace: "default", context: "lab" },
      });
      assert.deepEqual(contexts, [{ name: "lab", namespace: "default", current: true }]);

      isForbidden = true;
      const refused = await run(args, { env });
      assert.equal(
        refused.stderr,
        `warn   kubectl: Error from server (Forbidden): pods is forbidden: User "me" cannot list resource "pods"
info   Nothing was found that could be joined
`,
      );
      assert.equal(refused.status, 1);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** What the client asks to know which resources there are. */
function groups(path: string): Response {
  const pods = { name: "pods", singularName: "", namespaced: true, kind: "Pod" };
  const answers: Record<string, unknown> = {
    "/api": { kind: "APIVersions", versions: ["v1"] },
    "/apis": { kind: "APIGroupList", apiVersion: "v1", groups: [] },
    "/api/v1": {
      kind: "APIResourceList",
      groupVersion: "v1",
      resources: [{ ...pods, verbs: ["get", "list"] }],
    },
  };
  return Response.json(answers[path] ?? {}, { status: path in answers ? 200 : 404 });
}

function configOf(port: number): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "lab", cluster: { server: `http://127.0.0.1:${port}` } }],
    users: [{ name: "me", user: {} }],
    contexts: [{ name: "lab", context: { cluster: "lab", user: "me" } }],
    "current-context": "lab",
  });
}
