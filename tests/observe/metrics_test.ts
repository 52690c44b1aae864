/**
 * The metrics of real meshes, read by Prometheus and its tools.
 *
 * @module
 */
import assert from "node:assert/strict";
import { meteredOf } from "../../control/_metered.ts";
import { metricsOf, type MetricsOptions } from "../../control/metrics.ts";
import { e2e } from "../harness/scene/scene.ts";
import { until } from "../harness/scene/wait.ts";
import { LiveMesh, ran } from "../live/live_mesh.ts";
import { promtool, withPromtool } from "./promtool.ts";

/** Names as no manifest has them. */
const HOSTILE = [
  ...["web", 'a"b', "back\\slash", "\\", "new\nline", "nul\0", "tab\t", "}", "#", ""],
  ...["\u202egnp", "\ud800x", "ü", "é".repeat(300), '"} 1\nnorouter_evil 2\n# EOF\n'],
];

function hostileText(options: MetricsOptions): string {
  const metered = meteredOf(HOSTILE, { mesh: 'm"\n', version: "\x1b[31m\\" });
  return [...metricsOf(metered, options)].join("");
}

for (const isForCollector of [false, true]) {
  const whose = isForCollector ? "a collector's text" : "a scrape";
  withPromtool(
    `promtool finds nothing wrong with ${whose} of hostile names`,
    async () => {
      const input = hostileText({ isForCollector });
      const { status, text } = await promtool(["check", "metrics"], input);
      assert.deepEqual([status, text], [0, ""]);
    },
  );
}

withPromtool("promtool reads OpenMetrics of hostile names, up to its end", async () => {
  const folder = await Deno.makeTempDir({ prefix: "norouter-test-" });
  try {
    // This tool wants to know when.
    const stamped = hostileText({ isOpen: true })
      .replace(/^(?!#)(.+)$/gm, "$1 1796000000.000");
    await Deno.writeTextFile(`${folder}/text`, stamped);
    const read = ["tsdb", "create-blocks-from", "openmetrics", `${folder}/text`, folder];
    const { status, text } = await promtool(read);
    assert.equal(status, 0, text);
    const { text: list } = await promtool(["tsdb", "list", folder]);
    const samples = stamped.split("\n").filter((line) => /^[^#]/.test(line)).length;
    assert.match(list, new RegExp(`\\b${samples}\\b`), "each is there");
    await Deno.writeTextFile(`${folder}/text`, stamped.replace("# EOF\n", ""));
    assert.notEqual((await promtool(read)).status, 0, "the tool looks at the end");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** The value of a series in a text. */
function valueOf(text: string, series: string): number | undefined {
  const line = text.split("\n").find((line) => line.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

e2e("a mesh tells its metrics by curl, by command, and in a file", async (scene) => {
  const mesh = await LiveMesh.start(scene);
  const talk = "exec 3<>/dev/tcp/127.0.42.101/8080; echo hello >&3; read -u 3 line";
  const client = mesh.here.command("bash", "-c", talk);
  assert.notEqual((await ran(...client)).status, 0, "nobody serves the port yet");
  await scene.server(mesh.there, "echo", 80);
  assert.equal((await ran(...client)).status, 0);

  const { stdout: text } = await mesh.curl("/metrics");
  const { status, text: told } = await promtool(["check", "metrics"], text);
  assert.deepEqual([status, told], [0, ""]);
  const value = (series: string) => valueOf(text, series);
  assert.equal(value('norouter_host_state{host="web",state="ready"}'), 1);
  assert.equal(value('norouter_host_starts_total{host="web"}'), 1);
  assert.equal(
    value('norouter_clients_served_total{host="local",service="loopback"}'),
    2,
  );
  assert.equal(value('norouter_clients_served_total{host="web",service="inbound"}'), 2);
  assert.equal(value('norouter_dials_total{host="web",result="connected"}'), 1);
  assert.equal(value('norouter_dials_total{host="web",result="refused"}'), 1);
  assert.ok(value('norouter_link_received_bytes_total{host="web"}')! > 100);
  assert.ok(value('norouter_link_sent_bytes_total{host="web"}')! > 100);
  assert.ok(value('norouter_link_window_bytes{host="web"}')! > 0);
  assert.ok(value('norouter_stack_memory_bytes{host="web"}')! > 65_536);
  assert.ok(value('norouter_agent_open_fds{host="web"}')! > 3);
  assert.equal(
    value('norouter_agent_open_fds{host="local"}'),
    undefined,
    "the manager's",
  );
  assert.ok(value("process_resident_memory_bytes")! > 10e6);
  const open = value("process_open_fds")!;
  const files = [...Deno.readDirSync(`/proc/${mesh.manager.pid}/fd`)].length;
  assert.ok(
    Math.abs(open - files) < 8,
    `${open} descriptors are told, ${files} are open`,
  );

  const accept = "accept: application/openmetrics-text; version=1.0.0";
  const { stdout: opened } = await mesh.curl("/metrics", "-i", "-H", accept);
  assert.match(opened, /^content-type: application\/openmetrics-text; version=1\.0\.0/m);
  assert.match(opened, /\n# EOF\n$/);
  const wrong = await mesh.curl("/metrics?for=x", "-w", "%{http_code}");
  assert.match(wrong.stdout, /it is \\"x\\"; wanted \\"collector\\".*400$/);

  const printed = await mesh.command("metrics");
  assert.deepEqual([printed.status, printed.stderr], [0, ""]);
  assert.equal(
    valueOf(printed.stdout, 'norouter_host_state{host="web",state="ready"}'),
    1,
  );
  const folder = `${await scene.folder()}/collector`;
  await Deno.mkdir(folder);
  const file = `${folder}/norouter.prom`;
  for (let time = 0; time < 2; time++) {
    const written = await mesh.command("metrics", "--textfile", file);
    assert.deepEqual(written, { status: 0, stdout: "", stderr: "" });
  }
  assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), [
    "norouter.prom",
  ]);
  const collected = await Deno.readTextFile(file);
  assert.equal((await promtool(["check", "metrics"], collected)).text, "");
  const state = `norouter_host_state{mesh="${mesh.name}",host="web",state="ready"}`;
  assert.equal(valueOf(collected, state), 1);
  const nowhere = await mesh.command("metrics", "--textfile", `${folder}/none/x.prom`);
  assert.equal(nowhere.status, 1);
  assert.match(nowhere.stderr, /Cannot write the metrics to .*none\/x\.prom: /);
}, { needs: ["curl", "promtool"] });

e2e("Prometheus scrapes a mesh, and knows when a host is gone", async (scene) => {
  const mesh = await LiveMesh.start(scene);
  // Prometheus cannot ask a unix socket.
  const front = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const proxy = { transport: "unix", path: mesh.socket } as const;
      using client = Deno.createHttpClient({ proxy });
      const { headers } = request;
      const answer = await fetch("http://x/metrics", { headers, client });
      const { status, headers: told } = answer;
      return new Response(await answer.arrayBuffer(), { status, headers: told });
    },
  );
  try {
    const folder = await scene.folder();
    const configuration = {
      global: { scrape_interval: "500ms" },
      scrape_configs: [{
        job_name: "norouter",
        static_configs: [{ targets: [`127.0.0.1:${front.addr.port}`] }],
      }],
    };
    await Deno.writeTextFile(`${folder}/prometheus.json`, JSON.stringify(configuration));
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const at = `127.0.0.1:${listener.addr.port}`;
    listener.close();
    scene.start("prometheus", [
      ...["prometheus", `--config.file=${folder}/prometheus.json`],
      ...[`--storage.tsdb.path=${folder}/tsdb`, `--web.listen-address=${at}`],
    ]);
    const ask = async (query: string) => {
      const url = `http://${at}/api/v1/query?query=${encodeURIComponent(query)}`;
      // It does not listen at once, and then is not ready for a while.
      const answer = await fetch(url).catch(() => undefined);
      if (!answer?.ok) return void await answer?.body?.cancel();
      return (await answer.json()).data.result as
        | { metric: Record<string, string>; value: [number, string] }[]
        | undefined;
    };
    const ready = 'norouter_host_state{state="ready"} == 1';
    const hosts = await until("a scrape", async () => {
      const found = await ask(ready);
      return found?.length === 2 ? found : undefined;
    });
    assert.deepEqual(hosts.map(({ metric: { host } }) => host), ["local", "web"]);
    assert.deepEqual((await ask('up{job="norouter"}'))![0]!.value[1], "1");
    await mesh.command("host", "remove", "web");
    await until("the host to be gone", async () => (await ask(ready))?.length === 1);
  } finally {
    await front.shutdown();
  }
}, { needs: ["prometheus"] });
