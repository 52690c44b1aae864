/**
 * Two relays of the same runtime over pipes, without a stack: the floor for a mesh, see
 * `bare_relay.ts`.
 *
 * @module
 */
import { descendants } from "../../tests/harness/scene/proc.ts";
import { Process } from "../../tests/harness/scene/process.ts";
import { type Tool, wallClock } from "../tool.ts";
import { ECHO_PORT, IPERF_PORT } from "../world.ts";

export const RELAYS = "two bare relays";
const PORTS = [[20_001, IPERF_PORT], [20_007, ECHO_PORT]] as const;
const PROGRAM = new URL("../bare_relay.ts", import.meta.url).pathname;

export const relays: Tool = {
  name: "relays",
  ways: ({ near }) => [{
    name: RELAYS,
    client: near,
    address: "127.0.0.1",
    iperfPort: PORTS[0][0],
    echoPort: PORTS[1][0],
  }],
  start({ near }) {
    const startedAt = wallClock();
    const ports = PORTS.map(([from, to]) => `${from}:${to}`);
    const command = [Deno.execPath(), "run", "--quiet", "-A", PROGRAM, "near", ...ports];
    const relay = new Process("relays", command, { namespace: near });
    return Promise.resolve({
      startedAt,
      parts: () => [
        { way: RELAYS, end: "near", pid: relay.pid },
        ...descendants(relay.pid).map((pid) =>
          ({ way: RELAYS, end: "far", pid }) as const
        ),
      ],
      [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose](),
    });
  },
};
