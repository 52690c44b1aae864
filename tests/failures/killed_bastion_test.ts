/**
 * A bastion that dies: what went through it is reset, what is asked of it meanwhile fails
 * with the reason, and once it is ready again all works.
 *
 * @module
 */
import assert from "node:assert/strict";
import { makeMachine } from "../harness/scene/machine.ts";
import { NOROUTER } from "../harness/scene/mesh.ts";
import { descendants, processesIn } from "../harness/scene/proc.ts";
import { kill } from "../harness/scene/process.ts";
import { e2e } from "../harness/scene/scene.ts";
import { attachSite } from "../harness/web/site.ts";
import {
  answersOf,
  CurlExit,
  curlOutcome,
  PROXIES,
  PROXY_WAYS,
  type Way,
} from "../harness/web/ways.ts";

const NETWORK = "192.168.95";

e2e(
  "a killed bastion resets what went through it, and works again once it is back",
  async (scene) => {
    const laptop = await makeMachine(scene);
    const gate = await makeMachine(scene, { nameServer: `${NETWORK}.10` });
    const names = { "web.inside.example": `${NETWORK}.10` };
    await attachSite(scene, gate, { name: "inside", network: NETWORK, names });
    // As long as there is this file, the bastion does not come back.
    const obstacle = `${await scene.folder()}/obstacle`;
    const unless = ["sh", "-c", 'test ! -e "$0" && exec "$@"', obstacle];
    const manifest = {
      hostTemplate: { stateDir: { disable: true } },
      hosts: {
        laptop: { vip: "127.0.42.100", ...PROXIES },
        gate: {
          vip: "127.0.42.101",
          cmd: gate.command(...unless, ...NOROUTER),
          // That its agent is gone can only be found out over another link.
          resume: "2s",
        },
      },
      routes: [{ via: "gate", to: [`${NETWORK}.0/24`, "*.inside.example"] }],
    };
    const manager = await scene.manager(JSON.stringify(manifest), laptop);
    for (const name of Object.keys(manifest.hosts)) await manager.ready(name);

    const hosts = ["web.inside.example", `${NETWORK}.10`];
    const open = await Promise.all(
      Object.entries(PROXY_WAYS).flatMap(([way, options]) =>
        hosts.map(async (host) => {
          const url = `http://${host}/endless`;
          const command = [
            "curl",
            "-sS",
            "--no-buffer",
            "--max-time",
            "50",
            ...options,
            url,
          ];
          const client = scene.start(`${way} to ${host}`, command, { namespace: laptop });
          await client.line(/^more$/);
          return { way: way as Way, client };
        })
      ),
    );
    await Deno.writeTextFile(obstacle, "");
    const there = new Set(processesIn(gate.name));
    const [agent, ...others] = descendants(manager.pid).filter((pid) => there.has(pid));
    assert.ok(agent !== undefined && others.length === 0);
    const { mark } = manager;
    kill(agent, "SIGKILL");
    for (const { way, client } of open) {
      // Far below the minutes that TCP alone would wait.
      const { code } = await client.end(10_000);
      assert.equal(code, CurlExit.RECEIVE_FAILED, client.transcript);
      assert.match(client.since(), /reset by peer/i, way);
    }

    for (const host of hosts) {
      const url = `http://${host}/`;
      const refused = await curlOutcome(laptop, ...PROXY_WAYS["HTTP proxy"], url);
      assert.equal(refused.status, 502, refused.complaint);
      assert.match(refused.body, /gate/);
      const { exit } = await curlOutcome(laptop, ...PROXY_WAYS.SOCKS5h, url);
      assert.equal(exit, CurlExit.PROXY_REFUSED);
    }

    await Deno.remove(obstacle);
    await manager.ready("gate", mark);
    for (const [way, options] of Object.entries(PROXY_WAYS)) {
      for (const host of hosts) {
        const [answer] = await answersOf(laptop, ...options, `http://${host}/again`);
        assert.deepEqual([answer!.name, answer!.path], ["inside", "/again"], way);
      }
    }
  },
  { needs: ["curl"] },
);
