import assert from "node:assert/strict";
import fc from "fast-check";
import type { Manifest } from "../../manifest/manifest.ts";
import { manifestFromObject } from "../../manifest/parse.ts";
import { builtinTransports } from "../../transports/registry.ts";
import { formatIpv4 } from "../../wire/ip/ipv4.ts";
import { withCarriedVips } from "./carried_vips.ts";

/** Hosts by name, each with its address unless that is left to the mesh. */
type Shape = Readonly<Record<string, string | undefined>>;

function read(shape: Shape): Manifest {
  const hosts = Object.fromEntries(
    Object.entries(shape).map((
      [name, vip],
    ) => [name, { docker: name, ...vip && { vip } }]),
  );
  return manifestFromObject({ hosts }, { path: "m", transports: builtinTransports });
}

function vips({ hosts }: Manifest): Record<string, string> {
  return Object.fromEntries(hosts.map(({ name, vip }) => [name, formatIpv4(vip)]));
}

const TABLE: [sentence: string, before: Shape, after: Shape, vips: Shape][] = [
  [
    "a host keeps its address when others go",
    { a: undefined, b: undefined, c: undefined },
    { c: undefined, b: undefined },
    { c: "127.0.42.102", b: "127.0.42.101" },
  ],
  [
    "a new host in front gets a free one",
    { a: undefined, b: undefined },
    { n: undefined, a: undefined, b: undefined },
    { n: "127.0.42.102", a: "127.0.42.100", b: "127.0.42.101" },
  ],
  [
    "what the manifest itself gives to a host is that host's",
    { a: undefined, b: undefined },
    { a: undefined, b: "127.0.42.100" },
    { a: "127.0.42.101", b: "127.0.42.100" },
  ],
  [
    "a host that had an address of its own keeps it",
    { a: "127.0.42.150", b: "127.1.1.1" },
    { a: undefined, b: undefined },
    { a: "127.0.42.150", b: "127.0.42.101" },
  ],
];

for (const [sentence, before, after, wanted] of TABLE) {
  Deno.test(`${sentence}, of the addresses that are carried over`, () => {
    assert.deepEqual(vips(withCarriedVips(read(after), read(before))), wanted);
  });
}

Deno.test("no two hosts have an address, whatever changes", () => {
  const shape = fc.dictionary(
    fc.constantFrom("a", "b", "c", "d", "e"),
    fc.option(fc.integer({ min: 100, max: 104 }), { nil: undefined }),
    { minKeys: 1 },
  ).map((numbers) => {
    const seen = new Set<number>();
    return Object.fromEntries(
      Object.entries(numbers).map(([name, number]) => {
        if (number === undefined || seen.has(number)) return [name, undefined];
        seen.add(number);
        return [name, `127.0.42.${number}`];
      }),
    );
  });
  fc.assert(fc.property(shape, shape, (before, after) => {
    const next = withCarriedVips(read(after), read(before));
    const all = next.hosts.map(({ vip }) => vip);
    assert.equal(new Set(all).size, all.length);
    for (const { name, vip } of next.hosts) {
      if (after[name] !== undefined) assert.equal(formatIpv4(vip), after[name]);
    }
  }));
});
