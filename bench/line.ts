/**
 * A slow line between two namespaces: a rate each way, and a delay if wanted.
 *
 *   near   the user's machine: the clients, the manager, ssh
 *   far    sshd and the services
 *
 * The rate is that of `tbf`, with a burst of 32 KiB and a queue of 40 ms as routers have.
 * Without a delay the line is a pair of veth; with a delay it is two tun devices and a
 * program between them (delay.ts), for not every kernel has netem. TCP on the line is
 * cubic, whatever the machine prefers.
 *
 * @module
 */
import { Namespace } from "../tests/harness/scene/namespace.ts";
import { Process, run } from "../tests/harness/scene/process.ts";
import { echoServer, iperfServer } from "./services.ts";
import { prepareSsh, startSshd } from "./ssh_server.ts";
import { ECHO_PORT, IPERF_PORT } from "./world.ts";

/** The addresses of the line's ends. */
const NEAR = "10.77.0.1";
export const FAR = "10.77.0.2";
/** The options of `tbf` beside the rate. */
export const QUEUE = "burst 32kb latency 40ms";
export const CONGESTION_CONTROL = "cubic";
/** The service of iperf3 that is reached over the line itself. */
export const DIRECT_PORT = 5301;
const DELAY = new URL("./delay.ts", import.meta.url).pathname;

/** The particulars of a line. */
export interface LineOptions {
  /** Megabits a second, each way. */
  readonly rate: number;
  /** Milliseconds that a packet is under way, each way. Default 0. */
  readonly delay?: number;
}

/** A line with its services and a server of ssh. */
export interface Line extends AsyncDisposable {
  readonly near: Namespace;
  readonly far: Namespace;
  /** For keys, configurations and manifests; removed at the end. */
  readonly folder: string;
  /** The server of ssh. */
  readonly sshd: Process;
}

/** Makes a line; all of its services listen. */
export async function makeLine(options: LineOptions): Promise<Line> {
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "norouter-bench-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const near = stack.use(await Namespace.make());
  const far = stack.use(await Namespace.make());
  if (options.delay) stack.use(await layDelayed(near, far, options.delay));
  else await layVeth(near, far);
  for (const [{ name }, address] of [[near, NEAR], [far, FAR]] as const) {
    await run(["ip", "-n", name, "address", "add", `${address}/30`, "dev", DEVICE]);
    await run(["ip", "-n", name, "link", "set", DEVICE, "up"]);
    const rate = `tbf rate ${options.rate}mbit ${QUEUE}`.split(" ");
    await run([
      "tc",
      "-n",
      name,
      "qdisc",
      "replace",
      "dev",
      DEVICE,
      "root",
      ...rate,
    ]);
  }
  stack.use(await allowCubic());
  for (const namespace of [near, far]) {
    const file = "/proc/sys/net/ipv4/tcp_congestion_control";
    await run(["sh", "-c", `echo ${CONGESTION_CONTROL} > ${file}`], { namespace });
  }
  stack.use(await iperfServer(far, IPERF_PORT));
  stack.use(await iperfServer(far, DIRECT_PORT, FAR));
  stack.use(await echoServer(far, ECHO_PORT));
  await prepareSsh(folder, FAR);
  const sshd = stack.use(await startSshd(folder, FAR, far));
  const all = stack.move();
  return { near, far, folder, sshd, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** What TCP in a namespace other than the machine's may use; of the whole machine. */
const ALLOWED = "/proc/sys/net/ipv4/tcp_allowed_congestion_control";

/** Lets namespaces use cubic; disposed, the machine is as before. */
async function allowCubic(): Promise<AsyncDisposable> {
  const before = (await Deno.readTextFile(ALLOWED)).trim();
  if (before.split(" ").includes(CONGESTION_CONTROL)) {
    return { [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  await Deno.writeTextFile(ALLOWED, `${before} ${CONGESTION_CONTROL}`);
  return { [Symbol.asyncDispose]: () => Deno.writeTextFile(ALLOWED, before) };
}

/** The line's device, in either namespace. */
const DEVICE = "line0";

async function layVeth(near: Namespace, far: Namespace): Promise<void> {
  const peer = ["peer", "name", DEVICE, "netns", far.name];
  await run(["ip", "-n", near.name, "link", "add", DEVICE, "type", "veth", ...peer]);
}

async function layDelayed(
  near: Namespace,
  far: Namespace,
  delay: number,
): Promise<Process> {
  const other = `${DEVICE}far`;
  const command = [Deno.execPath(), "run", "--quiet", "-A", DELAY, DEVICE, other];
  const options = { namespace: near };
  const process = new Process("delay", [...command, `${delay}`], options);
  await process.line(/^open$/);
  await run(["ip", "-n", near.name, "link", "set", other, "netns", far.name]);
  await run(["ip", "-n", far.name, "link", "set", other, "name", DEVICE]);
  return process;
}
