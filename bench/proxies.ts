/**
 * The benchmark of the proxies: downloads by CONNECT, by SOCKS5 and in absolute form
 * beside the mesh's own loopback address, and short requests beside tinyproxy.
 *
 *   near   the user's machine: curl, wrk, the manager with its proxies, tinyproxy, a web server
 *   far    a host of the mesh with the same web server
 *
 * NoRouter goes from `near` to `far`, tinyproxy stays in `near`. A round visits all ways
 * in immediate succession; a ratio is the median of the rounds' ratios.
 *
 * @module
 */
import { Command, InvalidArgumentError } from "commander";
import { manifestOf, NOROUTER } from "../tests/harness/scene/mesh.ts";
import { Namespace } from "../tests/harness/scene/namespace.ts";
import { Process } from "../tests/harness/scene/process.ts";
import { needs } from "../tests/harness/scene/requirements.ts";
import { median } from "./statistics.ts";
import { listening } from "./world.ts";

const WEB_PORT = 8080;
const HTTP = "127.0.0.1:18080";
const SOCKS = "127.0.0.1:18081";
const TINY_PORT = 18082;
const FAR = "127.0.42.101";
const WEB = new URL("./web.ts", import.meta.url).pathname;

interface Way {
  readonly name: string;
  /** How curl goes. */
  readonly curl: readonly string[];
  /** The authority that the client asks for. */
  readonly origin: string;
}

const LOOPBACK: Way = { name: "loopback mode", curl: [], origin: `${FAR}:${WEB_PORT}` };
const DOWNLOADS: readonly Way[] = [
  { name: "bare loopback", curl: [], origin: `127.0.0.1:${WEB_PORT}` },
  LOOPBACK,
  {
    name: "CONNECT",
    curl: ["--proxytunnel", "--proxy", `http://${HTTP}`],
    origin: `far:${WEB_PORT}`,
  },
  { name: "SOCKS5", curl: ["--proxy", `socks5h://${SOCKS}`], origin: `far:${WEB_PORT}` },
  {
    name: "absolute form",
    curl: ["--proxy", `http://${HTTP}`],
    origin: `far:${WEB_PORT}`,
  },
  {
    name: "tinyproxy",
    curl: ["--proxy", `http://127.0.0.1:${TINY_PORT}`],
    origin: `127.0.0.1:${WEB_PORT}`,
  },
];

interface Short {
  readonly name: string;
  /** The address and port that wrk connects to. */
  readonly address: string;
  /** The target of its requests. */
  readonly target: string;
}

const SHORTS: readonly Short[] = [
  {
    name: "absolute form",
    address: HTTP,
    target: `http://far:${WEB_PORT}/`,
  },
  {
    name: "tinyproxy",
    address: `127.0.0.1:${TINY_PORT}`,
    target: `http://127.0.0.1:${WEB_PORT}/`,
  },
  { name: "loopback mode", address: `${FAR}:${WEB_PORT}`, target: "/" },
];

function number(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError("It must be a number above 0.");
  return value;
}

const { rounds, seconds, connections } = new Command("deno task bench:proxies")
  .description("Measures the proxies beside the mesh's loopback mode and tinyproxy.")
  .option("--rounds <n>", "rounds, of which the median is taken", number, 5)
  .option("--seconds <s>", "seconds of each run", number, 3)
  .option("--connections <n>", "connections of wrk", number, 16)
  .parse(Deno.args, { from: "user" })
  .opts<{ rounds: number; seconds: number; connections: number }>();

const { missing } = needs("namespaces", "curl", "wrk", "tinyproxy");
if (missing.length > 0) {
  console.error(`The benchmark cannot run: this machine lacks ${missing.join("; ")}.`);
  Deno.exit(1);
}

await using stack = new AsyncDisposableStack();
const folder = await Deno.makeTempDir({ prefix: "norouter-bench-" });
stack.defer(() => Deno.remove(folder, { recursive: true }));
const near = stack.use(await Namespace.make());
const far = stack.use(await Namespace.make());
for (const namespace of [near, far]) {
  const command = [Deno.execPath(), "run", "--quiet", "-A", WEB, "127.0.0.1"];
  const server = new Process("web server", [...command, `${WEB_PORT}`], { namespace });
  await stack.use(server).line(/listening/);
}
await Deno.writeTextFile(
  `${folder}/mesh.yaml`,
  manifestOf({
    near: {
      name: "near",
      vip: "127.0.42.100",
      namespace: near,
      plan: { http: { listen: HTTP }, socks: { listen: SOCKS } },
    },
    far: {
      name: "far",
      vip: FAR,
      namespace: far,
      plan: { ports: [`${WEB_PORT}:127.0.0.1:${WEB_PORT}`] },
    },
  }),
);
const manager = new Process("manager", [...NOROUTER, `${folder}/mesh.yaml`], {
  namespace: near,
  env: { NO_COLOR: "1" },
});
await stack.use(manager).line(/Every host is ready/);
await Deno.writeTextFile(
  `${folder}/tinyproxy.conf`,
  [
    `Port ${TINY_PORT}`,
    "Listen 127.0.0.1",
    "Timeout 60",
    "MaxClients 400",
    "LogLevel Critical",
    `LogFile "${folder}/tinyproxy.log"`,
  ].join("\n") + "\n",
);
const tinyproxy = ["tinyproxy", "-d", "-c", `${folder}/tinyproxy.conf`];
stack.use(new Process("tinyproxy", tinyproxy, { namespace: near }));
await listening(near, TINY_PORT);

/** MB/s of one download. */
async function download({ curl, origin }: Way): Promise<number> {
  const limit = ["--silent", "--max-time", `${seconds}`, "--output", "/dev/null"];
  const format = ["--write-out", "speed %{speed_download} %{http_code}\n"];
  const url = `http://${origin}/bulk`;
  await using client = new Process("curl", ["curl", ...limit, ...format, ...curl, url], {
    namespace: near,
  });
  const [, speed, status] = await client.line(/^speed (\d+) (\d+)/);
  if (status !== "200") throw new Error(`${url} was answered with ${status}`);
  return Number(speed) / 1e6;
}

interface Requests {
  readonly perSecond: number;
  readonly p99: number;
}

/** Short requests over connections that are kept. */
async function requests({ name, address, target }: Short): Promise<Requests> {
  const script = `${folder}/${name.replace(" ", "-")}.lua`;
  const lua = `request = function() return wrk.format("GET", ${
    JSON.stringify(target)
  }) end`;
  await Deno.writeTextFile(script, `${lua}\n`);
  const options = ["-t1", `-c${connections}`, `-d${seconds}s`, "--latency", "-s", script];
  await using client = new Process("wrk", ["wrk", ...options, `http://${address}/`], {
    namespace: near,
  });
  await client.end((seconds + 30) * 1_000);
  const text = client.since();
  const wrong = /Non-2xx.*|Socket errors.*/.exec(text);
  if (wrong) console.error(`${name}: ${wrong[0]}`);
  const [, value, unit] = /99%\s+([\d.]+)(us|ms|s)/.exec(text) ?? [];
  const [, perSecond] = /Requests\/sec:\s+([\d.]+)/.exec(text) ?? [];
  if (!perSecond) throw new Error(client.transcript);
  const factor = { us: 0.001, ms: 1, s: 1000 }[unit as "us" | "ms" | "s"];
  return { perSecond: Number(perSecond), p99: Number(value) * factor };
}

const speeds = new Map<string, number[]>(DOWNLOADS.map(({ name }) => [name, []]));
const served = new Map<string, Requests[]>(SHORTS.map(({ name }) => [name, []]));
for (let round = 0; round < rounds; round++) {
  for (const way of DOWNLOADS) {
    const speed = await download(way);
    speeds.get(way.name)!.push(speed);
    console.error(`round ${round + 1}  ${way.name}: ${speed.toFixed(0)} MB/s`);
  }
  for (const way of SHORTS) {
    const result = await requests(way);
    served.get(way.name)!.push(result);
    const { perSecond, p99 } = result;
    console.error(
      `round ${round + 1}  ${way.name}: ${perSecond.toFixed(0)} requests/s, ` +
        `p99 ${p99.toFixed(1)} ms`,
    );
  }
}

/** The median of the rounds' ratios. */
function ratio(figures: readonly number[], others: readonly number[]): string {
  const ratios = figures.map((figure, round) => figure / others[round]!);
  return `${median(ratios).toFixed(2)} ×`;
}

const row = (cells: string[]) =>
  console.log(
    cells.map((cell, at) => at === 0 ? cell.padEnd(16) : cell.padStart(16)).join(""),
  );
row(["download", "MB/s", "to loopback", "to tinyproxy"]);
for (const [name, figures] of speeds) {
  row([
    name,
    median(figures).toFixed(0),
    ratio(figures, speeds.get(LOOPBACK.name)!),
    ratio(figures, speeds.get("tinyproxy")!),
  ]);
}
console.log();
row(["short requests", "requests/s", "to tinyproxy", "p99, ms", "to tinyproxy"]);
const tiny = served.get("tinyproxy")!;
for (const [name, results] of served) {
  const rates = results.map(({ perSecond }) => perSecond);
  const p99s = results.map(({ p99 }) => p99);
  row([
    name,
    median(rates).toFixed(0),
    ratio(rates, tiny.map(({ perSecond }) => perSecond)),
    median(p99s).toFixed(1),
    ratio(p99s, tiny.map(({ p99 }) => p99)),
  ]);
}
