import assert from "node:assert/strict";
import { readListening } from "./listening.ts";

const HEAD =
  "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt\n";
const REST = "00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0";

/** Each line of the kernel's with the ports that are meant. */
const TABLE: readonly (readonly [string, readonly number[]])[] = [
  [`   0: 00000000:1F90 00000000:0000 0A ${REST}`, [8080]],
  [`   0: 0100007F:0050 00000000:0000 0A ${REST}`, [80]],
  [`   0: ${"0".repeat(32)}:01BB ${"0".repeat(32)}:0000 0A ${REST}`, [443]],
  [`   0: ${"0".repeat(24)}01000000:0016 ${"0".repeat(32)}:0000 0A ${REST}`, [22]],
  [`   0: 0B00007F:8F3D 00000000:0000 0A ${REST}`, []], // the engine's name server
  [`   0: 652A007F:1F90 00000000:0000 0A ${REST}`, []], // a mesh's 127.0.42.101
  [`   0: 0100007F:1F90 0100007F:D431 01 ${REST}`, []], // a connection
  ["cat: can't open '/proc/net/tcp6': No such file or directory", []],
  ["", []],
];

for (const [line, ports] of TABLE) {
  Deno.test(`listening: ${JSON.stringify(line.slice(0, 60))} has ${ports.join() || "none"}`, () => {
    assert.deepEqual(readListening(HEAD + line).map(({ port }) => port), ports);
  });
}

Deno.test("listening: a port of both families is one", () => {
  const both = [0, 1].map((at) => TABLE[at]![0].replace("0050", "1F90")).join("\n");
  assert.deepEqual(readListening(both), [{ port: 8080, protocol: "tcp", name: "" }]);
});
