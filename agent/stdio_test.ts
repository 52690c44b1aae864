import assert from "node:assert/strict";
import { createHash } from "node:crypto";

const ECHO = new URL("./_stdio_echo.ts", import.meta.url).pathname;
/** What one child is sent. */
const BYTES = 24 * 2 ** 20;
/** A child that allocated for each read had some hundred megabytes more than others. */
const SPREAD_LIMIT = 40 * 2 ** 20;

/** Sends numbered bytes in pieces of many sizes and returns what the child's memory was. */
async function echo(bytes: number, ahead: number, restMs = 0): Promise<number> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", ECHO, ...[bytes, ahead, restMs].map(String)],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const sent = createHash("sha256");
  const send = async () => {
    const writer = child.stdin.getWriter();
    for (let at = 0, size = 1; at < BYTES; at += size, size = size * 7 % 499_979) {
      const piece = new Uint8Array(Math.min(size, BYTES - at));
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
  assert.equal(count, BYTES);
  assert.equal(got.digest("hex"), sent.digest("hex"), `${bytes} ${ahead} ${restMs}`);
  return JSON.parse(words).rss;
}

Deno.test("what is read from standard input is whole, in order, and needs no memory", async () => {
  const small = await echo(999, 0);
  const others = await Promise.all([
    echo(262_144, 1),
    echo(262_144, 0),
    echo(100_000, 3),
    echo(65_537, 1, 5),
    echo(70_001, 0, 5),
  ]);
  for (const rss of others) {
    assert.ok(rss < small + SPREAD_LIMIT, `${rss} bytes, with small reads ${small}`);
  }
});

Deno.test("an end of standard input at once is an end", async () => {
  const child = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", ECHO, "1000", "1"],
    stdin: "null",
  }).output();
  assert.ok(child.success);
  assert.equal(child.stdout.length, 0);
});
