import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import type { TcpConnection } from "../../stack/tcp.ts";
import { splice } from "./splice.ts";

Deno.test("a socket that always has bytes leaves others their turn after each read", async () => {
  let reads = 0;
  let isOver = false;
  const socket = {
    // deno-lint-ignore require-await
    async read({ length }: Uint8Array): Promise<number | null> {
      if (isOver) return null;
      reads++;
      return length;
    },
    closeWrite: () => Promise.resolve(),
    close() {},
  };
  const connection = {
    failure: undefined,
    hasEnded: false,
    room: 1 << 20,
    allocate: (size: number) => ({ id: 1, bytes: new Uint8Array(size) }),
    send: () => "taken",
    peek: () => new Uint8Array(),
    whenReadable(wake: () => void) {
      this.wake = wake;
    },
    wake: undefined as (() => void) | undefined,
    shutdown() {
      this.hasEnded = true;
      this.wake?.();
    },
    free() {},
    release() {},
  };
  const spliced = splice(
    socket as unknown as Deno.TcpConn,
    connection as unknown as TcpConnection,
  );
  const turns = 20;
  for (let turn = 0; turn < turns; turn++) await setImmediate();
  // The first reads are small, and grow.
  assert.ok(reads >= 3 && reads < turns + 10, `${reads} reads in ${turns} turns`);
  isOver = true;
  await spliced;
});
