/**
 * A WebSocket through each proxy: an upgrade in absolute form, and inside of tunnels.
 *
 * @module
 */
import assert from "node:assert/strict";
import { startOrigin } from "../harness/web/origin.ts";
import { e2e } from "../harness/scene/scene.ts";
import { curlOutcome, PROXIES, WAYS } from "../harness/web/ways.ts";
import { LARGE, SMALL, type WebSocketReport } from "../harness/web/websocket_client.ts";

const CLIENT = new URL("../harness/web/websocket_client.ts", import.meta.url).pathname;

const { http: { listen: http }, socks: { listen: socks } } = PROXIES;

e2e(
  "a WebSocket carries small and large messages by every way, and closes",
  async (scene) => {
    const { hosts: { local, web } } = await scene.mesh({
      local: { ...PROXIES },
      web: { ports: ["8080:127.0.0.1:80"] },
    });
    const { namespace } = local;
    await startOrigin(scene, web.namespace, { hostname: "127.0.0.1", port: 80 });
    const wanted: WebSocketReport = {
      status: "HTTP/1.1 101 Switching Protocols",
      isProven: true,
      greeting: "hello",
      small: SMALL,
      fragments: "in three parts",
      pong: "there?",
      large: LARGE,
      close: "4001",
      after: "end",
    };
    const ways = [["absolute", http], ["tunnel", http], ["socks", socks]] as const;
    await Promise.all(ways.map(async ([way, proxy]) => {
      const client = scene.start(
        `WebSocket by ${way}`,
        [Deno.execPath(), "run", "-A", CLIENT, way, proxy, "web:8080", "/ws/hello"],
        { namespace },
      );
      const [line] = await client.line(/^{.*/);
      assert.deepEqual(JSON.parse(line), wanted, way);
    }));

    // A server may decline, and a target may refuse: both are answers like any other.
    const asking = ["-H", "Connection: Upgrade", "-H", "Upgrade: websocket"];
    const ask = (url: string) =>
      curlOutcome(namespace, ...WAYS["HTTP proxy"], ...asking, url);
    const declined = await ask("http://web:8080/text");
    assert.deepEqual([declined.status, declined.body], [200, "web:8080 via a proxy"]);
    const refused = await ask("http://web:8081/");
    assert.equal(refused.status, 502);
    assert.match(refused.body, /web:8081 \(refused\)/);
  },
  { needs: ["curl"] },
);
