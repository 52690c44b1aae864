/**
 * Who knows the password is served, at the manager's proxies and at an agent's; nobody
 * else is.
 *
 * @module
 */
import assert from "node:assert/strict";
import { NOROUTER, readyLine } from "../harness/scene/mesh.ts";
import type { Namespace } from "../harness/scene/namespace.ts";
import { e2e } from "../harness/scene/scene.ts";
import {
  CurlExit,
  curlOutcome,
  PROXIES,
  type PROXY_WAYS,
  WAYS,
} from "../harness/web/ways.ts";

const PASSWORD = 'a "pass": wörd';
const VARIABLE = "NOROUTER_TEST_PASSWORD";

/** A manifest's proxies that ask for a password; the manager's environment has it. */
const GUARDED = {
  http: { ...PROXIES.http, auth: { username: "someone", passwordEnv: VARIABLE } },
  socks: { ...PROXIES.socks, auth: { username: "someone", passwordEnv: VARIABLE } },
};
/** The same with the password in the manifest itself. */
const TOLD = {
  http: { ...PROXIES.http, auth: { username: "someone", password: PASSWORD } },
  socks: { ...PROXIES.socks, auth: { username: "someone", password: PASSWORD } },
};

const RIGHT = `someone:${PASSWORD}`;
const WRONG = [
  "someone:else",
  "someone:",
  `anyone:${PASSWORD}`,
  `someone:${PASSWORD}.`,
  undefined,
];

/** How a client is turned away that says `said`. */
async function turnedAway(
  namespace: Namespace,
  way: keyof typeof PROXY_WAYS,
  said: string | undefined,
): Promise<void> {
  const user = said === undefined ? [] : ["--proxy-user", said];
  const url = "http://web:8080/";
  const outcome = await curlOutcome(namespace, ...WAYS[way], ...user, url);
  const { exit, status, connectStatus, body, complaint } = outcome;
  const what = `${way}, saying ${said}: ${JSON.stringify(outcome)}`;
  switch (way) {
    case "HTTP proxy":
      assert.deepEqual([exit, status], [0, 407], what);
      assert.match(body, said === undefined ? /asks for a user name/ : /^Wrong/, what);
      break;
    case "HTTP tunnel":
      assert.deepEqual([exit, connectStatus], [CurlExit.RECEIVE_FAILED, 407], what);
      break;
    case "SOCKS5h":
      assert.equal(exit, CurlExit.PROXY_REFUSED, what);
      assert.match(complaint, said === undefined ? /acceptable/ : /rejected/, what);
      break;
    case "SOCKS4a":
      assert.equal(exit, CurlExit.PROXY_REFUSED, what);
      assert.match(complaint, /\(93\)/, what);
      break;
  }
}

e2e(
  "a proxy with a password serves those who know it, and nobody else",
  async (scene) => {
    const laptop = await scene.namespace();
    const web = await scene.namespace();
    const db = await scene.namespace();
    const manifest = `${await scene.folder()}/mesh.yaml`;
    await Deno.writeTextFile(
      manifest,
      JSON.stringify({
        hostTemplate: { stateDir: { disable: true } },
        hosts: {
          laptop: { vip: "127.0.42.100", ...GUARDED },
          web: {
            vip: "127.0.42.101",
            cmd: web.command(...NOROUTER),
            ports: ["8080:127.0.0.1:80"],
            ...GUARDED,
          },
          db: { vip: "127.0.42.102", cmd: db.command(...NOROUTER), ...TOLD },
        },
      }),
    );
    const manager = scene.start("manager", [...NOROUTER, manifest], {
      namespace: laptop,
      env: { NO_COLOR: "1", [VARIABLE]: PASSWORD },
    });
    for (const host of ["laptop", "web", "db"]) await manager.line(readyLine(host));
    await scene.server(web, "http", 80, "served");

    await Promise.all([laptop, web, db].map(async (namespace) => {
      for (const way of ["HTTP proxy", "HTTP tunnel", "SOCKS5h"] as const) {
        const right = ["--proxy-user", RIGHT];
        const options = [...WAYS[way], ...right, "http://web:8080/"];
        const { exit, body } = await curlOutcome(namespace, ...options);
        assert.deepEqual([exit, body.trim()], [0, "served /"], way);
        for (const said of WRONG) await turnedAway(namespace, way, said);
      }
      for (const said of [undefined, RIGHT]) await turnedAway(namespace, "SOCKS4a", said);
    }));
    assert.ok(!manager.since().includes(PASSWORD), "the password is in no message");
  },
  { needs: ["curl"] },
);
