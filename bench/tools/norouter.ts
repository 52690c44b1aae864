/**
 * NoRouter for Deno: a manager with two hosts, asked from its own host and from another.
 *
 * @module
 */
import { manifestOf } from "../../tests/harness/scene/mesh.ts";
import type { Namespace } from "../../tests/harness/scene/namespace.ts";
import { descendants, processesIn } from "../../tests/harness/scene/proc.ts";
import { Process } from "../../tests/harness/scene/process.ts";
import { measured } from "../program.ts";
import { type Part, type Tool, wallClock } from "../tool.ts";
import { ECHO_PORT, IPERF_PORT } from "../world.ts";

export const FROM_MANAGER = "norouter manager→host";
export const FROM_HOST = "norouter host→host";
const FAR = "127.0.42.101";
const PORTS = [[5201, IPERF_PORT], [5207, ECHO_PORT]] as const;

export const norouter: Tool = {
  name: "norouter",
  ways: ({ near, third }) =>
    ([[FROM_MANAGER, near], [FROM_HOST, third]] as const).map(([name, client]) => ({
      name,
      client,
      address: FAR,
      iperfPort: PORTS[0][0],
      echoPort: PORTS[1][0],
    })),

  async prepare({ near, far, third, folder }) {
    const cmd = (namespace: Namespace) => namespace.command(...measured());
    const hosts = {
      near: { name: "near", vip: "127.0.42.100", namespace: near, plan: {} },
      far: {
        name: "far",
        vip: FAR,
        namespace: far,
        plan: { cmd, ports: PORTS.map(([from, to]) => `${from}:127.0.0.1:${to}`) },
      },
      third: { name: "third", vip: "127.0.42.102", namespace: third, plan: { cmd } },
    };
    await Deno.writeTextFile(`${folder}/mesh.yaml`, manifestOf(hosts));
    const [program, ...args] = [...measured(), "--version"];
    const { stdout } = await new Deno.Command(program!, { args }).output();
    return { norouter: new TextDecoder().decode(stdout).trim() };
  },

  start({ near, far, third, folder }) {
    const startedAt = wallClock();
    const manager = new Process("manager", [...measured(), `${folder}/mesh.yaml`], {
      namespace: near,
    });
    return Promise.resolve({
      startedAt,
      parts() {
        const children = new Set(descendants(manager.pid));
        const agentsIn = (namespace: Namespace) =>
          processesIn(namespace.name).filter((pid) => children.has(pid));
        const parts: Part[] = [
          { way: FROM_MANAGER, end: "near", pid: manager.pid },
          { way: FROM_HOST, end: "middle", pid: manager.pid },
        ];
        for (const pid of agentsIn(third)) {
          parts.push({ way: FROM_HOST, end: "near", pid });
        }
        for (const pid of agentsIn(far)) {
          parts.push({ way: FROM_MANAGER, end: "far", pid }, {
            way: FROM_HOST,
            end: "far",
            pid,
          });
        }
        return parts;
      },
      [Symbol.asyncDispose]: () => manager[Symbol.asyncDispose](),
    });
  },
};
