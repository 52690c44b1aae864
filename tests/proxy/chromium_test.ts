/**
 * A browser loads a page of many parts through each proxy, by names of the mesh.
 *
 * @module
 */
import assert from "node:assert/strict";
import { documentOf } from "../harness/web/chromium.ts";
import { pieces } from "../harness/peers/peer_data.ts";
import { NOROUTER } from "../harness/scene/mesh.ts";
import { e2e } from "../harness/scene/scene.ts";
import { startOrigin } from "../harness/web/origin.ts";
import { LARGE } from "../harness/web/web_origin.ts";
import { PROXIES } from "../harness/web/ways.ts";

const VIP = "127.0.42.101";
const ORIGIN = "http://web:8080";
/** The same server by an alias, and by its address. */
const OTHERS = ["http://web.example.com:8080", `http://${VIP}:8080`];

/** What main.js sums up of `/large`. */
function sumOfLarge(): string {
  let sum = 0;
  for (const bytes of pieces(LARGE.bytes, LARGE.seed)) {
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    for (const word of words) sum = (sum + word) >>> 0;
  }
  return `${LARGE.bytes} ${sum}`;
}

/** What the page tells if all of it came, by the name of the part. */
function expected(via: string): Record<string, string> {
  const origins = [ORIGIN, ...OTHERS];
  return {
    ...Object.fromEntries([11, 12, 13, 14, 15].map((n) => [`/image/${n}`, `${n}`])),
    "/style": "styled by page",
    "/style imported": "styled by frame",
    "/frame": "a frame",
    scripts: "1,2,3,4",
    post: "200 posted",
    gzip: `200 ${"what was packed ".repeat(1000).trim()}`,
    redirect: `200 web:8080 ${via}`,
    missing: "404 nothing here",
    chunked: "200 one two three",
    large: sumOfLarge(),
    events: "one,two,three",
    WebSocket: "first,second,long 4001 true",
    ...Object.fromEntries(origins.flatMap((origin, index) => [
      [`text ${origin}`, `200 ${new URL(origin).host} ${via}`],
      [`image ${origin}`, `${20 + index}`],
      [`script ${origin}`, "true"],
    ])),
  };
}

/** The lines that main.js wrote, by the name of the part. */
function toldIn(document: string): Record<string, string> {
  const [, text] = /<pre id="told">([^<]*)<\/pre>/.exec(document) ?? [];
  if (text === undefined) throw new Error(`The page tells nothing:\n${document}`);
  return Object.fromEntries(
    text.trim().split("\n").map((line) => {
      const cut = line.indexOf(": ");
      return [line.slice(0, cut), line.slice(cut + 2).trim()];
    }),
  );
}

e2e("a browser loads a page of 30 parts through each proxy", async (scene) => {
  const laptop = await scene.namespace();
  const web = await scene.namespace();
  await startOrigin(scene, web, { hostname: "127.0.0.1", port: 80 });
  const manager = await scene.manager(
    JSON.stringify({
      hostTemplate: { stateDir: { disable: true } },
      hosts: {
        laptop: { vip: "127.0.42.100", ...PROXIES },
        web: {
          vip: VIP,
          cmd: web.command(...NOROUTER),
          aliases: ["web.example.com"],
          ports: ["8080:127.0.0.1:80"],
        },
      },
    }),
    laptop,
  );
  await Promise.all(["laptop", "web"].map((host) => manager.ready(host)));

  const others = OTHERS.map((other) => `other=${other}`).join("&");
  const { http, socks } = PROXIES;
  // Side by side: most of the time goes into starting Chromium.
  await Promise.all(
    ([
      ["http", `http://${http.listen}`, "via a proxy"],
      ["socks", `socks5://${socks.listen}`, "directly"],
    ] as const).map(async ([name, proxy, via]) => {
      // The name in the page's address keeps the two apart at the server.
      const url = `${ORIGIN}/page?by=${name}&${others}`;
      const visit = { name: `chromium-${name}`, namespace: laptop, proxy, url };
      const document = await documentOf(scene, visit);
      assert.deepEqual(toldIn(document), expected(via), `through the ${name} proxy`);
    }),
  );
}, { needs: ["chromium"] });
