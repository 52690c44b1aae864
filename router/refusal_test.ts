import assert from "node:assert/strict";
import fc from "fast-check";
import { FrameType, HEADER_BYTES } from "../wire/frame.ts";
import {
  formatIpv4,
  Protocol,
  readUint16,
  readUint32,
  TcpFlag,
} from "../wire/ip/ipv4.ts";
import {
  hasValidChecksums,
  packet,
  packetFrame,
  type PacketSpec,
} from "./_test_packets.ts";
import { refusalOf, unreachableOf } from "./refusal.ts";
import { isOpening, isSegment } from "../wire/ip/tcp.ts";
import { Unreachable } from "../wire/ip/icmp.ts";

const { SYN, ACK, FIN, RST } = TcpFlag;

Deno.test("a reset is what a host without the connection sends, by RFC 9293", () => {
  const cases: [string, PacketSpec, { seq: number; ack: number; flags: number }][] = [
    ["a SYN", { flags: SYN, seq: 7 }, { seq: 0, ack: 8, flags: RST | ACK }],
    ["a SYN with data", { flags: SYN, seq: 7, data: 5 }, {
      seq: 0,
      ack: 13,
      flags: RST | ACK,
    }],
    ["a SYN with options", { flags: SYN, seq: 7, options: 20 }, {
      seq: 0,
      ack: 8,
      flags: RST | ACK,
    }],
    ["the last number", { flags: SYN, seq: 0xffffffff }, {
      seq: 0,
      ack: 0,
      flags: RST | ACK,
    }],
    ["data without ACK", { flags: FIN, seq: 7, data: 3 }, {
      seq: 0,
      ack: 11,
      flags: RST | ACK,
    }],
    ["an ACK", { flags: ACK, ack: 99, data: 4 }, { seq: 99, ack: 0, flags: RST }],
    ["a SYN-ACK", { flags: SYN | ACK, ack: 0xfffffffe }, {
      seq: 0xfffffffe,
      ack: 0,
      flags: RST,
    }],
    ["a FIN", { flags: FIN | ACK, ack: 5 }, { seq: 5, ack: 0, flags: RST }],
  ];
  for (const [name, spec, wanted] of cases) {
    const frame = refusalOf(packet({ fromPort: 40001, toPort: 8080, ...spec }))!;
    const reset = frame.payload;
    assert.equal(frame.type, FrameType.L3);
    assert.equal(reset.length, 40);
    assert.ok(hasValidChecksums(reset), name);
    assert.equal(formatIpv4(readUint32(reset, 12)), "127.0.42.101");
    assert.equal(formatIpv4(readUint32(reset, 16)), "127.0.42.100");
    assert.deepEqual([readUint16(reset, 20), readUint16(reset, 22)], [8080, 40001]);
    assert.deepEqual(
      { seq: readUint32(reset, 24), ack: readUint32(reset, 28), flags: reset[33]! },
      wanted,
      name,
    );
  }
});

Deno.test("a reset is written byte for byte as drawn by hand", () => {
  const reset = refusalOf(packet({ flags: SYN, seq: 0x01020304 }))!;
  // deno-fmt-ignore
  assert.deepEqual(Array.from(reset.bytes), [
    0x42, 0, 0, 44, 0, 1, 0, 0,
    0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0xe8, 0x06, 127, 0, 42, 101, 127, 0, 42, 100,
    0, 80, 0x9c, 0x40, 0, 0, 0, 0, 1, 2, 3, 5, 0x50, 0x14, 0, 0, 0xbc, 0x6f, 0, 0,
  ]);
});

Deno.test("a reset is never answered", () => {
  assert.equal(refusalOf(packet({ flags: RST })), undefined);
  assert.equal(refusalOf(packet({ flags: RST | ACK })), undefined);
});

Deno.test("what is not TCP gets host unreachable, which quotes its first bytes", () => {
  const udp = packet({ protocol: Protocol.UDP, options: 8, data: 100 });
  const answer = refusalOf(udp)!.payload;
  assert.ok(hasValidChecksums(answer));
  assert.equal(answer[9], Protocol.ICMP);
  assert.deepEqual([answer[20], answer[21]], [3, Unreachable.HOST]);
  assert.deepEqual(answer.slice(28), udp.slice(0, 28 + 8));
  assert.equal(formatIpv4(readUint32(answer, 16)), "127.0.42.100");
});

Deno.test("a packet shorter than what is quoted is quoted whole", () => {
  const bytes = packet({ protocol: Protocol.UDP }).slice(0, 23);
  bytes[3] = 23;
  const answer = unreachableOf(bytes, Unreachable.NETWORK)!.payload;
  assert.ok(hasValidChecksums(answer));
  assert.deepEqual([answer[20], answer[21]], [3, Unreachable.NETWORK]);
  assert.deepEqual(answer.slice(28), bytes);
});

Deno.test("ICMP errors, later fragments and addresses of no one host get no answer", () => {
  const icmp = (type: number) => {
    const bytes = packet({ protocol: Protocol.ICMP });
    bytes[20] = type;
    return bytes;
  };
  for (const type of [3, 4, 5, 11, 12]) {
    assert.equal(unreachableOf(icmp(type), Unreachable.HOST), undefined);
  }
  assert.ok(unreachableOf(icmp(8), Unreachable.HOST)); // an echo request
  for (
    const spec of [
      { fragment: 0x2001 },
      { from: "0.0.0.0" },
      { from: "224.0.0.1" },
      { to: "255.255.255.255" },
      { to: "239.1.1.1" },
    ]
  ) {
    const bytes = packet({ protocol: Protocol.UDP, ...spec });
    assert.equal(unreachableOf(bytes, Unreachable.HOST), undefined, JSON.stringify(spec));
  }
});

Deno.test("an opening is a SYN alone, in a segment that is whole", () => {
  const cases: [PacketSpec, boolean][] = [
    [{ flags: SYN }, true],
    [{ flags: SYN | 0x40 | 0x80 }, true], // with ECN
    [{ flags: SYN | ACK }, false],
    [{ flags: SYN | RST }, false],
    [{ flags: ACK }, false],
    [{ flags: SYN, fragment: 0x2000 }, false],
    [{ flags: SYN, protocol: Protocol.UDP }, false],
  ];
  for (const [spec, wanted] of cases) {
    assert.equal(isOpening(packet(spec)), wanted, JSON.stringify(spec));
  }
  const cut = packet({ flags: SYN }).slice(0, 39);
  cut[3] = 39;
  assert.equal(isSegment(cut), false);
});

Deno.test("every packet that police lets pass can be refused, wherever it lies", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 20, maxLength: 90 }),
      fc.nat(),
      (bytes, words) => {
        const header = 5 + words % (Math.floor(bytes.length / 4) - 4);
        bytes[0] = 0x40 | Math.min(header, 15);
        bytes[2] = 0;
        bytes[3] = bytes.length;
        const inFrame = new Uint8Array(HEADER_BYTES + bytes.length);
        inFrame.set(bytes, HEADER_BYTES);
        const answer = refusalOf(inFrame, HEADER_BYTES);
        assert.deepEqual(answer, refusalOf(bytes));
        if (answer !== undefined) assert.ok(hasValidChecksums(answer.payload));
      },
    ),
    { seed: 5, numRuns: 2000 },
  );
});

Deno.test("the answer to an answer ends the exchange", () => {
  const reset = refusalOf(packetFrame({ flags: SYN }).bytes, HEADER_BYTES)!;
  assert.equal(refusalOf(reset.bytes, HEADER_BYTES), undefined);
});
