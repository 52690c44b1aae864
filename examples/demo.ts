/**
 * A mesh of two hosts on this machine: the first is this process, the second an agent in
 * a process of its own with a small web service behind it. Fetches the service once
 * through the mesh and stays up until Ctrl-C; with `--once` it exits after the fetch,
 * with status 0 if that worked and 1 if not.
 *
 * ```sh
 * deno task demo [--once]
 * ```
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { build } from "../stack/lwip/build.ts";
import { startMesh } from "../mod.ts";

const WEB_VIP = "127.0.42.101";
const WEB_PORT = 8080;
const FETCH_LIMIT_MS = 10_000;
const ROUNDS = 20;

const once = Deno.args.includes("--once");
const unknown = Deno.args.filter((argument) => argument !== "--once");
if (unknown.length > 0) {
  console.error(`The demo knows only "--once", not ${unknown.join(" ")}`);
  Deno.exit(2);
}
if (Deno.build.os === "darwin") {
  console.log(`macOS gives itself only 127.0.0.1. If listening fails below, run this once:
  sudo ifconfig lo0 alias ${WEB_VIP} up
`);
}
await build({ log: console.error });

/** Resolves at the first Ctrl-C or request to end. */
const interrupted = new Promise<void>((resolve) => {
  Deno.addSignalListener("SIGINT", resolve);
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", resolve);
});

const service = Deno.serve(
  { hostname: "127.0.0.1", port: 0, onListen: () => {} },
  () =>
    new Response('Hello from the host "web", through two TCP/IP stacks and a pipe.\n'),
);
const cli = fileURLToPath(new URL("../cli.ts", import.meta.url));
const manifest = {
  hosts: {
    local: { vip: "127.0.42.100" },
    web: {
      vip: WEB_VIP,
      cmd: [Deno.execPath(), "run", "--allow-all", cli],
      ports: [`${WEB_PORT}:127.0.0.1:${service.addr.port}`],
      loopback: { disable: true }, // both hosts are one machine: only one may listen
    },
  },
};

const url = `http://${WEB_VIP}:${WEB_PORT}/`;
let worked = false;
try {
  await using mesh = await startMesh(manifest, {
    onEvent: ({ level, message }) => {
      if (level !== "debug") console.log(`[${level}] ${message}`);
    },
  });
  const { ok } = await mesh.ready();
  if (ok) worked = await fetchOnce();
  if (worked && !once) {
    console.log(`\nThe mesh is up: try  curl ${url}  (Ctrl-C ends it)`);
    await interrupted;
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
} finally {
  await service.shutdown();
}
Deno.exit(worked ? 0 : 1);

async function fetchOnce(): Promise<boolean> {
  const signal = AbortSignal.timeout(FETCH_LIMIT_MS);
  try {
    const response = await fetch(url, { signal });
    const text = await response.text();
    console.log(`\nGET ${url} answered ${response.status}:\n  ${text.trim()}`);
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const started = performance.now();
      await (await fetch(url, { signal })).text();
      times.push(performance.now() - started);
    }
    times.sort((a, b) => a - b);
    const median = times[ROUNDS / 2]!.toFixed(2);
    console.log(`Round trip of a request: ${median} ms (median of ${ROUNDS})`);
    return response.ok;
  } catch (error) {
    console.error(`GET ${url} failed: ${error instanceof Error ? error.message : error}`);
    return false;
  }
}
