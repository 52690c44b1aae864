/**
 * Pods reached by the real kubectl, in a cluster that is an API server of the test and
 * network namespaces for containers.
 *
 * @module
 */
import assert from "node:assert/strict";
import { curl } from "../harness/web/curl.ts";
import { Cluster, CLUSTER_NEEDS } from "../harness/engines/cluster.ts";
import { NOROUTER } from "../harness/scene/mesh.ts";
import { e2e } from "../harness/scene/scene.ts";

const NEEDS = { needs: ["curl", ...CLUSTER_NEEDS] };

const url = "http://127.0.42.101:8080/x";

e2e("a pod is reached, in the container that is chosen or its first", async (scene) => {
  const [app, sidecar] = [await scene.namespace(), await scene.namespace()];
  await scene.server(app, "http", 80, "app");
  await scene.server(sidecar, "http", 80, "sidecar");
  const containers = { app: app.name, sidecar: sidecar.name };
  const pods = { "shop/web-0": { ready: true, containers } };
  const cluster = await Cluster.make(scene, { pods });
  for (const [container, name] of [["sidecar", "sidecar"], [undefined, "app"]]) {
    await using manager = await cluster.manager({
      pod: "web-0",
      container,
      agent: NOROUTER,
    });
    await manager.ready("pod");
    assert.equal(await curl(cluster.near, url), `${name} /x`);
  }
}, NEEDS);

e2e(
  "a pod is found by its deployment, in another namespace than the context's",
  async (scene) => {
    const app = await scene.namespace();
    await scene.server(app, "http", 80, "app");
    const labels = { app: "web" };
    const cluster = await Cluster.make(scene, {
      pods: { "lab/web-7f9c": { ready: true, labels, containers: { app: app.name } } },
      deployments: { "lab/web": labels },
    });
    const manager = await cluster.manager({
      pod: "deployment/web",
      namespace: "lab",
      agent: NOROUTER,
    });
    await manager.ready("pod");
    assert.equal(await curl(cluster.near, url), "app /x");
  },
  NEEDS,
);

e2e(
  "a selector finds the first ready pod, and another one after a rollout",
  async (scene) => {
    const [one, two] = [await scene.namespace(), await scene.namespace()];
    await scene.server(one, "http", 80, "one");
    await scene.server(two, "http", 80, "two");
    const labels = { app: "web" };
    const other = { ready: true, containers: { app: "nowhere" } };
    const pending = { labels, containers: { app: "nowhere" } };
    const cluster = await Cluster.make(scene, {
      pods: { "shop/api-0": other, "shop/web-0": pending },
    });
    // The pods of the test have their files in common, so that one would find the other's agent.
    const spec = { selector: "app=web", agent: NOROUTER };
    const manager = await cluster.manager(spec, { resume: "off" });
    await manager.line(
      /"pod": no pod with the labels app=web is ready: web-0 \(pending\)/,
    );

    const pods = {
      "shop/api-0": other,
      "shop/web-0": pending,
      "shop/web-1": { ready: true, labels, containers: { app: one.name } },
    };
    await cluster.change({ pods });
    await manager.ready("pod");
    assert.equal(await curl(cluster.near, url), "one /x");

    const { mark } = manager;
    await cluster.change({
      pods: { "shop/web-9": { ready: true, labels, containers: { app: two.name } } },
    });
    cluster.server.signal("SIGKILL");
    await cluster.server.end();
    await manager.line(/The link to "pod" ended/, { after: mark });
    await cluster.start();
    await manager.ready("pod", mark);
    assert.equal(await curl(cluster.near, url), "two /x");
  },
  NEEDS,
);

e2e("a cut connection to the cluster is told, and the pod comes back", async (scene) => {
  const app = await scene.namespace();
  await scene.server(app, "http", 80, "app");
  const cluster = await Cluster.make(scene, {
    pods: { "shop/web-0": { ready: true, containers: { app: app.name } } },
  });
  const spec = { pod: "web-0", agent: NOROUTER };
  const manager = await cluster.manager(spec, { resume: "off" });
  await manager.ready("pod");
  const { mark } = manager;
  cluster.server.signal("SIGKILL");
  await cluster.server.end();
  await manager.line(/The link to "pod" ended: kubectl\S* exited with status 1: /, {
    after: mark,
  });
  await cluster.start();
  await manager.ready("pod", mark);
  assert.equal(await curl(cluster.near, url), "app /x");
}, NEEDS);

e2e("why a pod cannot be reached is told in kubectl's words", async (scene) => {
  const containers = { app: (await scene.namespace()).name };
  const cluster = await Cluster.make(scene, {
    pods: {
      "shop/web-0": { ready: true, containers },
      "secret/web-0": { ready: true, containers },
    },
    forbidden: ["secret"],
  });
  const table: [options: Record<string, unknown>, RegExp][] = [
    [{ pod: "web-1" }, /status 1: .*pods "web-1" not found/],
    [{ pod: "web-0", namespace: "secret" }, /cannot create resource "pods\/exec"/],
    [{ pod: "web-0", container: "nope" }, /container nope is not valid for pod web-0/],
    [{ selector: "app=nope" }, /no pod has the labels app=nope/],
    [
      { pod: "web-0", context: "nowhere" },
      /context was not found for specified context: nowhere/,
    ],
    [
      { pod: "web-0", agent: "no-such-norouter" },
      /executable file not found.*\("no-such-norouter" cannot be started on the host/,
    ],
    [{ pod: "web-0", agent: ["sh", "-c", "exit 3"] }, /exited with status 3/],
  ];
  for (const [options, message] of table) {
    await using manager = await cluster.manager(options, { install: "never" });
    const [line] = await manager.line(/Cannot open a link to "pod": .*/);
    assert.match(line, message);
  }
}, NEEDS);
