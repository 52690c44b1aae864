/**
 * Two relays of the same runtime over pipes, without a stack, and three: the floor for a mesh,
 * see `bare_relay.ts`.
 *
 * @module
 */
import { descendants } from "../../tests/harness/scene/proc.ts";
import { Process } from "../../tests/harness/scene/process.ts";
import { type Tool, wallClock } from "../tool.ts";
import { ECHO_PORT, IPERF_PORT } from "../world.ts";

export const RELAYS = "two bare relays";
export const RELAYS_BETWEEN = "three bare relays";
const PROGRAM = new URL("../bare_relay.ts", import.meta.url).pathname;

function relaysOf(
  way: string,
  role: "near" | "between",
  ports: readonly (readonly [number, number])[],
): Tool {
  return {
    name: way,
    ways: ({ near }) => [{
      name: way,
      client: near,
      address: "127.0.0.1",
      iperfPort: ports[0]![0],
      echoPort: ports[1]![0],
    }],
    start({ near }) {
      const startedAt = wallClock();
      const pairs = ports.map(([from, to]) => `${from}:${to}`);
      const command = [Deno.execPath(), "run", "--quiet", "-A", PROGRAM, role, ...pairs];
      const relay = new Process(way, command, { namespace: near });
      const end = role === "near" ? "near" : "middle";
      return Promise.resolve({
        startedAt,
        parts: () => [
          { way, end, pid: relay.pid },
          ...descendants(relay.pid).map((pid) => ({ way, end: "far", pid }) as const),
        ],
        [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose](),
      });
    },
  };
}

/** The hops from the manager to a host. */
export const relays = relaysOf(RELAYS, "near", [
  [20_001, IPERF_PORT],
  [20_007, ECHO_PORT],
]);

/** The hops from a host to a host. */
export const relaysBetween = relaysOf(RELAYS_BETWEEN, "between", [
  [20_011, IPERF_PORT],
  [20_017, ECHO_PORT],
]);
