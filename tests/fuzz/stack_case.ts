/**
 * The cases of the fuzzed stack: connections, and steps by their real numbers.
 *
 * @module
 */
import * as fc from "fast-check";

/** How a connection begins, and its state when the steps begin. */
export interface Beginning {
  /** `held`: our SYN waits; `accepted`: the SYN-ACK is out; `asked`: the stack's SYN is. */
  readonly stage: "held" | "accepted" | "open" | "asked" | "connected";
  readonly scaled: boolean;
  readonly sack: boolean;
  readonly mss: number;
  /** The peer's first sequence number. */
  readonly first: number;
}

/** A sequence number: a place of the connection, and a distance from there. */
export interface Place {
  /**
   * `next` is the number that the stack expects, `edge` the end of its window, `start`
   * and `end` those of a segment sent before, `una` and `top` the least and the most that
   * the stack may be told of.
   */
  readonly of: "next" | "edge" | "start" | "end" | "una" | "top";
  readonly by: number;
}

/** A segment of the peer. */
export interface SegmentStep {
  readonly do: "segment";
  readonly on: number;
  readonly at: Place;
  /** Bytes, or up to a place. */
  readonly length: number | Place;
  readonly flags: number;
  readonly ack: Place;
  readonly window: number;
  readonly options: readonly number[];
  readonly ipOptions: readonly number[];
  readonly fragment: number;
  /** Bytes of the headers that are changed before the checksums are made. */
  readonly bent: readonly { readonly at: number; readonly value: number }[];
  /** Bytes more or fewer than the packet that its frame holds. */
  readonly padding: number;
}

/** Something that happens. */
export type Step =
  | SegmentStep
  | {
    readonly do: "icmp";
    readonly on: number;
    readonly type: number;
    readonly code: number;
    readonly by: number;
    readonly cut: number;
  }
  | { readonly do: "pass"; readonly ms: number }
  | { readonly do: "read" | "write"; readonly on: number; readonly bytes: number }
  | {
    readonly do:
      | "accept"
      | "refuse"
      | "shutdown"
      | "abort"
      | "release"
      | "fin"
      | "agree";
    readonly on: number;
  }
  /** Many segments of a size, with gaps between them. */
  | {
    readonly do: "scatter";
    readonly on: number;
    readonly at: Place;
    readonly size: number;
    readonly gap: number;
    readonly count: number;
  }
  /** Whether the stack's output is taken from now on. */
  | { readonly do: "output"; readonly taken: boolean };

/** A run. */
export interface StackCase {
  readonly connections: readonly Beginning[];
  readonly steps: readonly Step[];
}

const near = fc.oneof(
  { weight: 8, arbitrary: fc.constant(0) },
  { weight: 6, arbitrary: fc.integer({ min: -3, max: 3 }) },
  { weight: 3, arbitrary: fc.integer({ min: -2000, max: 2000 }) },
  { weight: 2, arbitrary: fc.integer({ min: -70_000, max: 70_000 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(-1 << 31, (1 << 31) + 1, 0x7fffffff, -0x40000000, 1 << 21),
  },
);
const place = fc.record({
  of: fc.oneof(
    { weight: 4, arbitrary: fc.constant("next" as const) },
    { weight: 3, arbitrary: fc.constant("edge" as const) },
    { weight: 2, arbitrary: fc.constantFrom("start" as const, "end" as const) },
  ),
  by: near,
});
const length = fc.oneof(
  { weight: 2, arbitrary: fc.constant(0) },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 4 }) },
  { weight: 2, arbitrary: fc.constantFrom(100, 1460, 8192, 30_000, 65_400, 65_495) },
  { weight: 4, arbitrary: place },
);
const FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, URG = 32;
const flags = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(ACK, ACK | PSH) },
  { weight: 5, arbitrary: fc.constantFrom(ACK | FIN, ACK | FIN | PSH) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(SYN, SYN | ACK, SYN | FIN | ACK, 0, FIN, URG | ACK),
  },
  { weight: 1, arbitrary: fc.constantFrom(RST, RST | ACK) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }) },
);
const ack = fc.record({
  of: fc.oneof(
    { weight: 5, arbitrary: fc.constant("top" as const) },
    { weight: 3, arbitrary: fc.constant("una" as const) },
  ),
  by: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, { weight: 2, arbitrary: near }),
});
const byte = fc.integer({ min: 0, max: 255 });
const options = fc.oneof(
  { weight: 8, arbitrary: fc.constant([] as number[]) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      [2, 4, 0, 1],
      [2, 4, 0, 100],
      [2, 4, 0, 0],
      [1, 3, 3, 14],
      [1, 3, 3, 255],
      [1, 1, 4, 2],
      [2, 4, 255, 215, 1, 3, 3, 6],
    ),
  },
  {
    weight: 1,
    arbitrary: fc.array(byte, { maxLength: 40 }).map((a) => a.slice(0, a.length & ~3)),
  },
);
const rarely = <T>(usual: T, rare: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 20, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: rare });
const on = fc.integer({ min: 0, max: 2 });
const segment: fc.Arbitrary<SegmentStep> = fc.record({
  do: fc.constant("segment" as const),
  on,
  at: place,
  length,
  flags,
  ack,
  window: fc.constantFrom(0, 1, 2, 100, 1024, 65_535),
  options,
  ipOptions: rarely<number[]>(
    [],
    fc.constantFrom([1, 1, 1, 0], [7, 39, 4, ...Array(37).fill(0)]),
  ),
  fragment: rarely(0, fc.constantFrom(0x2000, 0x4000, 1, 0x1fff, 0x8000)),
  bent: rarely<{ at: number; value: number }[]>(
    [],
    fc.array(fc.record({ at: fc.integer({ min: 0, max: 59 }), value: byte }), {
      minLength: 1,
      maxLength: 3,
    }),
  ),
  padding: rarely(0, fc.integer({ min: -60, max: 60 })),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 30, arbitrary: segment },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("icmp" as const),
      on,
      type: fc.constantFrom(0, 3, 5, 11, 255),
      code: fc.integer({ min: 0, max: 15 }),
      by: fc.constantFrom(0, 0, 0, -1, 1),
      cut: rarely(0, fc.integer({ min: 0, max: 40 })),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("pass" as const),
      ms: fc.constantFrom(50, 50, 100, 250, 1000, 3000, 20_000, 700_000),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("read" as const),
      on,
      bytes: fc.constantFrom(1, 1000, 65_536, 4 << 20),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("write" as const),
      on,
      bytes: fc.constantFrom(1, 100, 30_000, 65_488, 262_144, 2 << 20),
    }),
  },
  {
    weight: 7,
    arbitrary: fc.record({
      do: fc.constantFrom("accept", "shutdown", "fin", "agree", "agree") as fc.Arbitrary<
        "accept"
      >,
      on,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom("refuse", "abort", "release") as fc.Arbitrary<"refuse">,
      on,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("scatter" as const),
      on,
      at: place,
      size: fc.constantFrom(1, 1, 700, 1460, 16_384),
      gap: fc.constantFrom(0, 1, 2, 999, -1),
      count: fc.constantFrom(3, 70, 600),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("output" as const), taken: fc.boolean() }),
  },
);
const beginning: fc.Arbitrary<Beginning> = fc.record({
  stage: fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom("open", "connected") },
    { weight: 1, arbitrary: fc.constantFrom("held", "accepted", "asked") },
  ) as fc.Arbitrary<"open">,
  scaled: fc.boolean(),
  sack: fc.boolean(),
  mss: fc.constantFrom(0, 1, 88, 536, 1460, 16_384, 65_495, 65_535),
  first: fc.constantFrom(1000, 0, 0xffffffff, 0xffff0000, 0x7ffffff0, 0x80000000),
});

/** Runs of up to three connections. */
export const stackCases: fc.Arbitrary<StackCase> = fc.record({
  connections: fc.oneof(
    { weight: 3, arbitrary: fc.array(beginning, { minLength: 1, maxLength: 1 }) },
    { weight: 1, arbitrary: fc.array(beginning, { minLength: 2, maxLength: 3 }) },
  ),
  steps: fc.array(step, { maxLength: 60, size: "max" }),
});
