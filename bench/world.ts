/**
 * The arena: three namespaces, and in two of them the same services.
 *
 *   near   the user's machine: the clients, the manager, ssh and sshd
 *   far    a host of the mesh that has the services
 *   third  a host of the mesh that only asks
 *
 * The bare loopback, ssh and socat run wholly inside `near`, over its loopback interface
 * and to its copy of the services; NoRouter runs from `near` or `third` to the copy in
 * `far`. So each way has the same number of TCP connections over a loopback interface at
 * its two ends; ssh has another between ssh and sshd, where NoRouter and socat have
 * pipes. Nothing leaves the machine.
 *
 * @module
 */
import { Namespace } from "../tests/harness/scene/namespace.ts";
import { until } from "../tests/harness/scene/wait.ts";
import { echoServer, iperfServer } from "./services.ts";

/** Where the services listen, on 127.0.0.1 of `near` and of `far`. */
export const IPERF_PORT = 5201;
export const ECHO_PORT = 7;

export interface World extends AsyncDisposable {
  readonly near: Namespace;
  readonly far: Namespace;
  readonly third: Namespace;
  /** For keys, configurations and manifests; removed at the end. */
  readonly folder: string;
}

export async function makeWorld(): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "norouter-bench-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const [near, far, third] = [
    stack.use(await Namespace.make()),
    stack.use(await Namespace.make()),
    stack.use(await Namespace.make()),
  ];
  for (const namespace of [near, far]) {
    stack.use(await iperfServer(namespace, IPERF_PORT));
    stack.use(await echoServer(namespace, ECHO_PORT));
  }
  const all = stack.move();
  return { near, far, third, folder, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** Waits until somebody listens on a TCP port of an address, by default 127.0.0.1. */
export async function listening(
  namespace: Namespace,
  port: number,
  address = "127.0.0.1",
): Promise<void> {
  const host = address.split(".").reverse().map((part) =>
    Number(part).toString(16).toUpperCase().padStart(2, "0")
  ).join("");
  const wanted = `${host}:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  await until(`a listener on port ${port}`, async () => {
    const { stdout } = await new Deno.Command("ip", {
      args: ["netns", "exec", namespace.name, "cat", "/proc/net/tcp"],
    }).output();
    return new TextDecoder().decode(stdout).split("\n").some((line) => {
      const [, local, , state] = line.trim().split(/\s+/);
      return local === wanted && state === "0A";
    });
  }, { everyMs: 50 });
}
