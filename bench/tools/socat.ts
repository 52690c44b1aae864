/**
 * A chain of two socat over pipes: the first listens and starts the second, which dials.
 *
 * @module
 */
import { descendants } from "../../tests/harness/scene/proc.ts";
import { Process } from "../../tests/harness/scene/process.ts";
import { type Tool, wallClock } from "../tool.ts";
import { ECHO_PORT, IPERF_PORT } from "../world.ts";

const WAY = "socat | socat";
const PORTS = [[21_001, IPERF_PORT], [21_007, ECHO_PORT]] as const;
/** socat's own default of 8 KiB would slow the chain down. */
const BLOCK = ["-b", "65536"];

export const socat: Tool = {
  name: "socat",
  ways: ({ near }) => [{
    name: WAY,
    client: near,
    address: "127.0.0.1",
    iperfPort: PORTS[0][0],
    echoPort: PORTS[1][0],
  }],
  start({ near }) {
    const stack = new AsyncDisposableStack();
    const startedAt = wallClock();
    const listeners = PORTS.map(([from, to]) => {
      const inner = `socat ${BLOCK.join(" ")} STDIO TCP\\:127.0.0.1\\:${to}\\,nodelay`;
      return stack.use(
        new Process(`socat ${to}`, [
          "socat",
          ...BLOCK,
          `TCP-LISTEN:${from},bind=127.0.0.1,reuseaddr,fork,nodelay,backlog=128`,
          `EXEC:${inner},pipes`,
        ], { namespace: near }),
      );
    });
    return Promise.resolve({
      startedAt,
      parts: () =>
        listeners.flatMap(({ pid }) =>
          [pid, ...descendants(pid)].map((each) => ({ way: WAY, end: "near", pid: each }))
        ),
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    });
  },
};
