/**
 * Starts the server of web_origin.ts for a test.
 *
 * @module
 */
import type { Namespace } from "../scene/namespace.ts";
import type { Process } from "../scene/process.ts";
import type { Scene } from "../scene/scene.ts";
import type { WebOriginOptions } from "./web_origin.ts";

const SERVER = new URL("./web_origin.ts", import.meta.url).pathname;

/** Starts the origin in a namespace, and waits until it listens. */
export async function startOrigin(
  scene: Scene,
  namespace: Namespace,
  options: WebOriginOptions,
): Promise<Process> {
  const command = [Deno.execPath(), "run", "--quiet", "-A", SERVER];
  const server = scene.start("origin", [...command, JSON.stringify(options)], {
    namespace,
  });
  await server.line(/"listening"/);
  return server;
}
