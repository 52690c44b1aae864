/**
 * What the tests of routes rely on: a bastion, and nobody else, reaches its private
 * network.
 *
 * @module
 */
import assert from "node:assert/strict";
import { makeMachine, PLAIN_HOSTS } from "../scene/machine.ts";
import { run } from "../scene/process.ts";
import { e2e } from "../scene/scene.ts";
import { attachSite } from "./site.ts";
import { answersOf, CurlExit, curlOutcome, WAYS } from "./ways.ts";

e2e("a private network is there for its bastion alone, names and all", async (scene) => {
  const network = "192.168.95";
  const gate = await makeMachine(scene, { nameServer: `${network}.10` });
  const other = await makeMachine(scene);
  await attachSite(scene, gate, {
    name: "inside",
    network,
    more: [20],
    range: "10.95.0.0/16",
    names: { "web.inside.example": `${network}.20` },
  });
  const urls = [
    ["http://192.168.95.10/a", "192.168.95.10"],
    ["http://web.inside.example/b", "192.168.95.20"],
    ["http://10.95.3.4/c", "10.95.3.4"],
    ["http://10-95-5-6.ip.inside.example/d", "10.95.5.6"],
  ] as const;
  for (const [url, at] of urls) {
    const [answer] = await answersOf(gate, ...WAYS.loopback, url);
    const path = new URL(url).pathname;
    assert.deepEqual(answer, { name: "inside", at, from: "192.168.95.1", path });
  }
  const { exit } = await curlOutcome(other, ...WAYS.loopback, urls[0][0]);
  assert.equal(exit, CurlExit.NO_CONNECTION);
}, { needs: ["curl"] });

e2e("a machine's /etc is its own, and its hosts file can be a mount", async (scene) => {
  const machines = {
    plain: await makeMachine(scene),
    mounted: await makeMachine(scene, { hostsMount: "writable" }),
    "read-only": await makeMachine(scene, { hostsMount: "read-only" }),
  };
  const script = "mv /etc/hosts /etc/moved && mv /etc/moved /etc/hosts && echo moved; " +
    "echo 10.0.0.1 written >> /etc/hosts && echo written; true";
  const told: Record<string, string[]> = {};
  for (const [name, namespace] of Object.entries(machines)) {
    const lines = await run(["sh", "-c", script], { namespace });
    told[name] = lines.split("\n").filter((line) => /^(moved|written)$/.test(line));
    const text = await Deno.readTextFile(namespace.hosts);
    assert.equal(text.startsWith(PLAIN_HOSTS), true);
    assert.equal(text.includes("written"), name !== "read-only");
  }
  assert.deepEqual(told, {
    plain: ["moved", "written"],
    mounted: ["written"],
    "read-only": [],
  });
});
