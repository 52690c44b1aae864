/**
 * A route for everything leads to all that its bastion can reach, but neither to the
 * bastion itself nor to what is only on its link; and it has bounds.
 *
 * @module
 */
import assert from "node:assert/strict";
import { makeMachine } from "../harness/scene/machine.ts";
import { NOROUTER } from "../harness/scene/mesh.ts";
import { descendants, residentBytes } from "../harness/scene/proc.ts";
import { run } from "../harness/scene/process.ts";
import { e2e, type Scene } from "../harness/scene/scene.ts";
import { attachSite, startServers } from "../harness/web/site.ts";
import { until } from "../harness/scene/wait.ts";
import {
  answersOf,
  CurlExit,
  curlOutcome,
  PROXIES,
  PROXY_WAYS,
  WAYS,
} from "../harness/web/ways.ts";

const NETWORK = "192.168.95";
const METADATA = "169.254.169.254";

/** A laptop with proxies, and the bastion `gate` that these destinations lead to. */
async function startGate(scene: Scene, to: readonly string[]) {
  const [laptop, gate] = await Promise.all([
    makeMachine(scene),
    makeMachine(scene, { nameServer: `${NETWORK}.10` }),
  ]);
  await attachSite(scene, gate, {
    name: "inside",
    network: NETWORK,
    range: "10.95.0.0/16",
    names: {
      "web.inside.example": `${NETWORK}.10`,
      "own.inside.example": "127.0.0.1",
      "further.inside.example": "127.0.0.5",
      "nowhere.inside.example": "0.0.0.0",
      "metadata.inside.example": METADATA,
    },
  });
  // On the bastion there is somebody to be reached by mistake.
  await run(["ip", "-n", gate.name, "addr", "add", `${METADATA}/16`, "dev", "lo"]);
  await startServers(scene, gate, { name: "gate itself", web: ["0.0.0.0:80"] });
  const [there] = await answersOf(gate, ...WAYS.loopback, `http://${METADATA}/`);
  assert.equal(there!.name, "gate itself");
  const manifest = {
    hostTemplate: { stateDir: { disable: true } },
    hosts: {
      laptop: { vip: "127.0.42.100", ...PROXIES },
      gate: { vip: "127.0.42.101", cmd: gate.command(...NOROUTER) },
    },
    routes: [{ via: "gate", to }],
  };
  const manager = await scene.manager(JSON.stringify(manifest), laptop);
  for (const name of Object.keys(manifest.hosts)) await manager.ready(name);
  return { laptop, gate, manager };
}

e2e(
  "a route for everything leads nobody to the bastion's own addresses",
  async (scene) => {
    const { laptop } = await startGate(scene, ["0.0.0.0/0", "*"]);
    for (const way of Object.values(PROXY_WAYS)) {
      const [answer] = await answersOf(laptop, ...way, "http://web.inside.example/");
      assert.equal(answer!.name, "inside");
    }
    const names = ["own", "further", "nowhere", "metadata"]
      .map((name) => `${name}.inside.example`);
    const addresses = ["127.0.0.1", "127.0.0.5", "0.0.0.0", METADATA];
    for (const target of [...names, ...addresses, "localhost"]) {
      const url = `http://${target}/`;
      const proxied = await curlOutcome(laptop, ...PROXY_WAYS["HTTP proxy"], url);
      assert.equal(proxied.status, 502, `${target}: ${proxied.body}`);
      assert.match(proxied.body, new RegExp(`${RegExp.escape(target)}:80 \\(.+\\)`));
      const tunnel = await curlOutcome(laptop, ...PROXY_WAYS["HTTP tunnel"], url);
      assert.deepEqual([tunnel.exit, tunnel.connectStatus], [
        CurlExit.RECEIVE_FAILED,
        502,
      ]);
      for (const way of ["SOCKS4a", "SOCKS5h"] as const) {
        const { exit } = await curlOutcome(laptop, ...PROXY_WAYS[way], url);
        assert.equal(exit, CurlExit.PROXY_REFUSED, `${target} by ${way}`);
      }
    }
    // What the bastion refuses is said as such: the reason for people, 2 for programs.
    for (const name of names) {
      const url = `http://${name}/`;
      const { body } = await curlOutcome(laptop, ...PROXY_WAYS["HTTP proxy"], url);
      assert.match(body, /\(prohibited\): behind gate, "\S+" is said to be at /);
      const { complaint } = await curlOutcome(laptop, ...PROXY_WAYS.SOCKS5h, url);
      assert.match(complaint, /\(2\)/);
    }
  },
  { needs: ["curl"] },
);

e2e("a route that names an address of the bastion's own leads to it", async (scene) => {
  const to = ["0.0.0.0/0", "*.example", "127.0.0.1/32", `${METADATA}/32`];
  const { laptop } = await startGate(scene, to);
  for (const way of Object.values(PROXY_WAYS)) {
    for (
      const target of [
        "127.0.0.1",
        "own.inside.example",
        METADATA,
        "metadata.inside.example",
      ]
    ) {
      const [answer] = await answersOf(laptop, ...way, `http://${target}/`);
      assert.equal(answer!.name, "gate itself", target);
    }
    const [answer] = await answersOf(laptop, ...way, "http://web.inside.example/");
    assert.equal(answer!.name, "inside");
  }
  const url = "http://further.inside.example/";
  const { status } = await curlOutcome(laptop, ...PROXY_WAYS["HTTP proxy"], url);
  assert.equal(status, 502);
}, { needs: ["curl"] });

e2e("thousands of destinations behind a bastion leave nothing behind", async (scene) => {
  const { laptop, manager } = await startGate(scene, [
    "10.95.0.0/16",
    "*.ip.inside.example",
  ]);
  const parallel = ["--parallel", "--parallel-max", "40"];
  const agents = () => [manager.pid, ...descendants(manager.pid)];
  const sockets = () => agents().map(socketsOf).reduce((sum, count) => sum + count, 0);
  const memory = () => agents().map(residentBytes).reduce((sum, bytes) => sum + bytes, 0);
  const round = async (way: keyof typeof PROXY_WAYS, host: string, of: string) => {
    // curl counts from 0 to 255 by itself.
    const url = `http://${host}/`;
    const answers = await answersOf(laptop, ...PROXY_WAYS[way], ...parallel, url);
    const met = new Set(answers.map(({ name, at }) => `${name} ${at}`));
    const wanted = Array.from({ length: 256 }, (_, last) => `inside ${of}.${last}`);
    assert.deepEqual(new Set(wanted).difference(met), new Set(), `${way} to ${host}`);
  };
  const all = async () => {
    await round("SOCKS5h", "10.95.1.[0-255]", "10.95.1");
    await round("HTTP proxy", "10.95.2.[0-255]", "10.95.2");
    await round("HTTP tunnel", "10.95.3.[0-255]", "10.95.3");
    await round("SOCKS4a", "10.95.4.[0-255]", "10.95.4");
    // More names than the 512 addresses that a manager remembers for an agent.
    await round("SOCKS5h", "10-95-5-[0-255].ip.inside.example", "10.95.5");
    await round("HTTP proxy", "10-95-6-[0-255].ip.inside.example", "10.95.6");
    await round("SOCKS4a", "10-95-7-[0-255].ip.inside.example", "10.95.7");
    await round("HTTP tunnel", "10-95-5-[0-255].ip.inside.example", "10.95.5");
  };
  // What caches, heaps and the stacks' memory take once, they take the first time.
  await all();
  // What a connection leaves it leaves each time, what the collector leaves not.
  let grown = Infinity;
  for (let left = 4; left > 0 && grown > 32 << 20; left--) {
    const before = memory();
    await all();
    grown = memory() - before;
  }
  assert.ok(grown <= 32 << 20, `2048 connections grew it by ${grown >> 20} MiB`);
  await until("the connections to be gone", () => sockets() <= AT_REST);
}, { needs: ["curl"] });

/** Sockets of a manager and an agent at rest: their listeners, and some to spare. */
const AT_REST = 40;

function socketsOf(pid: number): number {
  let count = 0;
  try {
    for (const { name } of Deno.readDirSync(`/proc/${pid}/fd`)) {
      try {
        if (Deno.readLinkSync(`/proc/${pid}/fd/${name}`).startsWith("socket:")) count++;
      } catch { /* Closed meanwhile. */ }
    }
  } catch { /* Ended meanwhile. */ }
  return count;
}
