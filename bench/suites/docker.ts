/**
 * The cost of a container: a mesh through `docker exec`, beside the bare pipe of `docker
 * exec` and the stream of the engine's own API.
 *
 * The containers have no network; iperf3 serves in the first. From container to
 * container there are two limits: the bare pipe from one container, and two of these
 * pipes joined.
 *
 * @module
 */
import { DockerEngine } from "../../tests/harness/engines/docker.ts";
import { glibcRoot } from "../../tests/harness/engines/image_root.ts";
import { executableIn } from "../../tests/harness/packages/executable.ts";
import { Namespace } from "../../tests/harness/scene/namespace.ts";
import { Process } from "../../tests/harness/scene/process.ts";
import { Scene } from "../../tests/harness/scene/scene.ts";
import {
  type Direction,
  DIRECTIONS,
  iperfCommand,
  type IperfOptions,
  received,
  whenFree,
} from "../clients.ts";
import { attached, joined, piped, zerosFor } from "../docker_streams.ts";
import { labelsOf, type Suite } from "../suite.ts";

/** Programs that the installer and the measures need in the containers. */
const TOOLS = [
  ...["iperf3", "cat", "chmod", "dd", "head", "id", "ls", "mkdir", "mv", "rm"],
  ...["sha256sum", "sleep", "tail", "timeout", "tr", "uname", "wc"],
];
const SERVER = { address: "127.0.42.101", iperfPort: 5201 };
const BARE = "bare docker exec";
const API = "engine's API";
const MESH = "norouter docker";
const JOINED = "docker exec | docker exec";
const ACROSS = "1 stream from container to container";
/** Mebibytes a second that the joined pipes carry at least; sets the length of their run. */
const JOINED_RATE = 200;
/** The engine may have to start, and the executable to be built. */
const START_LIMIT_MS = 60_000;
const SINK = ["sh", "-c", "cat >/dev/null"];

function nameOf(direction: Direction): string {
  return `1 stream ${direction} the container`;
}

/** See the head of this file. */
export const docker: Suite = {
  name: "docker",
  needs: ["namespaces", "docker", "iperf3", "tar"],
  beside: [BARE, JOINED],
  labels: [
    ...labelsOf([BARE, API, MESH], DIRECTIONS.map(nameOf)),
    ...labelsOf([BARE, JOINED, MESH], [ACROSS]),
  ],
  async open() {
    await using stack = new AsyncDisposableStack();
    const scene = stack.use(new Scene());
    const engine = stack.use(await DockerEngine.open(scene));
    const base = await scene.folder();
    const { file } = await executableIn(base);
    await glibcRoot(`${base}/root`, TOOLS);
    const image = await engine.image(`${base}/root`);
    const serve = ["iperf3", "-s", "-B", "127.0.0.1"];
    const server = await engine.container(image, serve);
    const other = await engine.container(image, ["sleep", "86400"]);
    const program = engine.command();
    const host = (container: string) => ({ docker: { container, program } });
    const manifest = {
      hostTemplate: { stateDir: { disable: true } },
      hosts: {
        local: { vip: "127.0.42.100" },
        web: {
          vip: SERVER.address,
          ports: [`${SERVER.iperfPort}:127.0.0.1:5201`],
          ...host(server.name),
        },
        other: { vip: "127.0.42.102", ...host(other.name) },
      },
    };
    await Deno.writeTextFile(`${base}/mesh.yaml`, JSON.stringify(manifest));
    const namespace = stack.use(await Namespace.make());
    const manager = stack.use(
      new Process("manager", [file, `${base}/mesh.yaml`], {
        namespace,
        env: { NO_COLOR: "1", NOROUTER_CACHE: `${base}/cache` },
      }),
    );
    await manager.line(/Every host is ready/, { limitMs: START_LIMIT_MS });

    const address = program.includes("--host") ? program.at(-1)! : "/var/run/docker.sock";
    const socket = address.replace("unix://", "");
    /** Gbit/s of iperf3's client, run by a command. */
    const iperf = (wrap: (...command: string[]) => string[], options: IperfOptions) =>
      whenFree(async () => {
        await using client = new Process(
          "iperf3",
          wrap(...iperfCommand(SERVER, options)),
        );
        return (await received(client, options.seconds)).bitsPerSecond / 1e9;
      });
    const inNamespace = (...command: string[]) => namespace.command(...command);
    const inOther = (...command: string[]) => other.command(...command);
    const across = (seconds: number) => {
      const mebibytes = Math.ceil(JOINED_RATE * seconds);
      const zeros = server.command("dd", "if=/dev/zero", "bs=1M", `count=${mebibytes}`);
      return joined(zeros, other.command(...SINK), mebibytes);
    };
    const bare = (direction: Direction) => (seconds: number) => {
      const command = direction === "to" ? SINK : zerosFor(seconds);
      return piped(server.command(...command), direction, seconds);
    };
    const api = (direction: Direction) => (seconds: number) => {
      const command = direction === "to" ? SINK : zerosFor(seconds);
      const attach = { socket, container: server.name, command };
      return attached(attach, direction, seconds);
    };
    const there = (direction: Direction) =>
      [
        [BARE, nameOf(direction), bare(direction)],
        [API, nameOf(direction), api(direction)],
        [
          MESH,
          nameOf(direction),
          (seconds: number) => iperf(inNamespace, { seconds, direction }),
        ],
      ] as const;
    const runs = [
      ...DIRECTIONS.flatMap(there),
      [BARE, ACROSS, bare("from")],
      [JOINED, ACROSS, across],
      [MESH, ACROSS, (seconds: number) => iperf(inOther, { seconds, direction: "from" })],
    ] as const;
    const all = stack.move();
    return {
      async play(plan) {
        for (const [way, measure, run] of runs) {
          if (!plan.wants(way, measure)) continue;
          const value = await run(plan.seconds);
          plan.take(way, measure, [{ row: measure, unit: "Gbit/s", value }]);
        }
      },
      [Symbol.asyncDispose]: () => all.disposeAsync(),
    };
  },
};
