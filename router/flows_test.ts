import assert from "node:assert/strict";
import fc from "fast-check";
import { HEADER_BYTES } from "../wire/frame.ts";
import { parseIpv4, TcpFlag } from "../wire/ip/ipv4.ts";
import { packet, type PacketSpec } from "./_test_packets.ts";
import { mix } from "../link/fair/flow.ts";
import { type Flow, isRepeated } from "./flow.ts";
import { type FlowLoss, FlowTable } from "./flows.ts";
import { refusalOf, unreachableOf } from "./refusal.ts";
import { Unreachable } from "../wire/ip/icmp.ts";

const { SYN, ACK, FIN, RST } = TcpFlag;
const [A, FOREIGN] = ["127.0.42.100", "10.1.2.3"];

/** A segment from the initiator of a flow; the port tells flows apart. */
const out = (spec: PacketSpec = {}) => packet({ from: A, to: FOREIGN, ...spec });

/** One from the foreign address. */
const back = ({ fromPort = 40000, toPort = 80, ...spec }: PacketSpec = {}) =>
  packet({ from: FOREIGN, to: A, fromPort: toPort, toPort: fromPort, ...spec });

/** A table under a clock that stands until told, and the flows it lost. */
class Bench {
  now = 0;
  readonly lost: [Flow, FlowLoss][] = [];
  readonly table: FlowTable;

  constructor(limit?: number) {
    this.table = new FlowTable({
      now: () => this.now,
      onLost: (flow, loss) => this.lost.push([flow, loss]),
      ...(limit !== undefined && { limit }),
    });
  }

  /** Opens a flow as a router does. */
  open(spec: PacketSpec = {}, initiator = "a", via = "b"): Flow {
    const syn = out({ flags: SYN, ...spec });
    this.table.outbound(syn);
    const flow = this.table.open(syn, 0, { initiator, via });
    this.table.sent(flow, syn);
    return flow;
  }

  /** Passes a segment of the initiator; false if it is of no flow. */
  send(spec: PacketSpec = {}): boolean {
    const segment = out(spec);
    const flow = this.table.outbound(segment);
    if (flow) this.table.sent(flow, segment);
    return flow !== undefined;
  }

  /** Passes a segment of the host that the flow is bound to. */
  answer(spec: PacketSpec = {}): boolean {
    const segment = back(spec);
    const flow = this.table.inbound(segment);
    if (flow) this.table.answered(flow, segment);
    return flow !== undefined;
  }
}

Deno.test("a flow is found by its five-tuple, from both sides, and by nothing else", () => {
  const { table } = new Bench();
  assert.equal(table.outbound(out({ flags: SYN })), undefined);
  const flow = table.open(out({ flags: SYN }), 0, { initiator: "a", via: "b" });
  assert.deepEqual([flow.initiator, flow.via, flow.phase], ["a", "b", "opening"]);
  assert.equal(table.outbound(out()), flow);
  assert.equal(table.outbound(out({ options: 8, data: 9 })), flow);
  assert.equal(table.inbound(back()), flow);
  const others: PacketSpec[] = [
    { fromPort: 40001 },
    { toPort: 81 },
    { from: "127.0.42.102" },
    { to: "10.1.2.4" },
  ];
  for (const spec of others) assert.equal(table.outbound(out(spec)), undefined);
  assert.equal(table.inbound(out()), undefined);
  assert.equal(table.outbound(back()), undefined);
});

Deno.test("flows of the same hash are told apart, in whatever order they end", () => {
  // The last word of the hash undoes how the one before differs.
  const hashes = [1, 2, 3].map((i) =>
    mix(mix(0, parseIpv4(A)!), parseIpv4(FOREIGN)! + i)
  );
  const specs = hashes.map((hash, i): PacketSpec => {
    const ports = hashes[0]! ^ hash ^ (40000 << 16 | 80);
    return { to: `10.1.2.${4 + i}`, fromPort: ports >>> 16, toPort: ports & 0xffff };
  });
  for (const order of [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]]) {
    const bench = new Bench();
    const flows = specs.map((spec) => bench.open(spec));
    assert.equal(new Set(flows.map(({ hash }) => hash)).size, 1);
    const left = new Set(flows);
    for (const i of order) {
      bench.table.end(flows[i]!);
      bench.table.end(flows[i]!); // again: nothing happens
      left.delete(flows[i]!);
      for (const [j, flow] of flows.entries()) {
        const wanted = left.has(flow) ? flow : undefined;
        assert.equal(bench.table.outbound(out(specs[j])), wanted);
      }
      assert.equal(bench.table.size, left.size);
    }
  }
});

Deno.test("the same SYN is a retransmission, one of another number is not", () => {
  const bench = new Bench();
  const flow = bench.open({ seq: 7 });
  const isSame = (seq: number) => isRepeated(flow, out({ flags: SYN, seq }));
  assert.deepEqual([isSame(7), isSame(8)], [true, false]);
  bench.answer({ flags: SYN | ACK });
  assert.equal(isSame(7), true, "its answer may have been lost");
  bench.answer({ flags: FIN | ACK });
  bench.send({ flags: FIN | ACK });
  assert.equal(isSame(7), false, "it is over");
});

Deno.test("a five-tuple that is used again is another flow, in the place of the old", () => {
  const bench = new Bench(1);
  const old = bench.open({ seq: 7 }, "a", "b");
  const flow = bench.open({ seq: 8 }, "a", "c");
  assert.equal(bench.table.outbound(out()), flow);
  assert.notEqual(flow, old);
  assert.deepEqual([bench.table.size, bench.lost], [1, []]);
});

Deno.test("a flow knows what either side expects next", () => {
  const bench = new Bench();
  const flow = bench.open({ seq: 0xffffffff });
  assert.deepEqual([flow.initiatorExpects, flow.viaExpects], [0, 0]);
  bench.answer({ flags: SYN | ACK, seq: 0xfffffff0, ack: 0 });
  assert.deepEqual([flow.initiatorExpects, flow.viaExpects], [0xfffffff1, 0]);
  bench.send({ ack: 5 });
  bench.answer({ ack: 700 });
  assert.deepEqual([flow.initiatorExpects, flow.viaExpects], [5, 700]);
});

Deno.test("each phase ends after its own silence, and a segment begins it anew", () => {
  const opened = (bench: Bench) => void bench.open();
  const answered = (bench: Bench) => {
    opened(bench);
    bench.answer({ flags: SYN | ACK });
  };
  const halfClosed = (bench: Bench) => {
    answered(bench);
    bench.send({ flags: FIN | ACK });
    bench.send({ flags: FIN | ACK }); // the same side once more
  };
  const closed = (bench: Bench) => {
    halfClosed(bench);
    bench.answer({ flags: FIN | ACK });
  };
  const cases: [string, (bench: Bench) => void, number, number][] = [
    ["without an answer", opened, 60_000, 0],
    ["answered", answered, 24 * 3600_000, 1],
    ["closed by one side", halfClosed, 24 * 3600_000, 1],
    ["closed by both", closed, 10_000, 0],
  ];
  for (const [name, prepare, silence, losses] of cases) {
    const bench = new Bench();
    prepare(bench);
    bench.now = silence - 1;
    assert.ok(bench.send(), `${name}: just before`);
    bench.now += silence - 1;
    assert.ok(bench.send(), `${name}: after another segment`);
    bench.now += silence;
    assert.equal(bench.send(), false, `${name}: too late`);
    assert.equal(bench.table.size, 0, name);
    assert.deepEqual(bench.lost.map(([, loss]) => loss), Array(losses).fill("silent"));
  }
});

Deno.test("a reset of either side ends a flow at once", () => {
  for (const side of ["send", "answer"] as const) {
    const bench = new Bench();
    bench.open();
    bench.answer({ flags: SYN | ACK });
    assert.ok(bench[side]({ flags: RST | ACK }));
    assert.deepEqual([bench.table.size, bench.send(), bench.lost], [0, false, []]);
  }
});

Deno.test("a host that goes down takes along what it opened and what is bound to it", () => {
  const bench = new Bench();
  const specs: [string, string][] = [["a", "b"], ["a", "c"], ["b", "c"], ["c", "a"]];
  const flows = specs.map(([initiator, via], i) =>
    bench.open({ fromPort: 1 + i }, initiator, via)
  );
  assert.deepEqual(
    bench.table.endAll("b").sort((x, y) => x.port - y.port),
    [flows[0], flows[2]],
  );
  assert.deepEqual([bench.table.size, bench.table.endAll("b")], [2, []]);
  assert.equal(bench.table.outbound(out({ fromPort: 2 })), flows[1]);
});

Deno.test("an ICMP error is known by the packet that it quotes", () => {
  const bench = new Bench();
  const flow = bench.open();
  const error = (spec: PacketSpec = {}, change = (_: Uint8Array) => {}) => {
    const bytes = unreachableOf(out({ flags: SYN, ...spec }), Unreachable.HOST)!.payload;
    change(bytes);
    return bytes;
  };
  assert.equal(bench.table.quoted("b", error()), flow);
  assert.equal(bench.table.quoted("b", error({ options: 8 })), flow);
  const noPorts: PacketSpec = { fromPort: 0, toPort: 0 };
  for (const spec of [noPorts, { fromPort: 0x0a01, toPort: 0x0203 }]) {
    const ports = bench.open(spec);
    assert.equal(bench.table.quoted("b", error(spec)), ports);
  }
  const none: [string, string, Uint8Array][] = [
    ["a host that it is not bound to", "c", error()],
    ["another port", "b", error({ fromPort: 40001 })],
    ["a packet of the other direction", "b", error({ from: FOREIGN, to: A })],
    ["not sent to the initiator", "b", error({}, (b) => b[19] = 99)],
    ["a quote of UDP", "b", error({}, (b) => b[28 + 9] = 17)],
    ["a quote of a later fragment", "b", error({}, (b) => b[28 + 7] = 1)],
    ["a quote of IPv6", "b", error({}, (b) => b[28] = 0x65)],
    // Where its ports would be is the destination.
    [
      "a quoted header of 4 words",
      "b",
      error({ fromPort: 0x0a01, toPort: 0x0203 }, (b) => b[28] = 0x44),
    ],
    ["a quoted header beyond the end", "b", error(noPorts, (b) => b[28] = 0x48)],
    ["a quote that ends before the ports", "b", error(noPorts, (b) => b[3] = 48)],
    ["no quote", "b", error({}, (b) => b[3] = 28)],
  ];
  for (const [name, host, bytes] of none) {
    assert.equal(bench.table.quoted(host, bytes), undefined, name);
  }
});

Deno.test("a refusal leaves a flow for its reset, and an open one alone", () => {
  const bench = new Bench(2);
  const flow = bench.open();
  bench.now = 30_000;
  bench.table.refuse(flow);
  assert.equal(flow.phase, "refused");
  assert.equal(isRepeated(flow, out({ flags: SYN })), false, "its SYN is decided anew");
  bench.now += 9_999;
  assert.equal(bench.table.inbound(back()), flow);
  bench.answer({ flags: RST });
  assert.equal(bench.table.size, 0);

  const silent = bench.open();
  bench.table.refuse(silent);
  bench.open({ fromPort: 2 });
  bench.open({ fromPort: 3 });
  assert.equal(bench.table.inbound(back()), undefined, "it goes first at the limit");
  const open = bench.table.outbound(out({ fromPort: 2 }))!;
  bench.answer({ fromPort: 2, flags: SYN | ACK });
  bench.table.refuse(open);
  assert.deepEqual([open.phase, bench.lost], ["open", []]);
});

Deno.test("a refusal that comes when its flow was forgotten changes nothing", () => {
  for (const silence of [0, 60_000]) {
    const bench = new Bench(1);
    const flow = bench.open();
    bench.now = silence;
    if (silence === 0) bench.table.end(flow);
    bench.table.refuse(flow);
    assert.deepEqual([bench.table.size, flow.phase], [0, "opening"]);
    bench.open();
    bench.open({ fromPort: 2 }); // of the same host, whose flows are counted right
    assert.deepEqual(bench.lost.map(([{ port }]) => port), [40000]);
  }
});

Deno.test("no ICMP error whatsoever makes the look at its quote fail", () => {
  const { table } = new Bench();
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 20, maxLength: 80 }), (bytes) => {
      bytes[0] = 0x45;
      bytes[2] = 0;
      bytes[3] = bytes.length;
      assert.equal(table.quoted("b", bytes), undefined);
    }),
    { seed: 2, numRuns: 2000 },
  );
});

Deno.test("at the limit finished flows go first, then the idlest of whoever has most", () => {
  const bench = new Bench(4);
  const has = (fromPort: number) => bench.table.outbound(out({ fromPort })) !== undefined;
  bench.open({ fromPort: 1 }, "small");
  for (const fromPort of [2, 3, 4]) {
    bench.now++;
    bench.open({ fromPort }, "large");
  }
  bench.answer({ fromPort: 4, flags: FIN | ACK });
  bench.send({ fromPort: 4, flags: FIN | ACK });
  bench.now++;
  bench.send({ fromPort: 2 });
  bench.answer({ fromPort: 2, flags: SYN | ACK });
  bench.now++;
  bench.open({ fromPort: 5 }, "large");
  assert.deepEqual([has(4), bench.lost], [false, []], "finished");
  bench.open({ fromPort: 6 }, "new");
  assert.deepEqual([1, 2, 3, 5, 6].map(has), [true, true, false, true, true]);
  bench.open({ fromPort: 7 }, "small");
  assert.deepEqual([1, 2, 5, 6, 7].map(has), [true, false, true, true, true]);
  bench.open({ fromPort: 8 }, "small");
  assert.deepEqual([1, 5, 6, 7, 8].map(has), [false, true, true, true, true], "its own");
  assert.deepEqual(bench.lost.map(([{ port }, loss]) => [port, loss]), [
    [3, "evicted"],
    [2, "evicted"],
    [1, "evicted"],
  ]);
  assert.equal(bench.table.size, 4);
});

Deno.test("a segment of either side keeps a flow from being the idlest", () => {
  const bench = new Bench(3);
  for (const fromPort of [1, 2, 3]) {
    bench.now++;
    bench.open({ fromPort });
    bench.answer({ fromPort, flags: SYN | ACK });
  }
  bench.now++;
  bench.send({ fromPort: 1 });
  bench.answer({ fromPort: 2 });
  bench.open({ fromPort: 4 });
  assert.deepEqual(bench.lost.map(([{ port }]) => port), [3]);
});

Deno.test("whatever passes, the table keeps its limit and a flood hits only the flooder", () => {
  const limit = 12;
  const step = fc.record({
    host: fc.nat({ max: 3 }),
    port: fc.nat({ max: 30 }),
    flags: fc.constantFrom(SYN, SYN, SYN, ACK, FIN | ACK, RST),
    isAnswer: fc.boolean(),
    ms: fc.constantFrom(0, 1, 5000, 60_000),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.nat(), (steps, seed) => {
      const bench = new Bench(limit);
      // Two connections of a quiet host, in use all the time, while others do as they like.
      const quiet = [1, 2].map((toPort) =>
        bench.open({ toPort, from: "127.0.42.9" }, "q")
      );
      for (const toPort of [1, 2]) {
        bench.answer({ to: "127.0.42.9", toPort, flags: SYN | ACK });
      }
      for (const [i, { host, port, flags, isAnswer, ms }] of steps.entries()) {
        bench.now += ms;
        const address = `127.0.42.${20 + host}`;
        if (isAnswer && flags !== SYN) {
          bench.answer({ to: address, fromPort: port, flags });
        } else if (flags !== SYN) bench.send({ from: address, fromPort: port, flags });
        else bench.open({ from: address, fromPort: port, seq: seed + i }, `h${host}`);
        assert.ok(bench.table.size <= limit);
        for (const toPort of [1, 2]) {
          assert.ok(bench.send({ from: "127.0.42.9", toPort }), `after step ${i}`);
        }
      }
      const alive = new Set(quiet);
      assert.ok(bench.lost.every(([flow]) => !alive.has(flow)));
      for (const host of ["q", "h0", "h1", "h2", "h3"]) bench.table.endAll(host);
      assert.equal(bench.table.size, 0, "nothing is left in a chain");
    }),
    { seed: 17, numRuns: 300 },
  );
});

Deno.test("a flood of a host leaves every flow of one that has its share", () => {
  const bench = new Bench(1000);
  for (let toPort = 0; toPort < 500; toPort++) bench.open({ toPort }, "small");
  bench.now = 1;
  for (let i = 0; i < 5000; i++) {
    bench.open({ from: "127.0.42.8", fromPort: i }, "flood");
    assert.ok(bench.table.size <= 1000);
  }
  for (let toPort = 0; toPort < 500; toPort++) assert.ok(bench.send({ toPort }));
  assert.equal(bench.lost.length, 5000 - 500);
});

Deno.test("segments are read wherever they lie", () => {
  const { table } = new Bench();
  const frame = refusalOf(back({ flags: SYN }))!; // a reset from a to the foreign address
  const flow = table.open(frame.bytes, HEADER_BYTES, { initiator: "a", via: "b" });
  assert.equal(table.outbound(frame.bytes, HEADER_BYTES), flow);
  assert.equal(table.outbound(frame.payload), flow);
});
