/**
 * Listeners on addresses that somebody has: what is said, what is not, and what comes of
 * it when they are free again.
 *
 * Two meshes on one machine, and two hosts of one mesh.
 *
 * @module
 */
import assert from "node:assert/strict";
import { curl } from "../harness/web/curl.ts";
import { NOROUTER } from "../harness/scene/mesh.ts";
import { e2e, type Scene } from "../harness/scene/scene.ts";
import type { Namespace } from "../harness/scene/namespace.ts";

const NEEDS = { needs: ["curl"] };
const stateDir = { disable: true };
const SUMMARY = /Every host is ready: .*/;

/** Complaints among the lines of a manager. */
function complaints(text: string): string[] {
  return text.split("\n").filter((line) => /^(warn|error) /.test(line));
}

async function start(scene: Scene, namespace: Namespace, hosts: object) {
  const hostTemplate = { stateDir };
  return await scene.manager(JSON.stringify({ hostTemplate, hosts }), namespace);
}

e2e(
  "a port of this host whose service is on every address is no failure",
  async (scene) => {
    const here = await scene.namespace();
    await scene.server(here, "http", "0.0.0.0:8080", "service");
    const there = await scene.namespace();
    const manager = await start(scene, here, {
      laptop: {
        vip: "127.0.42.100",
        ports: ["8080:127.0.0.1:8080", "81:localhost:8080"],
      },
      web: { vip: "127.0.42.101", cmd: there.command(...NOROUTER) },
    });
    const [summary] = await manager.line(SUMMARY);
    assert.match(summary, /ready: 2 in [\d.]+ m?s$/);
    assert.deepEqual(complaints(manager.since()), []);
    for (const namespace of [here, there]) {
      for (const port of [8080, 81]) {
        assert.equal(await curl(namespace, `http://127.0.42.100:${port}/`), "service /");
      }
    }
  },
  NEEDS,
);

e2e(
  "a service on every address is in the way of another target's port",
  async (scene) => {
    const here = await scene.namespace();
    await scene.server(here, "http", "0.0.0.0:8080", "service");
    const manager = await start(scene, here, {
      laptop: { vip: "127.0.42.100", ports: ["8080:127.0.0.1:80"] },
    });
    const [summary] = await manager.line(SUMMARY);
    assert.match(summary, /, 1 listener failed$/);
    assert.equal(complaints(manager.since()).length, 2); // what failed, and the summary
  },
  NEEDS,
);

e2e("a listener that failed is tried again, and told when it works", async (scene) => {
  const [here, there] = [await scene.namespace(), await scene.namespace()];
  await scene.server(there, "http", 80, "web");
  const inTheWay = await scene.server(here, "http", "127.0.42.101:8080", "other");
  const manager = await start(scene, here, {
    laptop: { vip: "127.0.42.100" },
    web: {
      vip: "127.0.42.101",
      cmd: there.command(...NOROUTER),
      ports: ["8080:127.0.0.1:80"],
    },
  });
  assert.match((await manager.line(SUMMARY))[0], /, 1 listener failed$/);
  assert.equal(await curl(here, "http://127.0.42.101:8080/"), "other /");
  inTheWay.signal("SIGKILL");
  await inTheWay.end();
  await manager.line(/laptop .*"laptop" listens on 127\.0\.42\.101:8080 now/);
  assert.equal(await curl(here, "http://127.0.42.101:8080/"), "web /");
}, NEEDS);

e2e(
  "the same mesh twice is one line, and the second takes over from the first",
  async (scene) => {
    const [here, one, two] = [
      await scene.namespace(),
      await scene.namespace(),
      await scene.namespace(),
    ];
    const hosts = (remote: Namespace) => ({
      laptop: { vip: "127.0.42.100", ports: ["80:127.0.0.1:1", "81:127.0.0.1:1"] },
      web: {
        vip: "127.0.42.101",
        cmd: remote.command(...NOROUTER),
        ports: ["8080:127.0.0.1:80", "8081:127.0.0.1:80"],
      },
    });
    await scene.server(two, "http", 80, "two");
    const first = await start(scene, here, hosts(one));
    await first.line(SUMMARY);
    const second = await start(scene, here, hosts(two));
    assert.match((await second.line(SUMMARY))[0], /, 6 listeners failed$/);
    const [line, ...more] = complaints(second.since());
    assert.match(
      line!,
      /"laptop" cannot listen on 127\.0\.42\.100, 127\.0\.42\.101 \(6 listeners\): another mesh on that machine has these addresses; /,
    );
    assert.equal(more.length, 1, "and the summary");
    first.signal("SIGTERM");
    await first.end();
    await second.line(/"laptop" listens on .*, … \(6 in all\) now/);
    assert.equal(await curl(here, "http://127.0.42.101:8080/"), "two /");
  },
  NEEDS,
);

e2e(
  "two meshes without addresses get different ones, and each has its own",
  async (scene) => {
    const [here, one, two] = [
      await scene.namespace(),
      await scene.namespace(),
      await scene.namespace(),
    ];
    for (const [name, namespace] of Object.entries({ one, two })) {
      await scene.server(namespace, "http", 80, name);
    }
    const hosts = (remote: Namespace) => ({
      laptop: {},
      web: { cmd: remote.command(...NOROUTER), ports: ["8080:127.0.0.1:80"] },
    });
    const addresses = [];
    for (const remote of [one, two]) {
      const manager = await start(scene, here, hosts(remote));
      await manager.line(SUMMARY);
      assert.deepEqual(complaints(manager.since()), []);
      const [, vip] = await manager.line(/web +Ready at ([\d.]+)/);
      addresses.push(vip!);
    }
    assert.deepEqual(addresses, ["127.0.42.101", "127.0.42.103"]);
    assert.equal(await curl(here, `http://${addresses[0]}:8080/`), "one /");
    assert.equal(await curl(here, `http://${addresses[1]}:8080/`), "two /");
  },
  NEEDS,
);

e2e(
  "a second host on this very machine is told to leave loopback alone",
  async (scene) => {
    const here = await scene.namespace();
    const manager = await start(scene, here, {
      laptop: { vip: "127.0.42.100", ports: ["80:127.0.0.1:1"] },
      box: { vip: "127.0.42.101", cmd: NOROUTER, ports: ["81:127.0.0.1:1"] },
    });
    await manager.line(SUMMARY);
    const [line, ...more] = complaints(manager.since());
    assert.match(
      line!,
      /"(laptop|box)" cannot listen on 127\.0\.42\.\d+, 127\.0\.42\.\d+ \(4 listeners\): "(laptop|box)" of this mesh is on the same machine and listens there; give "box" "loopback: \{disable: true\}"/,
    );
    assert.equal(more.length, 1, "and the summary");
  },
  NEEDS,
);
