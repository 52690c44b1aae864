import assert from "node:assert/strict";
import { tarEntries, tarHead } from "./tar_entries.ts";

/** An entry as Go's archive/tar writes it: what does not fit stands in front, as records. */
function entry(
  name: string,
  about: {
    kind?: string;
    mode?: number;
    uid?: string;
    data?: string;
    more?: Record<string, string>;
  } = {},
): Uint8Array[] {
  const { kind = "0", mode = 0o644, uid = "0000000", data = "", more = {} } = about;
  const records = Object.entries(more).map(([key, value]) => {
    const rest = ` ${key}=${value}\n`;
    const bytes = new TextEncoder().encode(rest).length;
    const length = bytes + String(bytes + String(bytes).length).length;
    return `${length}${rest}`;
  }).join("");
  const head = new Uint8Array(512);
  const put = (at: number, text: string) => head.set(new TextEncoder().encode(text), at);
  put(0, name);
  put(100, mode.toString(8).padStart(7, "0"));
  put(108, uid);
  put(124, data.length.toString(8).padStart(11, "0"));
  put(156, kind);
  put(257, "ustar\x0000");
  const body = new Uint8Array(Math.ceil(data.length / 512) * 512);
  body.set(new TextEncoder().encode(data));
  return [
    ...records === "" ? [] : entry("more", { kind: "x", data: records }),
    head,
    body,
  ];
}

const END = [new Uint8Array(1024)];

/** A stream in pieces of `step` bytes. */
function streamOf(parts: readonly Uint8Array[], step = 700): ReadableStream<Uint8Array> {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += step) pieces.push(bytes.slice(at, at + step));
  return ReadableStream.from(pieces);
}

const all = (parts: readonly Uint8Array[]) =>
  Array.fromAsync(tarEntries(streamOf(parts)));

Deno.test("entries are read with their kinds, modes and owners, and files passed over", async () => {
  const parts = [
    ...entry("lib/", { kind: "5", mode: 0o40755, uid: "0001750" }),
    ...entry("lib/a", { data: "x".repeat(1300), mode: 0o4777 }),
    ...entry("lib/b", { kind: "2" }),
    ...END,
  ];
  assert.deepEqual(await all(parts), [
    { path: "lib/", kind: "folder", mode: 0o755, uid: 1000 },
    { path: "lib/a", kind: "file", mode: 0o4777, uid: 0 },
    { path: "lib/b", kind: "link", mode: 0o644, uid: 0 },
  ]);
  const head = await tarHead(streamOf(parts, 100));
  assert.deepEqual(head, { kind: "folder", mode: 0o755, uid: 1000 });
  assert.equal(await tarHead(streamOf([])), undefined);
});

Deno.test("an owner that does not fit into its field is not taken for root", async () => {
  const big = { mtime: "1.5", uid: "3000000" };
  const [extended, next] = await all([
    ...entry("a", { more: big }),
    ...entry("b"),
    ...END,
  ]);
  assert.deepEqual([extended!.uid, next!.uid], [3_000_000, 0]);
  // Nor by a name that looks like a record.
  const more = { uid: "3000000", path: "lib/x\n9 uid=0\n" };
  const [named] = await all([...entry("a", { more }), ...END]);
  assert.deepEqual([named!.uid, named!.path], [3_000_000, more.path]);
  const [gnu] = await all([
    ...entry("a", { uid: "\x00" }).map((part, at) => {
      if (at === 0) part.set([0x80, 0, 0, 0, 0, 0x2d, 0xc6, 0xc0], 108);
      return part;
    }),
    ...END,
  ]);
  assert.equal(gnu!.uid, 3_000_000);
});

Deno.test("an archive that is cut is no archive, wherever it is cut", async () => {
  const parts = [...entry("a", { data: "x".repeat(600) }), ...entry("b"), ...END];
  const whole = await new Blob(parts as BlobPart[]).bytes();
  for (const length of [100, 512, 700, 1535, 1536, 1600, 2048]) {
    await assert.rejects(all([whole.slice(0, length)]), /cut/, `${length}`);
  }
  await assert.rejects(all([new TextEncoder().encode("no archive ".repeat(99))]));
});
