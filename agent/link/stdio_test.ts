import assert from "node:assert/strict";
import { createHash } from "node:crypto";

const ECHO = new URL("./_stdio_echo.ts", import.meta.url).pathname;
const MIB = 2 ** 20;
/** A child that allocates for each read has 400 MiB after {@linkcode MANY} bytes, ours 60. */
const MOST_MEMORY = 200 * MIB;
const MANY = 1024 * MIB;

/** What a child is to do, see `_stdio_echo.ts`. */
interface Echo {
  readonly total?: number;
  readonly bytes: number;
  readonly ahead: number;
  readonly restMs?: number;
}

/** Sends numbered bytes in pieces of many sizes and returns what the child's memory was. */
async function echo(
  { total = 24 * MIB, bytes, ahead, restMs = 0 }: Echo,
): Promise<number> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", ECHO, ...[bytes, ahead, restMs].map(String)],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const sent = createHash("sha256");
  const send = async () => {
    const writer = child.stdin.getWriter();
    for (let at = 0, size = 1; at < total; at += size, size = size * 7 % 499_979) {
      const piece = new Uint8Array(Math.min(size, total - at));
      for (let i = 0; i < piece.length; i += 61) piece[i] = (at + i) % 251;
      sent.update(piece);
      await writer.write(piece);
    }
    await writer.close();
  };
  const sending = send();
  const got = createHash("sha256");
  let count = 0;
  for await (const chunk of child.stdout) {
    got.update(chunk);
    count += chunk.length;
  }
  await sending;
  const words = await new Response(child.stderr).text();
  const { success } = await child.status;
  assert.ok(success, words);
  assert.equal(count, total);
  assert.equal(got.digest("hex"), sent.digest("hex"), `${bytes} ${ahead} ${restMs}`);
  return JSON.parse(words).rss;
}

Deno.test("what is read from standard input is whole and in order", async () => {
  await Promise.all([
    echo({ bytes: 999, ahead: 0 }),
    echo({ bytes: 262_144, ahead: 1 }),
    echo({ bytes: 262_144, ahead: 0 }),
    echo({ bytes: 100_000, ahead: 3 }),
    echo({ bytes: 65_537, ahead: 1, restMs: 5 }),
    echo({ bytes: 70_001, ahead: 0, restMs: 5 }),
  ]);
});

Deno.test("reads of standard input allocate nothing", async () => {
  const rss = await echo({ total: MANY, bytes: 262_144, ahead: 1 });
  assert.ok(rss < MOST_MEMORY, `${rss / MIB} MiB`);
});

Deno.test("an end of standard input at once is an end", async () => {
  const child = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", ECHO, "1000", "1"],
    stdin: "null",
  }).output();
  assert.ok(child.success);
  assert.equal(child.stdout.length, 0);
});
