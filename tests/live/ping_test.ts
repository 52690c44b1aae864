/**
 * `norouter ping`, with real meshes: agents that answer, freeze, die, and cannot.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fakeAgentCommand } from "../../manager/_fake_agent.ts";
import { NOROUTER } from "../harness/scene/mesh.ts";
import type { Namespace } from "../harness/scene/namespace.ts";
import { processesIn } from "../harness/scene/proc.ts";
import { kill, type Process } from "../harness/scene/process.ts";
import { e2e, type Scene } from "../harness/scene/scene.ts";
import { LiveMesh, ran } from "./live_mesh.ts";

const MS = String.raw`\d+(\.\d+)?`;
const ANSWER = new RegExp(
  String.raw`^64 bytes from web \(127\.0\.42\.101\): seq=(\d+) time=${MS} ms ` +
    String.raw`\(link ${MS}, stack ${MS}\)$`,
  "gm",
);

/** A ping that goes on beside the test. */
function pinging(scene: Scene, mesh: LiveMesh, ...args: readonly string[]): Process {
  return scene.start("ping", [...NOROUTER, "ping", ...args, "--mesh", mesh.name], {
    env: { NO_COLOR: "1" },
  });
}

/** ICMP messages that a machine's kernel saw, in and out. */
async function kernelMessages({ name }: Namespace): Promise<number> {
  const { stdout } = await ran("ip", "netns", "exec", name, "cat", "/proc/net/snmp");
  const [names, numbers] = stdout.split("\n").filter((line) => /^Icmp:/.test(line))
    .map((line) => line.split(" "));
  const count = (of: string) => Number(numbers![names!.indexOf(of)]);
  return count("InMsgs") + count("OutMsgs");
}

e2e("a ping ends by itself, with a line for each echo and a summary", async (scene) => {
  const mesh = await LiveMesh.start(scene);
  const { status, stdout, stderr } = await mesh.command("ping", "web", "-i", "0.05");
  assert.deepEqual([status, stderr], [0, ""]);
  const answered = [...stdout.matchAll(ANSWER)].map(([, seq]) => seq);
  assert.deepEqual(answered.sort(), [..."1234"]);
  assert.match(
    stdout,
    new RegExp(
      String.raw`\n\n4 sent, 4 answered, 0 lost \(0 %\)\n` +
        String.raw`round trip: min ${MS}, p50 ${MS}, p99 ${MS}, max ${MS} ms\n` +
        String.raw`of that, p50: link ${MS}, stack ${MS} ms\n$`,
    ),
  );
  const large = ["ping", "127.0.42.101", "-c", "2", "-i.01", "-s", "65507", "--json"];
  const json = await mesh.command(...large, "--from", "WEB");
  const lines = json.stdout.trim().split("\n").map((line) => JSON.parse(line));
  const summary = lines.pop();
  // Large echoes that are under way together may be answered in any order.
  const [first, second] = lines.sort((a, b) => a.seq - b.seq);
  const { type, seq, host, from, outcome, bytes } = first;
  assert.deepEqual({ type, seq, host, from, outcome, bytes }, {
    ...{ type: "echo", seq: 1, host: "web", from: "web", outcome: "answered" },
    bytes: 65_515,
  });
  assert.equal(second.seq, 2);
  assert.deepEqual([summary.type, summary.sent, summary.answered], ["summary", 2, 2]);
  assert.ok(summary.ms.min <= summary.ms.p50 && summary.ms.p50 <= summary.ms.max);
  const { stacks } = JSON.parse((await mesh.command("status", "--json")).stdout);
  const of = (name: string) =>
    stacks.find(({ host }: { host: string }) => host === name).echoes;
  assert.deepEqual([of("local"), of("web")], [0, 6]);
});

e2e("no kernel's ICMP has to do with it, nor a right to raw sockets", async (scene) => {
  const mesh = await LiveMesh.start(scene);
  await mesh.command("down");
  await mesh.manager.end();
  await mesh.begin("setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw");
  const { status, stdout } = await ran(
    ...["setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"],
    ...[...NOROUTER, "ping", "web", "-c", "1", "--mesh", mesh.name],
  );
  assert.equal(status, 0);
  assert.match(stdout, /^1 sent, 1 answered/m);
  for (const place of [mesh.here, mesh.there]) {
    assert.equal(await kernelMessages(place), 0);
  }
}, { needs: ["setpriv"] });

e2e(
  "echoes to a frozen agent are lost, and those after its thaw are not",
  async (scene) => {
    const mesh = await LiveMesh.start(scene);
    const ping = pinging(scene, mesh, "web", "-c", "1000", "-i", "0.1", "-W", "0.3");
    await ping.line(/seq=2 time/);
    const frozen = processesIn(mesh.there.name);
    for (const pid of frozen) kill(pid, "SIGSTOP");
    const alone = await mesh.command("ping", "web", "-c", "2", "-i", "0.1", "-W", "0.2");
    assert.equal(alone.status, 1);
    assert.match(alone.stdout, /^seq=1 no answer from web \(127\.0\.42\.101\)$/m);
    assert.match(alone.stdout, /^2 sent, 0 answered, 2 lost \(100 %\)\n$/m);
    await ping.line(/seq=\d+ no answer from web/);
    for (const pid of frozen) kill(pid, "SIGCONT");
    const { mark } = ping;
    await ping.line(/bytes from web .* seq=\d+ time/, { after: mark });
    ping.signal("SIGINT");
    assert.equal((await ping.end()).code, 0);
    assert.match(
      ping.since(),
      /\d+ sent, \d+ answered, [1-9]\d* lost \(\d+ %\)\nround trip/,
    );
  },
);

e2e(
  "an agent that dies is said to be gone, and answers when it is back",
  async (scene) => {
    const mesh = await LiveMesh.start(scene);
    const ping = pinging(scene, mesh, "web", "-c", "1000", "-i", "0.05");
    await ping.line(/seq=2 time/);
    for (const pid of processesIn(mesh.there.name)) kill(pid, "SIGKILL");
    await ping.line(/seq=\d+ "web" is (away|down|starting)/);
    await ping.line(/bytes from web/, { after: ping.mark });
    ping.signal("SIGINT");
    assert.equal((await ping.end()).code, 0);
    await mesh.command("host", "remove", "web");
    const gone = await mesh.command("ping", "web");
    assert.deepEqual([gone.status, gone.stdout], [1, ""]);
    assert.match(gone.stderr, /There is no host "web"/);
  },
);

e2e("a mesh that ends under a ping is told, behind the summary", async (scene) => {
  const mesh = await LiveMesh.start(scene);
  const ping = pinging(scene, mesh, "web", "-c", "1000", "-i", "0.1");
  await ping.line(/seq=2 time/);
  await mesh.command("down");
  assert.equal((await ping.end()).code, 1);
  assert.match(ping.since(), /\d+ sent, [1-9]\d* answered/);
  assert.match(ping.since(), /does not answer|closed/);
});

e2e("between two hosts both legs are timed, and old agents are told", async (scene) => {
  const mesh = await LiveMesh.start(scene);
  const cmd = JSON.stringify(fakeAgentCommand({ version: "0.6" }));
  const old = await mesh.command("host", "add", "old", `cmd: ${cmd}`);
  assert.equal(old.status, 0, old.stderr);
  await mesh.command("host", "add", "db", mesh.host());
  await mesh.manager.line(/db +Ready/);
  await mesh.manager.line(/old +Ready/);
  const far = await mesh.command("ping", "web", "--from", "db", "-c", "1");
  assert.equal(far.status, 0);
  const hops = ["link to db", "stack of db", "link to web", "stack of web"];
  const parts = hops.map((hop) => `${hop} ${MS}`).join(", ");
  assert.match(far.stdout, new RegExp(String.raw`time=${MS} ms \(${parts}\)$`, "m"));
  const unable = await mesh.command("ping", "old");
  assert.equal(unable.status, 1);
  assert.match(
    unable.stdout,
    /^seq=1 The agent of "old" \(version 0\.6\) answers no echo[^]*, 1 not sent$/m,
  );
  const near = await mesh.command("ping", "wbe");
  assert.deepEqual([near.status, near.stdout], [1, ""]);
  assert.match(near.stderr, /There is no host "wbe"; did you mean "web"\?/);
});

e2e(
  "the socket takes an echo as a request, and says what is wrong with one",
  async (scene) => {
    const mesh = await LiveMesh.start(scene);
    const path = "/v1/hosts/web/ping";
    const echo = JSON.parse((await mesh.curl(path, "-d", '{"size": 0}')).stdout);
    assert.deepEqual([echo.outcome, echo.bytes, echo.hops.length], ["answered", 8, 2]);
    const wrong: Record<string, RegExp> = {
      '{"size": 65508}':
        /"size\\" of the body: it is 65508; wanted a whole number of bytes/,
      '{"ms": 0}': /wanted a whole number of milliseconds, 1 to 10000/,
      '{"form": "db"}': /did you mean \\"from\\"/,
      '{"from": "x"}': /There is no host \\"x\\"/,
    };
    for (const [body, message] of Object.entries(wrong)) {
      const { stdout } = await mesh.curl(path, "-d", body, "-w", "%{http_code}");
      assert.match(stdout, message);
      assert.match(stdout, body.includes('"x"') ? /404$/ : /400$/);
    }
    const api = JSON.parse((await mesh.curl("/openapi.json")).stdout);
    assert.ok(api.paths["/v1/hosts/{name}/ping"].post.requestBody);
  },
  { needs: ["curl"] },
);
