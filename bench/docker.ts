/**
 * The cost of a container: a mesh through `docker exec`, beside the bare pipe of `docker
 * exec` and the stream of the engine's own API (exec attach), without a client in
 * between.
 *
 * The container has no network; iperf3 serves there. A figure is the median over the
 * rounds.
 *
 * @module
 */
import { Command, InvalidArgumentError } from "commander";
import { DockerEngine } from "../tests/harness/engines/docker.ts";
import { executableIn } from "../tests/harness/packages/executable.ts";
import { glibcRoot } from "../tests/harness/engines/image_root.ts";
import { readyLine } from "../tests/harness/scene/mesh.ts";
import { Process } from "../tests/harness/scene/process.ts";
import { Scene } from "../tests/harness/scene/scene.ts";
import { pause } from "../tests/harness/scene/wait.ts";
import { resultOf } from "./measures.ts";
import { median } from "./statistics.ts";

/** Programs that the installer and the measures need in the container. */
const TOOLS = [
  ...["iperf3", "cat", "chmod", "dd", "head", "id", "ls", "mkdir", "mv", "rm"],
  ...["sha256sum", "sleep", "tail", "tr", "uname", "wc"],
];
const ADDRESS = "127.0.42.101";

function number(text: string): number {
  const value = Number(text);
  if (!(value >= 1)) throw new InvalidArgumentError("It must be a number from 1.");
  return value;
}

const { rounds, seconds } = new Command("deno task bench:docker")
  .description("Measures a mesh through docker exec beside the bare pipe and the API.")
  .option("--rounds <n>", "rounds, of which the median is taken", number, 3)
  .option("--seconds <s>", "seconds of each run", number, 3)
  .parse(Deno.args, { from: "user" })
  .opts<{ rounds: number; seconds: number }>();

/** Gbit/s of a command that is fed zeros, or whose output is thrown away. */
async function pipe(
  command: readonly string[],
  direction: "to" | "from",
): Promise<number> {
  const [program, ...args] = command;
  const child = new Deno.Command(program!, {
    args,
    stdin: direction === "to" ? "piped" : "null",
    stdout: direction === "from" ? "piped" : "null",
    stderr: "null",
  }).spawn();
  const until = performance.now() + seconds * 1000;
  const began = performance.now();
  let bytes = 0;
  if (direction === "to") {
    const writer = child.stdin.getWriter();
    const zeros = new Uint8Array(256 * 1024);
    while (performance.now() < until) {
      await writer.write(zeros);
      bytes += zeros.length;
    }
    await writer.close();
  } else {
    const reader = child.stdout.getReader({ mode: "byob" });
    let buffer = new ArrayBuffer(256 * 1024);
    while (performance.now() < until) {
      const { value, done } = await reader.read(new Uint8Array(buffer));
      if (done) break;
      bytes += value.length;
      buffer = value.buffer;
    }
    child.kill("SIGKILL");
  }
  const took = performance.now() - began;
  await child.status;
  return bytes * 8 / took / 1e6;
}

/** The same by the engine's API: a request whose connection becomes the stream. */
async function api(
  socket: string,
  container: string,
  command: readonly string[],
  direction: "to" | "from",
): Promise<number> {
  const http = Deno.createHttpClient({ proxy: { transport: "unix", path: socket } });
  const create = await fetch(`http://engine/containers/${container}/exec`, {
    client: http,
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      AttachStdin: direction === "to",
      AttachStdout: true,
      Cmd: command,
    }),
  });
  const { Id } = await create.json() as { Id: string };
  http.close();
  using connection = await Deno.connect({ transport: "unix", path: socket });
  const body = JSON.stringify({ Detach: false, Tty: false });
  const head =
    `POST /exec/${Id}/start HTTP/1.1\r\nHost: engine\r\nConnection: Upgrade\r\n` +
    `Upgrade: tcp\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
  await connection.write(new TextEncoder().encode(head + body));
  const buffer = new Uint8Array(256 * 1024);
  const answered = await connection.read(buffer);
  const answer = new TextDecoder("latin1").decode(buffer.subarray(0, answered ?? 0));
  if (!answer.startsWith("HTTP/1.1 101")) throw new Error(`The engine says ${answer}`);
  const began = performance.now();
  const until = began + seconds * 1000;
  let bytes = 0;
  while (performance.now() < until) {
    const count = direction === "to"
      ? await connection.write(buffer)
      : await connection.read(buffer) ?? 0;
    if (count === 0) break;
    bytes += count;
  }
  return bytes * 8 / (performance.now() - began) / 1e6;
}

/** Gbit/s of iperf3 through the mesh. */
async function mesh(direction: "to" | "from"): Promise<number> {
  const reverse = direction === "from" ? ["-R"] : [];
  const command = ["iperf3", "-c", ADDRESS, "-p", "5201", "-t", `${seconds}`, "-J"];
  for (let tries = 1;; tries++) {
    await using client = new Process("iperf3", [...command, ...reverse]);
    const { error, end } = await resultOf(client, seconds) as {
      error?: string;
      end: { sum_received?: { bits_per_second: number } };
    };
    if (end.sum_received) return end.sum_received.bits_per_second / 1e9;
    // The server may not have seen the end of the previous client.
    if (tries === 20) throw new Error(`iperf3: ${error}`);
    await pause(250);
  }
}

await using scene = new Scene();
await using docker = await DockerEngine.open(scene);
const base = await scene.folder();
const { file } = await executableIn(base);
await glibcRoot(`${base}/root`, TOOLS);
const container = await docker.container(await docker.image(`${base}/root`), [
  ...["iperf3", "-s", "-B", "127.0.0.1"],
]);
const program = docker.command();
const manifest = {
  hostTemplate: { stateDir: { disable: true } },
  hosts: {
    local: { vip: "127.0.42.100" },
    web: {
      vip: ADDRESS,
      docker: { container: container.name, program },
      ports: ["5201:127.0.0.1:5201"],
    },
  },
};
await Deno.writeTextFile(`${base}/mesh.yaml`, JSON.stringify(manifest));
const manager = scene.start("manager", [file, `${base}/mesh.yaml`], {
  env: { NO_COLOR: "1", NOROUTER_CACHE: `${base}/cache` },
});
await manager.line(readyLine("web"));
const host = program.includes("--host") ? program.at(-1)! : "unix:///var/run/docker.sock";
const socket = host.replace("unix://", "");

const ZEROS = ["dd", "if=/dev/zero", "bs=1M"];
const SINK = ["sh", "-c", "cat >/dev/null"];
const measures: [string, "to" | "from", () => Promise<number>][] = [
  ["bare docker exec", "to", () => pipe(container.command(...SINK), "to")],
  ["bare docker exec", "from", () => pipe(container.command(...ZEROS), "from")],
  ["engine's API", "to", () => api(socket, container.name, SINK, "to")],
  ["engine's API", "from", () => api(socket, container.name, ZEROS, "from")],
  ["mesh", "to", () => mesh("to")],
  ["mesh", "from", () => mesh("from")],
];
const figures = new Map<string, number[]>();
for (let round = 0; round < rounds; round++) {
  for (const [name, direction, measure] of measures) {
    const figure = await measure();
    const key = `${name} ${direction}`;
    figures.set(key, [...figures.get(key) ?? [], figure]);
    console.error(
      `round ${round + 1}  ${key} the container: ${figure.toFixed(2)} Gbit/s`,
    );
  }
}
const cell = (text: string) => text.padStart(14);
console.log(" ".repeat(20) + ["to", "ratio", "from", "ratio"].map(cell).join(""));
for (const name of ["bare docker exec", "engine's API", "mesh"]) {
  const cells = ["to", "from"].flatMap((direction) => {
    const own = figures.get(`${name} ${direction}`)!;
    const bare = figures.get(`bare docker exec ${direction}`)!;
    const ratio = median(own.map((figure, round) => figure / bare[round]!));
    return [`${median(own).toFixed(2)} Gbit/s`, `${ratio.toFixed(2)} ×`];
  });
  console.log(name.padEnd(20) + cells.map(cell).join(""));
}
manager.signal("SIGTERM");
await manager.end();
