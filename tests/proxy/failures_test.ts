/**
 * What a client reads when its target cannot be reached: which target, and why.
 *
 * @module
 */
import assert from "node:assert/strict";
import { makeMachine } from "../harness/scene/machine.ts";
import { NOROUTER, TestMesh } from "../harness/scene/mesh.ts";
import type { Namespace } from "../harness/scene/namespace.ts";
import { kill, run } from "../harness/scene/process.ts";
import { e2e, type Scene } from "../harness/scene/scene.ts";
import { attachSite, startServers } from "../harness/web/site.ts";
import { CurlExit, curlOutcome, PROXIES, WAYS } from "../harness/web/ways.ts";

/** An address that swallows whatever is sent there, and one that is nobody's. */
const SILENT = "198.51.100.9";
const NOBODY = "198.51.100.10";

/** A target, and what is said of it. */
interface Failure {
  readonly target: string;
  readonly status: number;
  /** The name of the error in `Proxy-Status` (RFC 9209, 2.3). */
  readonly error: string;
  /** The reply of SOCKS 5 (RFC 1928, 6). */
  readonly reply: number;
  /** What follows the target in the text. */
  readonly reason: RegExp;
}

const FAILURES: readonly Failure[] = [
  {
    target: "web:8080", // where nobody listens behind it
    status: 502,
    error: "connection_refused",
    reply: 5,
    reason: /^ \(refused\)/,
  },
  {
    target: "web:8081", // which web does not publish
    status: 502,
    error: "connection_refused",
    reply: 5,
    reason: /^ \(refused\)/,
  },
  {
    target: "laptop:8080",
    status: 502,
    error: "connection_refused",
    reply: 5,
    reason: /^ \(refused\): .* does not publish/,
  },
  {
    target: "db:80", // whose agent was killed
    status: 502,
    error: "destination_ip_unroutable",
    reply: 4,
    reason: /^ \(host unreachable\): .*\bdb is down/,
  },
  {
    target: `${NOBODY}:80`,
    status: 502,
    error: "destination_ip_unroutable",
    reply: 4,
    reason: /^ \(host unreachable\): .*behind web/,
  },
  {
    target: `${SILENT}:80`,
    status: 504,
    error: "connection_timeout",
    reply: 6,
    reason: /^ \(timed out\): .*behind web/,
  },
  {
    target: "nowhere.invalid:80",
    status: 502,
    error: "dns_error",
    reply: 4,
    reason: /^ \(host unknown\): /,
  },
  {
    target: "nowhere.site.example:80",
    status: 502,
    error: "dns_error",
    reply: 4,
    reason: /^ \(host unknown\): .*behind web.*NXDOMAIN/,
  },
  {
    target: "self.site.example:80", // that is the bastion itself
    status: 502,
    error: "destination_ip_prohibited",
    reply: 2,
    reason: /^ \(prohibited\): behind web, .* is said to be at 127\.0\.0\.1, an address/,
  },
];

/** Gives a namespace a network in which {@linkcode SILENT} seems to be, and does not answer. */
async function attachSilence(scene: Scene, { name }: Namespace): Promise<void> {
  const { name: beyond } = await scene.namespace();
  const pair = ["link", "add", "silent0", "type", "veth", "peer", "name", "eth0"];
  const mac = "02:00:00:00:00:09"; // nobody's
  await run(["ip", "-n", name, ...pair, "netns", beyond]);
  await run(["ip", "-n", name, "addr", "add", "198.51.100.1/24", "dev", "silent0"]);
  await run(["ip", "-n", name, "link", "set", "silent0", "up"]);
  await run(["ip", "-n", name, "neigh", "add", SILENT, "lladdr", mac, "dev", "silent0"]);
  await run(["ip", "-n", beyond, "link", "set", "eth0", "up"]);
}

/** Asks for a target by every way, and checks what is said. */
async function isTold(namespace: Namespace, failure: Failure): Promise<void> {
  const { target, status, error, reply, reason } = failure;
  const url = `http://${target}/`;
  const namesBoth = (body: string, what: string) => {
    const [, named, rest = ""] = /^Cannot connect to (\S+)(.*)\n$/.exec(body) ?? [];
    assert.equal(named, target, `${what}: ${body}`);
    assert.match(rest, reason, what);
  };
  await Promise.all([
    curlOutcome(namespace, ...WAYS["HTTP proxy"], "-v", url).then((got) => {
      assert.equal(got.status, status, `${target}: ${got.body}`);
      assert.match(
        got.complaint,
        new RegExp(`^< Proxy-Status: \\S+; error=${error}`, "m"),
      );
      namesBoth(got.body, "absolute form");
    }),
    curlOutcome(namespace, ...WAYS["HTTP tunnel"], "-v", url).then((got) => {
      assert.deepEqual(
        [got.exit, got.connectStatus],
        [CurlExit.RECEIVE_FAILED, status],
        target,
      );
      assert.match(
        got.complaint,
        new RegExp(`^< Proxy-Status: \\S+; error=${error}`, "m"),
      );
    }),
    // curl keeps what a proxy says of a tunnel to itself, unless it takes it for a server.
    curlOutcome(
      namespace,
      ...WAYS.loopback,
      ...["--request", "CONNECT", "--request-target", target],
      `http://${PROXIES.http.listen}/`,
    ).then((got) => {
      assert.equal(got.status, status, target);
      namesBoth(got.body, "CONNECT");
    }),
    curlOutcome(namespace, ...WAYS.SOCKS5h, "-v", url).then((got) => {
      assert.equal(got.exit, CurlExit.PROXY_REFUSED, target);
      const [host] = target.split(":");
      assert.ok(got.complaint.includes(`to ${host}. (${reply})`), got.complaint);
    }),
    curlOutcome(namespace, ...WAYS.SOCKS4a, "-v", url).then((got) => {
      assert.equal(got.exit, CurlExit.PROXY_REFUSED, target);
      assert.match(got.complaint, /\(91\)/);
    }),
  ]);
}

e2e("a proxy says which target it could not reach, and why", async (scene) => {
  const laptop = await makeMachine(scene);
  const web = await makeMachine(scene, { nameServer: "192.168.95.10" });
  const db = await scene.namespace();
  const network = "192.168.95";
  const names = { "self.site.example": "127.0.0.1" };
  await attachSite(scene, web, { name: "site", network, names });
  await attachSilence(scene, web);
  await startServers(scene, laptop, {
    name: "laptop",
    web: [],
    dns: { address: "127.0.0.1", names: {} },
  });
  const gone = `${await scene.folder()}/gone`;
  const unlessGone = ["sh", "-c", 'test -e "$0" || exec "$@"', gone];
  const manager = await scene.manager(
    JSON.stringify({
      hostTemplate: { stateDir: { disable: true } },
      hosts: {
        laptop: { vip: "127.0.42.100", ...PROXIES },
        web: {
          vip: "127.0.42.101",
          cmd: web.command(...NOROUTER),
          ports: ["8080:127.0.0.1:80"],
        },
        db: { vip: "127.0.42.102", cmd: [...unlessGone, ...db.command(...NOROUTER)] },
      },
      routes: [{ via: "web", to: ["198.51.100.0/24", "*.site.example"] }],
    }),
    laptop,
  );
  for (const host of ["laptop", "web", "db"]) await manager.ready(host);
  const host = { name: "db", vip: "127.0.42.102", namespace: db };
  const mesh = new TestMesh(manager, { db: host });
  await Deno.writeTextFile(gone, "");
  kill(mesh.agent("db"), "SIGKILL");
  await manager.line(/The link to "db" ended/);

  // At the same time, because some take seconds.
  await Promise.all(FAILURES.map((failure) => isTold(laptop, failure)));
}, { needs: ["curl"] });
