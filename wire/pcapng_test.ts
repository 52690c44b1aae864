/**
 * Blocks of pcapng, byte by byte as draft-ietf-opsawg-pcapng has them; and what reads them.
 */
import assert from "node:assert/strict";
import {
  Direction,
  interfaceDescription,
  interfaceStatistics,
  nameResolution,
  packetBlockBytes,
  sectionHeader,
  writePacket,
} from "./pcapng.ts";
import { WholeBlocks } from "./pcapng_blocks.ts";

/** Bytes as they stand in a file, blanks between fields. */
function bytesOf(...lines: readonly string[]): string {
  return lines.join("").replace(/ /g, "");
}

function hex(bytes: Uint8Array): string {
  return bytes.toHex();
}

const TIME = 0x0102030405060708n;

/** A packet of `length` zeros but for what `bytes` begin with. */
function packetBlock(
  bytes: readonly number[],
  { dropped = 0, comment, original = bytes.length }: {
    dropped?: number;
    comment?: string;
    original?: number;
  } = {},
): Uint8Array {
  const packet = {
    index: 2,
    time: TIME,
    direction: Direction.OUTBOUND,
    bytes: new Uint8Array([0xee, ...bytes, 0xee]),
    start: 1,
    length: bytes.length,
    original,
    dropped,
    ...(comment !== undefined && { comment: new TextEncoder().encode(comment) }),
  };
  const length = packetBlockBytes(packet);
  const view = new DataView(new ArrayBuffer(length + 4));
  assert.equal(writePacket(view, 4, packet), length + 4);
  assert.equal(view.getUint32(0), 0, "nothing is written in front");
  return new Uint8Array(view.buffer, 4);
}

Deno.test("a section says its byte order, version, comment, system and program", () => {
  const block = sectionHeader({ application: "norouter", system: "linux", comment: "m" });
  assert.equal(
    hex(block),
    bytesOf(
      "0a0d0d0a 40000000", // type, length
      "4d3c2b1a 0100 0000 ffffffffffffffff", // order, version 1.0, length not known
      "0100 0100 6d000000", // opt_comment
      "0300 0500 6c696e7578 000000", // shb_os
      "0400 0800 6e6f726f75746572", // shb_userappl
      "0000 0000 40000000",
    ),
  );
});

Deno.test("an interface has a link type, a snap length, its names, address and unit", () => {
  const block = interfaceDescription({
    name: "web",
    description: "host",
    address: 0x7f002a65,
    snaplen: 96,
  });
  assert.equal(
    hex(block),
    bytesOf(
      "01000000 3c000000",
      "e400 0000 60000000", // LINKTYPE_IPV4 = 228
      "0200 0300 77656200", // if_name
      "0300 0400 686f7374", // if_description
      "0400 0800 7f002a65 ffffffff", // if_IPv4addr, as on the wire
      "0900 0100 09000000", // if_tsresol: 10^-9
      "0000 0000 3c000000",
    ),
  );
});

Deno.test("names stand behind their address, each with a zero", () => {
  const block = nameResolution([
    { address: 0x7f002a65, names: ["web"] },
    { address: 0x0a000001, names: ["a", "bc"] },
  ]);
  assert.equal(
    hex(block),
    bytesOf(
      "04000000 2c000000",
      "0100 0800 7f002a65 77656200",
      "0100 0900 0a000001 6100 626300 000000",
      "0000 0000 2c000000",
    ),
  );
});

Deno.test("statistics have the high half of a time first, and of a count last", () => {
  const block = interfaceStatistics({
    index: 1,
    start: TIME,
    end: TIME + 1n,
    received: 2 ** 32 + 7,
    accepted: 6,
    delivered: 5,
    dropped: 1,
  });
  assert.equal(
    hex(block),
    bytesOf(
      "05000000 64000000",
      "01000000 04030201 09070605", // interface, time
      "0200 0800 04030201 08070605", // isb_starttime
      "0300 0800 04030201 09070605", // isb_endtime
      "0400 0800 0700000001000000", // isb_ifrecv
      "0500 0800 0100000000000000", // isb_ifdrop
      "0600 0800 0600000000000000", // isb_filteraccept
      "0800 0800 0500000000000000", // isb_usrdeliv
      "0000 0000 64000000",
    ),
  );
});

Deno.test("a packet stands between its lengths and its flags, filled up to four bytes", () => {
  assert.equal(
    hex(packetBlock([1, 2, 3, 4, 5], { original: 1500 })),
    bytesOf(
      "06000000 34000000",
      "02000000 04030201 08070605 05000000 dc050000", // interface, time, kept, original
      "0102030405 000000",
      "0200 0400 02000000", // epb_flags: outbound
      "0000 0000 34000000",
    ),
  );
});

Deno.test("a packet says what was dropped before it, and what became of it", () => {
  assert.equal(
    hex(packetBlock([1, 2, 3, 4], { dropped: 3, comment: "lost" })),
    bytesOf(
      "06000000 44000000",
      "02000000 04030201 08070605 04000000 04000000",
      "01020304",
      "0100 0400 6c6f7374", // opt_comment
      "0200 0400 02000000", // epb_flags
      "0400 0800 0300000000000000", // epb_dropcount
      "0000 0000 44000000",
    ),
  );
});

Deno.test("of pieces cut anywhere whole blocks come out, and the last counts", () => {
  const count = (index: number, delivered: number, dropped: number) =>
    interfaceStatistics({
      ...{ index, delivered, dropped, start: TIME, end: TIME },
      ...{ received: 100, accepted: 50 },
    });
  const blocks = [
    sectionHeader({ application: "a", system: "b", comment: "c" }),
    count(0, 1, 0),
    packetBlock([1, 2, 3], { comment: "x" }),
    packetBlock([1, 2, 3], { dropped: 4 }),
    count(0, 4, 2),
    count(1, 3, 5),
    packetBlock([], { dropped: 1 }),
  ];
  const file = new Uint8Array(blocks.flatMap((block) => [...block]));
  const ends = new Set([0]);
  let sum = 0;
  for (const block of blocks) ends.add(sum += block.length);
  for (const size of [1, 7, 12, 64, 1000]) {
    const reader = new WholeBlocks();
    const out: number[] = [];
    for (let at = 0; at < file.length; at += size) {
      out.push(...reader.take(file.subarray(at, at + size)));
      assert.ok(ends.has(out.length), `${out.length} is no end of a block`);
    }
    assert.deepEqual(new Uint8Array(out), file);
    assert.equal(reader.begun, 0);
    assert.deepEqual([reader.packets, reader.dropped], [3, 2 + 5 + (4 + 1)]);
  }
});

Deno.test("what is no block is found out", () => {
  const bytes = new Uint8Array(16).fill(0x41);
  assert.throws(() => new WholeBlocks().take(bytes), /a block of 1094795585 bytes/);
});
