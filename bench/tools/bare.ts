/**
 * No tool at all: the figures of the loopback interface and the clients themselves.
 *
 * @module
 */
import { type Tool, wallClock } from "../tool.ts";
import { ECHO_PORT, IPERF_PORT } from "../world.ts";

export const bare: Tool = {
  name: "bare",
  ways: ({ near }) => [{
    name: "bare loopback",
    client: near,
    address: "127.0.0.1",
    iperfPort: IPERF_PORT,
    echoPort: ECHO_PORT,
  }],
  start: () =>
    Promise.resolve({
      startedAt: wallClock(),
      parts: () => [],
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }),
};
