/**
 * The services that all measures reach: iperf3's server, and an echo.
 *
 * @module
 */
import type { Namespace } from "../tests/harness/scene/namespace.ts";
import { Process } from "../tests/harness/scene/process.ts";

/** A server of iperf3, listening. */
export async function iperfServer(
  namespace: Namespace,
  port: number,
  address = "127.0.0.1",
): Promise<Process> {
  const command = ["iperf3", "-s", "-B", address, "-p", `${port}`, "--forceflush"];
  const server = new Process("iperf3 server", command, { namespace });
  await server.line(/listening/);
  return server;
}

const ECHO = new URL("./echo.ts", import.meta.url).pathname;

/** An echo service (see echo.ts), listening. */
export async function echoServer(namespace: Namespace, port: number): Promise<Process> {
  const command = [Deno.execPath(), "run", "--quiet", "-A", ECHO, `${port}`];
  const server = new Process("echo server", command, { namespace });
  await server.line(/listening/);
  return server;
}
