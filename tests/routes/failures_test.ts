/**
 * Why something behind a bastion could not be reached: the client of each proxy is told.
 *
 * @module
 */
import assert from "node:assert/strict";
import { makeMachine } from "../harness/scene/machine.ts";
import { NOROUTER } from "../harness/scene/mesh.ts";
import { run } from "../harness/scene/process.ts";
import { e2e } from "../harness/scene/scene.ts";
import { attachSite } from "../harness/web/site.ts";
import { CurlExit, curlOutcome, PROXIES, PROXY_WAYS } from "../harness/web/ways.ts";

const NETWORK = "192.168.95";

/** What is asked for, the words of the HTTP proxy, and SOCKS 5's number (RFC 1928). */
const FAILURES: [target: string, words: RegExp, reply: number][] = [
  [`${NETWORK}.10:81`, /refused/, 5],
  ["web.inside.example:81", /refused/, 5],
  // The bastion has no way there.
  ["10.1.2.3:80", /network unreachable/, 3],
  ["10-1-2-3.ip.inside.example:80", /network unreachable/, 3],
  // Nobody there has that address.
  [`${NETWORK}.77:80`, /host unreachable/, 4],
  ["nobody.inside.example:80", /host unknown/, 4],
  // What the bastion itself does not publish.
  ["127.0.42.101:80", /refused/, 5],
];

e2e(
  "why a target behind a bastion was not reached is told, by the word",
  async (scene) => {
    const laptop = await makeMachine(scene);
    const gate = await makeMachine(scene, { nameServer: `${NETWORK}.10` });
    const names = { "web.inside.example": `${NETWORK}.10` };
    await attachSite(scene, gate, { name: "inside", network: NETWORK, names });
    // Without this, the system tries for seconds to find out who has an address.
    const quick = "echo 1 > /proc/sys/net/ipv4/neigh/private0/mcast_solicit && " +
      "echo 50 > /proc/sys/net/ipv4/neigh/private0/retrans_time_ms";
    await run(["sh", "-c", quick], { namespace: gate });
    const manifest = {
      hostTemplate: { stateDir: { disable: true } },
      hosts: {
        laptop: { vip: "127.0.42.100", ...PROXIES },
        gate: { vip: "127.0.42.101", cmd: gate.command(...NOROUTER) },
      },
      routes: [{
        via: "gate",
        to: [`${NETWORK}.0/24`, "10.0.0.0/8", "*.inside.example"],
      }],
    };
    const manager = await scene.manager(JSON.stringify(manifest), laptop);
    for (const name of Object.keys(manifest.hosts)) await manager.ready(name);

    const told = [];
    for (const [target, words] of FAILURES) {
      const url = `http://${target}/`;
      const http = await curlOutcome(laptop, ...PROXY_WAYS["HTTP proxy"], url);
      const tunnel = await curlOutcome(laptop, ...PROXY_WAYS["HTTP tunnel"], url);
      const socks = await curlOutcome(laptop, ...PROXY_WAYS.SOCKS5h, url);
      const [, number] = socks.complaint.match(/\((\d+)\)\.?$/) ?? [];
      told.push({
        target,
        status: http.status,
        isNamed: http.body.includes(target),
        words: words.exec(http.body)?.[0] ?? http.body,
        tunnel: tunnel.connectStatus,
        exit: socks.exit,
        reply: Number(number),
      });
    }
    assert.deepEqual(
      told,
      FAILURES.map(([target, words, reply]) => ({
        target,
        status: 502,
        isNamed: true,
        words: words.source,
        tunnel: 502,
        exit: CurlExit.PROXY_REFUSED,
        reply,
      })),
    );
  },
  { needs: ["curl"] },
);
