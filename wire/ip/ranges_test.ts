// Ranges without ranges, compared with sets of single addresses.
import fc from "fast-check";
import assert from "node:assert/strict";
import { type Cidr, contains, formatCidr, parseCidr } from "./ipv4.ts";
import { overlaps, PRIVATE_TO_MACHINE, subtract, withoutExceptions } from "./ranges.ts";

const table: [string, string, string][] = [
  ["10.0.0.0/8", "", "10.0.0.0/8"],
  ["10.0.0.0/8", "192.168.0.0/16", "10.0.0.0/8"],
  ["10.0.0.0/8", "10.0.0.0/8", ""],
  ["10.1.0.0/16", "10.0.0.0/8", ""],
  ["10.0.0.0/8", "10.0.0.0/9", "10.128.0.0/9"],
  ["10.0.0.0/30", "10.0.0.1/32", "10.0.0.0/32 10.0.0.2/31"],
  ["10.0.0.0/31 10.0.0.2/31", "", "10.0.0.0/30"],
  [
    "10.0.0.0/8 10.1.0.0/16",
    "10.1.0.0/17 10.1.128.0/17 10.0.0.0/16",
    [
      "10.2.0.0/15 10.4.0.0/14 10.8.0.0/13 10.16.0.0/12 10.32.0.0/11 10.64.0.0/10",
      "10.128.0.0/9",
    ].join(" "),
  ],
  ["0.0.0.0/0", "0.0.0.0/1 128.0.0.0/1", ""],
  ["255.255.255.254/31", "255.255.255.255/32", "255.255.255.254/32"],
];

const list = (text: string) => text.split(" ").filter(Boolean).map((t) => parseCidr(t)!);

for (const [ranges, holes, rest] of table) {
  Deno.test(`${ranges} without ${holes || "anything"} is ${rest || "nothing"}`, () => {
    assert.equal(subtract(list(ranges), list(holes)).map(formatCidr).join(" "), rest);
  });
}

Deno.test("everything without one address is one range for each bit", () => {
  assert.equal(subtract(list("0.0.0.0/0"), list("10.1.2.3/32")).length, 32);
});

/** Ranges around 16 addresses, in which every case can be tried. */
const BASE = parseCidr("10.0.0.240/28")!;
const small: fc.Arbitrary<Cidr> = fc.tuple(fc.nat(15), fc.integer({ min: 26, max: 32 }))
  .map(([last, prefix]) => parseCidr(`10.0.0.${240 + last}/${prefix}`)!);

Deno.test("what is left is exact, in order, and the shortest list there is", () => {
  fc.assert(
    fc.property(fc.array(small), fc.array(small), (ranges, holes) => {
      const left = subtract(ranges, holes);
      for (let address = BASE.network - 50; address < BASE.network + 20; address++) {
        const wanted = ranges.some((range) => contains(range, address)) &&
          !holes.some((hole) => contains(hole, address));
        const got = left.filter((range) => contains(range, address)).length;
        assert.equal(got, Number(wanted), String(address));
      }
      left.slice(1).forEach(({ network, prefix }, i) => {
        const { network: before, prefix: beforePrefix } = left[i]!;
        assert.ok(before < network);
        // Neighbours of one size that begin where a range twice that size may begin.
        const size = 2 ** (32 - prefix);
        const join = prefix === beforePrefix && before + size === network &&
          before % (2 * size) === 0;
        assert.ok(!join, `${formatCidr(left[i]!)} and ${formatCidr(left[i + 1]!)}`);
      });
    }),
    { seed: 42, numRuns: 2000 },
  );
});

Deno.test("ranges overlap when one lies in the other", () => {
  const [wide, narrow, other] = list("10.0.0.0/8 10.255.0.1/32 11.0.0.0/8");
  assert.ok(overlaps(wide!, narrow!) && overlaps(narrow!, wide!));
  assert.ok(!overlaps(wide!, other!) && !overlaps(narrow!, other!));
  assert.ok(overlaps(list("0.0.0.0/0")[0]!, list("255.255.255.255/32")[0]!));
});

Deno.test("ranges without exceptions stay as they are written", () => {
  const ranges = list("0.0.0.0/0 10.0.0.0/9 10.128.0.0/9");
  assert.deepEqual(withoutExceptions(ranges, []), ranges);
});

Deno.test("what exceptions leave of a wide range never names what a machine has itself", () => {
  const isNamed = (range: Cidr) =>
    PRIVATE_TO_MACHINE.some((own) => contains(own, range.network));
  for (const hole of ["126.0.0.0/8", "127.0.0.1/32", "1.0.0.0/8", "169.255.0.0/16"]) {
    const left = withoutExceptions(list("0.0.0.0/0"), list(hole));
    assert.deepEqual(left.filter(isNamed).map(formatCidr), [], hole);
    const address = parseCidr("8.8.8.8/32")!.network;
    assert.ok(left.some((range) => contains(range, address)), hole);
  }
  const named = withoutExceptions(list("126.0.0.0/8 127.0.0.0/8"), list("127.0.0.1/32"));
  assert.ok(named.some((range) => formatCidr(range) === "126.0.0.0/8"));
  assert.deepEqual(
    named.filter(isNamed),
    subtract(list("127.0.0.0/8"), list("127.0.0.1/32")),
  );
});
