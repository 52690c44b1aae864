/**
 * Two private networks that are numbered alike, each behind a bastion of its own: a
 * connection by name goes where the name lies, one by address where the routes say.
 *
 * @module
 */
import assert from "node:assert/strict";
import { makeMachine } from "../harness/scene/machine.ts";
import { NOROUTER } from "../harness/scene/mesh.ts";
import type { Namespace } from "../harness/scene/namespace.ts";
import { run } from "../harness/scene/process.ts";
import { e2e, type Scene } from "../harness/scene/scene.ts";
import { attachSite } from "../harness/web/site.ts";
import { answersOf, curlOutcome, PROXIES, PROXY_WAYS } from "../harness/web/ways.ts";

const NETWORK = "192.168.95";
/** Both sites have these servers at these addresses. */
const WWW = `${NETWORK}.10`;
const APP = `${NETWORK}.20`;
const SITES = ["east", "west"] as const;
const LIMIT = { needs: ["curl"], limitMs: 60_000 };

/** A laptop and a host `web` with proxies, and the bastions `east` and `west`. */
async function startSites(
  scene: Scene,
  routes: readonly { via: string; to: string[]; notTo?: string[] }[],
  prepare: (gate: Namespace, site: string) => Promise<void> = () => Promise.resolve(),
): Promise<{ laptop: Namespace; web: Namespace }> {
  const [laptop, web, ...gates] = await Promise.all([
    makeMachine(scene),
    makeMachine(scene),
    ...SITES.map(async (name) => {
      const gate = await makeMachine(scene, { nameServer: WWW });
      const names = {
        [`www.${name}.example`]: WWW,
        [`app.${name}.example`]: APP,
        [`silent.${name}.example`]: `${NETWORK}.30`,
      };
      await attachSite(scene, gate, { name, network: NETWORK, more: [20, 30], names });
      await prepare(gate, name);
      return gate;
    }),
  ]);
  const hosts = {
    laptop: { vip: "127.0.42.100", ...PROXIES },
    web: { vip: "127.0.42.101", cmd: web.command(...NOROUTER), ...PROXIES },
    east: { vip: "127.0.42.102", cmd: gates[0]!.command(...NOROUTER) },
    west: { vip: "127.0.42.103", cmd: gates[1]!.command(...NOROUTER) },
  };
  const hostTemplate = { stateDir: { disable: true } };
  const manifest = JSON.stringify({ hostTemplate, hosts, routes });
  const manager = await scene.manager(manifest, laptop);
  for (const name of Object.keys(hosts)) await manager.ready(name);
  return { laptop, web };
}

/** Who answers at each of these, in the order of the list. */
async function sitesAt(
  client: Namespace,
  way: readonly string[],
  targets: readonly string[],
): Promise<string[]> {
  const answers = [];
  for (const target of targets) {
    const [answer] = await answersOf(client, ...way, `http://${target}/`);
    answers.push(`${target} is ${answer!.name} at ${answer!.at}`);
  }
  return answers;
}

e2e(
  "names of two networks numbered alike lead each to its own, many at once",
  async (scene) => {
    const { laptop, web } = await startSites(
      scene,
      SITES.map((via) => ({ via, to: [`${NETWORK}.0/24`, `*.${via}.example`] })),
    );
    const COUNT = 120;
    const urls = Array.from({ length: COUNT }, (_, number) => {
      const [host, site] = [["www", "app"][(number >> 1) % 2], SITES[number % 2]];
      return `url = "http://${host}.${site}.example/${site}/${host}/${number}"`;
    });
    const list = `${await scene.folder()}/urls`;
    await Deno.writeTextFile(list, urls.join("\n"));
    const parallel = ["--parallel", "--parallel-immediate", "--parallel-max", "40"];
    const all = [laptop, web].flatMap((client) =>
      Object.entries(PROXY_WAYS).map(async ([way, options]) => {
        const answers = await answersOf(
          client,
          ...options,
          ...parallel,
          "--config",
          list,
        );
        assert.equal(answers.length, COUNT, way);
        const wrong = answers.filter(({ name, at, path }) => {
          const [, site, host] = path.split("/");
          return name !== site || at !== { www: WWW, app: APP }[host!];
        });
        assert.deepEqual(wrong.slice(0, 5), [], way);
        const paths = new Set(answers.map(({ path }) => path));
        assert.equal(paths.size, COUNT, way);
      })
    );
    await Promise.all(all);

    // An address says nothing of the site: the last route has it, also after names of
    // both have been asked for, and they keep working beside it.
    for (const client of [laptop, web]) {
      for (const way of Object.values(PROXY_WAYS)) {
        const targets = ["www.east.example", WWW, "www.west.example", WWW, APP];
        assert.deepEqual(await sitesAt(client, way, targets), [
          `www.east.example is east at ${WWW}`,
          `${WWW} is west at ${WWW}`,
          `www.west.example is west at ${WWW}`,
          `${WWW} is west at ${WWW}`,
          `${APP} is west at ${APP}`,
        ]);
      }
    }
  },
  LIMIT,
);

e2e(
  "a target that is silent holds back nobody at its address behind another",
  async (scene) => {
    const SILENT = `${NETWORK}.30`;
    const { laptop } = await startSites(
      scene,
      SITES.map((via) => ({ via, to: [`*.${via}.example`] })),
      async (gate, site) => {
        if (site !== "east") return;
        // Nobody has this address of the link, so whatever is sent to the target is lost.
        const neighbour = [SILENT, "lladdr", "02:00:00:00:00:01", "dev", "private0"];
        await run(["ip", "-n", gate.name, "neigh", "add", ...neighbour]);
      },
    );
    const way = PROXY_WAYS.SOCKS5h;
    let isOver = false;
    const asked = ["--max-time", "5", "http://silent.east.example/"];
    const silent = curlOutcome(laptop, ...way, ...asked).finally(() => isOver = true);
    for (let turn = 0; turn < 3; turn++) {
      assert.deepEqual(await sitesAt(laptop, way, ["silent.west.example"]), [
        `silent.west.example is west at ${SILENT}`,
      ]);
    }
    assert.equal(isOver, false, "the silent one is still waited for");
    assert.notEqual((await silent).status, 200);
  },
  LIMIT,
);

e2e("what a route excepts goes by the routes before it", async (scene) => {
  const { laptop, web } = await startSites(scene, [
    { via: "east", to: [`${NETWORK}.0/24`, "*.example"] },
    {
      via: "west",
      to: [`${NETWORK}.0/24`, "*.example"],
      notTo: [`${APP}/32`, "*.east.example"],
    },
  ]);
  const targets = [WWW, APP, "www.east.example", "www.west.example", APP, WWW];
  for (const client of [laptop, web]) {
    for (const way of Object.values(PROXY_WAYS)) {
      assert.deepEqual(await sitesAt(client, way, targets), [
        `${WWW} is west at ${WWW}`,
        `${APP} is east at ${APP}`,
        `www.east.example is east at ${WWW}`,
        `www.west.example is west at ${WWW}`,
        `${APP} is east at ${APP}`,
        `${WWW} is west at ${WWW}`,
      ]);
    }
  }
}, LIMIT);
