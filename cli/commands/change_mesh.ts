/**
 * The commands that change a mesh that runs: `norouter reload`, `down` and `host`.
 *
 * The exit status is 0 if it was done, 1 if not, and 2 if several meshes run and none is
 * named.
 *
 * @module
 */
import type { MeshChange } from "../../manager/reload/change.ts";
import { changeLines } from "../../manager/reload/change.ts";
import { quote } from "../../manifest/source/value.ts";
import { printResult } from "../console/console.ts";
import { fail } from "../failure.ts";
import { hasEnded, type LiveOptions, withMesh } from "../running.ts";

/** Milliseconds that a mesh may take to end. */
const END_LIMIT_MS = 10_000;

/** Has the manifest read again, and prints what changed. */
export function reload(options: LiveOptions): Promise<number> {
  return withMesh(options, async (client, { manifest }) => {
    const change = await client.ask("POST", "/v1/reload") as MeshChange;
    return await printChange(change, `Nothing is different in ${manifest}`);
  });
}

/** Ends the mesh, and waits for its end. */
export function down(options: LiveOptions): Promise<number> {
  return withMesh(options, async (client, { name, pid }) => {
    await client.ask("POST", "/v1/down");
    if (!await hasEnded(pid, END_LIMIT_MS)) {
      const message = `The mesh ${quote(name)} was told to end ${
        END_LIMIT_MS / 1000
      } s ago, and its process ${pid} is still there`;
      return fail(new Error(message), options);
    }
    await printResult(`${name} has ended\n`);
    return 0;
  });
}

/** Adds a host, and prints what changed. */
export function addHost(
  name: string,
  yaml: string,
  options: LiveOptions,
): Promise<number> {
  return withMesh(options, async (client) => {
    const body = { name, host: yaml };
    return await printChange(await client.ask("POST", "/v1/hosts", body) as MeshChange);
  });
}

/** Ends a host, and prints what changed. */
export function removeHost(name: string, options: LiveOptions): Promise<number> {
  return withMesh(options, async (client, { manifest }) => {
    const status = await client.ask("GET", "/v1/status") as {
      hosts: { name: string; added: boolean }[];
    };
    const path = `/v1/hosts/${encodeURIComponent(name)}`;
    const code = await printChange(await client.ask("DELETE", path) as MeshChange);
    const isOfFile = status.hosts.some((host) => host.name === name && !host.added);
    if (isOfFile) {
      await printResult(`It is still in ${manifest}: the next reload starts it again\n`);
    }
    return code;
  });
}

/** Ends a host and starts it anew. */
export function restartHost(name: string, options: LiveOptions): Promise<number> {
  return withMesh(options, async (client) => {
    await client.ask("POST", `/v1/hosts/${encodeURIComponent(name)}/restart`);
    await printResult(`~ ${name}: started anew\n`);
    return 0;
  });
}

/** Prints what changed, or that nothing did; the exit status. */
export async function printChange(change: MeshChange, nothing = ""): Promise<number> {
  const lines = changeLines(change);
  await printResult(
    [...lines, ...(lines.length === 0 ? [nothing] : [])].join("\n") + "\n",
  );
  return 0;
}
