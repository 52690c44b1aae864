import assert from "node:assert/strict";
import fc from "fast-check";
import type { PolicyRule } from "../../manifest/policy.ts";
import { decidePolicy } from "../../manifest/policy_decision.ts";
import { parseIpv4 } from "../../wire/ip/ipv4.ts";
import { NAME_SERVER_PORT } from "../../wire/ports.ts";
import { policy } from "./_rules.ts";
import { type Decision, type Opening, Policy } from "./policy.ts";

const VIPS: Record<string, number> = { a: 0x7f002a01, b: 0x7f002a02, c: 0x7f002a03 };

/**
 * The same by the definition. They differ in one thing on purpose: the definition exempts the
 * name servers of the mesh itself, while the router does so in front of its policy (`gate.ts`).
 * So the hosts are said to publish that port here, whereupon it is a port like others.
 */
function defined(rules: readonly PolicyRule[], opening: Opening): Decision {
  const { to, ...question } = opening;
  const { action, index, isExempt, unsure } = decidePolicy(rules, {
    ...question,
    ...(to !== undefined && { to }),
    isPublished: true,
  });
  assert.ok(!isExempt);
  assert.deepEqual(unsure, [], "the address is known");
  return { action, rule: index };
}

function opening(from: string, to: string, names: readonly string[] = []): Opening {
  const [, target, port, proto = "tcp"] = /^(.*):(\d+)(?:\/(\w+))?$/.exec(to)!;
  const vip = VIPS[target!];
  return {
    from,
    fromAddress: VIPS[from]!,
    to: vip === undefined ? undefined : target,
    address: vip ?? parseIpv4(target!)!,
    names,
    port: Number(port),
    proto: proto as "tcp",
  };
}

Deno.test("the first rule that matches decides, and where none does all is allowed", () => {
  const rules = policy(
    "allow a -> b : 80,8000-8100/tcp",
    "deny * -> b",
    "deny b,127.0.42.3/32 -> 10.0.0.0/8",
    "allow * -> name:*.good.internal : 443",
    "deny a -> name:*.internal,name:db",
    "deny 127.0.42.1/32 -> c : 53/udp",
  );
  const compiled = new Policy(rules);
  const cases: [string, string, number | undefined, string[]?][] = [
    ["a", "b:80", 0],
    ["a", "b:80/udp", 0],
    ["a", "b:8100", 0],
    ["a", "b:8050/udp", 1],
    ["a", "b:8101", 1],
    ["c", "b:80", 1],
    ["b", "10.1.2.3:80", 2],
    ["c", "10.1.2.3:80", 2],
    ["a", "10.1.2.3:80", undefined],
    ["a", "10.1.2.3:443", 3, ["www.GOOD.internal."]],
    ["a", "10.1.2.3:80", 4, ["www.good.internal"]],
    ["a", "10.1.2.3:80", 4, ["other", "db"]],
    ["a", "10.1.2.3:80", undefined, ["internal"]],
    ["a", "c:53/udp", 5],
    ["a", "c:53", undefined],
    ["b", "c:53/udp", undefined],
  ];
  for (const [from, to, wanted, names] of cases) {
    const asked = opening(from, to, names);
    assert.equal(compiled.decide(asked).rule, wanted, `${from} to ${to}`);
    assert.deepEqual(
      compiled.decide(asked),
      defined(rules, asked),
      "remembered the same",
    );
  }
});

Deno.test("any policy decides as the definition does, which reads it rule by rule", () => {
  const name = fc.constantFrom(
    "db.internal",
    "DB.internal",
    "a.b.internal",
    "x",
    "w-1.y",
  );
  const range = fc.record({ network: fc.nat(0xffff), prefix: fc.nat(32) }).map(
    ({ network, prefix }) => {
      const address = 0x7f002a00 ^ network;
      const mask = prefix === 0 ? 0 : -1 << 32 - prefix;
      return {
        kind: "range" as const,
        cidr: { network: (address & mask) >>> 0, prefix },
      };
    },
  );
  const host = fc.constantFrom("a", "b", "c", "d").map((name) => ({
    kind: "host" as const,
    name,
  }));
  const any = fc.constant({ kind: "any" as const });
  const glob = fc.constantFrom(
    "*",
    "*.internal",
    "db.internal",
    "*internal",
    "w-*.y",
    "*.b.*",
    "X.",
  )
    .map((glob) => ({ kind: "name" as const, glob }));
  const ports = fc.record({
    first: fc.oneof(
      { arbitrary: fc.integer({ min: 1, max: 20 }), weight: 8 },
      { arbitrary: fc.constantFrom(NAME_SERVER_PORT - 5, 65_525), weight: 1 },
    ),
    more: fc.nat(10),
    proto: fc.constantFrom("tcp" as const, "udp" as const, undefined),
  }).map(({ first, more, proto }) => ({
    first,
    last: first + more,
    ...(proto && { proto }),
  }));
  const rule = fc.record({
    action: fc.constantFrom("allow" as const, "deny" as const),
    from: fc.array(fc.oneof(host, range, any), { minLength: 1, maxLength: 3 }),
    to: fc.array(fc.oneof(host, range, any, glob), { minLength: 1, maxLength: 4 }),
    ports: fc.option(fc.array(ports, { minLength: 1, maxLength: 3 }), { nil: undefined }),
  }).map(({ ports, ...rule }) => ({
    ...rule,
    ...(ports && { ports }),
    at: { file: "", line: 0, column: 0 },
  }));
  const opened = fc.record({
    from: fc.constantFrom("a", "b", "c"),
    target: fc.oneof(fc.constantFrom("a", "b", "c"), fc.nat(0xffff)),
    names: fc.array(name, { maxLength: 3 }),
    port: fc.oneof(
      { arbitrary: fc.integer({ min: 1, max: 40 }), weight: 8 },
      { arbitrary: fc.constantFrom(NAME_SERVER_PORT, 65_535), weight: 1 },
    ),
    proto: fc.constantFrom("tcp" as const, "udp" as const),
  }).map(({ from, target, names, port, proto }) => {
    const isHost = typeof target === "string";
    return {
      from,
      fromAddress: VIPS[from]!,
      to: isHost ? target : undefined,
      address: isHost ? VIPS[target]! : (0x7f00aa00 ^ target) >>> 0,
      names: isHost ? [] : names,
      port,
      proto,
    };
  });
  const all = fc.tuple(
    fc.array(rule, { maxLength: 12 }),
    fc.array(opened, { minLength: 1, maxLength: 30 }),
  );
  const outcomes = new Map<string, number>();
  fc.assert(
    fc.property(all, ([rules, openings]) => {
      const compiled = new Policy(rules);
      for (const each of [...openings, ...openings]) {
        const expected = defined(rules, each);
        assert.deepEqual(compiled.decide(each), expected);
        const kind = expected.rule === undefined ? "none" : expected.action;
        outcomes.set(kind, (outcomes.get(kind) ?? 0) + 1);
      }
    }),
    { seed: 42, numRuns: 2000 },
  );
  for (const kind of ["allow", "deny", "none"]) {
    assert.ok((outcomes.get(kind) ?? 0) > 1000, `hardly any ${kind}`);
  }
});

Deno.test("what is remembered is bounded, and decisions stay right", () => {
  const rules = policy("deny * -> 10.0.0.0/9");
  const compiled = new Policy(rules);
  for (let at = 0; at < 40_000; at++) {
    const asked = { ...opening("a", "10.0.0.0:80"), address: 0x0a000000 + at * 1000 };
    assert.deepEqual(compiled.decide(asked), defined(rules, asked));
  }
});
