/**
 * A headless Chromium in a namespace, where nothing is but the mesh.
 *
 * @module
 */
import type { Namespace } from "../scene/namespace.ts";
import type { Scene } from "../scene/scene.ts";

/** The page that a browser is to load. */
export interface Visit {
  /** The name in messages; unique in its scene. */
  readonly name: string;
  readonly namespace: Namespace;
  /** As of `--proxy-server`: `http://address:port` or `socks5://address:port`. */
  readonly proxy: string;
  readonly url: string;
}

/** Switches that leave Chromium with nothing to do but to load a page. */
const SWITCHES = [
  "--headless=new",
  "--no-sandbox", // the browser runs as root
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-component-extensions-with-background-pages",
  "--disable-default-apps",
  "--disable-domain-reliability",
  "--disable-extensions",
  "--disable-sync",
  "--disable-features=OptimizationHints,MediaRouter,Translate,HttpsUpgrades,HttpsFirstBalancedModeAutoEnable",
  "--no-pings",
  "--metrics-recording-only",
  // Addresses of the loopback go through the proxy too: VIPs are such.
  "--proxy-bypass-list=<-loopback>",
];

/** Loads a page to the end of its `load` event, and gives its document as text. */
export async function documentOf(scene: Scene, visit: Visit): Promise<string> {
  const { name, namespace, proxy, url } = visit;
  const home = `${await scene.folder()}/${name}`;
  const browser = scene.start(name, [
    "chromium",
    ...SWITCHES,
    `--user-data-dir=${home}`,
    `--proxy-server=${proxy}`,
    "--dump-dom",
    url,
  ], { namespace, env: { HOME: home } });
  const { code } = await browser.end(45_000);
  if (code !== 0) throw new Error(`Chromium ended with ${code}`);
  return browser.since();
}
