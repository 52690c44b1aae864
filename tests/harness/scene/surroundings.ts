/**
 * A mesh whose surroundings fail while it runs: its log, its terminal, its descriptors.
 *
 * @module
 */
import assert from "node:assert/strict";
import { curl } from "../web/curl.ts";
import { type HostPlan, manifestOf, NOROUTER } from "./mesh.ts";
import type { Namespace } from "./namespace.ts";
import { descendants, isAlive, processesIn } from "./proc.ts";
import { kill } from "./process.ts";
import type { Scene } from "./scene.ts";
import { until } from "./wait.ts";

/** A mesh of two hosts that is ready to be started. */
export interface Ground {
  readonly here: Namespace;
  readonly there: Namespace;
  readonly folder: string;
  /**
   * The words that start the manager: a program that writes its id to {@linkcode
   * Ground.pid}.
   */
  readonly command: readonly string[];
  /** The manager's process id, once known. */
  pid(): Promise<number>;
}

/** Prepares a mesh of `local` and `web`, which publishes an HTTP server.
 * `more` are lines of further hosts, `plan` more fields of `web`. */
export async function ground(
  scene: Scene,
  { more = "", plan = {} }: { readonly more?: string; readonly plan?: HostPlan } = {},
): Promise<Ground> {
  const [here, there] = [await scene.namespace(), await scene.namespace()];
  await scene.server(there, "http", 80, "web");
  const folder = await scene.folder();
  const manifest = `${folder}/mesh.yaml`;
  const hosts = {
    local: { name: "local", vip: "127.0.42.100", namespace: here, plan: {} },
    web: {
      name: "web",
      vip: "127.0.42.101",
      namespace: there,
      plan: { ports: ["8080:127.0.0.1:80"], ...plan },
    },
  };
  await Deno.writeTextFile(manifest, manifestOf(hosts) + more);
  const noted = `echo $$ > ${folder}/pid; exec "$@"`;
  return {
    here,
    there,
    folder,
    command: ["sh", "-c", noted, "sh", ...NOROUTER, manifest],
    pid: async () =>
      Number(
        await until("the manager to start", async () => {
          return (await Deno.readTextFile(`${folder}/pid`).catch(() => "")).trim();
        }),
      ),
  };
}

/** Waits until the server behind the mesh answers. */
export async function answers({ here }: Ground): Promise<void> {
  await until("an answer through the mesh", async () => {
    const answer = await curl(here, "http://127.0.42.101:8080/").catch(() => "");
    return answer === "web /";
  });
}

/**
 * Kills the agent of `web`, which the log has lines about, and sees the mesh recover; then
 * ends the manager with SIGTERM, and sees that nothing is left.
 */
export async function goesOnAndEnds(ground: Ground): Promise<void> {
  const manager = await ground.pid();
  const agents = () => processesIn(ground.there.name).filter(isOf(manager));
  for (const pid of agents()) kill(pid, "SIGKILL");
  await answers(ground);
  assert.ok(isAlive(manager), "the manager has ended");
  const children = descendants(manager).filter(isOfCommand);
  assert.ok(children.length > 0, "there are no commands");
  kill(manager, "SIGTERM");
  await until("the end of the mesh", () => ![manager, ...children].some(isAlive));
}

/** Whether a process is a command's, not the test's behind the manager's log. */
function isOfCommand(pid: number): boolean {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/environ`).includes("NOROUTER_COMMAND=");
  } catch {
    return false; // the process has ended
  }
}

function isOf(manager: number): (pid: number) => boolean {
  const family = new Set(descendants(manager));
  return (pid) => family.has(pid);
}
