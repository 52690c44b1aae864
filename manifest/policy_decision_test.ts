/**
 * Which rule decides, and that no rule ever does of which a warning says so.
 *
 * @module
 */
import fc from "fast-check";
import assert from "node:assert/strict";
import { parseIpv4 } from "../wire/ip/ipv4.ts";
import { read } from "./_said.ts";
import { decidePolicy, type PolicyQuestion } from "./policy_decision.ts";

const MESH = `
hosts:
  laptop: { vip: 127.0.42.100, socks: { listen: "127.0.0.1:1080" } }
  web: { cmd: a, vip: 127.0.42.101, ports: ["8080:a:80", "22:a:22"] }
  db: { cmd: b, vip: 127.0.42.102, ports: ["5432:a:5432"] }
routes: [{ via: web, to: [10.0.0.0/8, "*.internal"] }]
policy:
`;

/** A question of the laptop. */
function asks(question: Partial<PolicyQuestion>): PolicyQuestion {
  const fromAddress = parseIpv4("127.0.42.100")!;
  return { from: "laptop", fromAddress, port: 80, proto: "tcp", ...question };
}

Deno.test("the first rule that matches decides, and without one all is allowed", () => {
  const { policy = [] } = read(`${MESH}
  - { from: [laptop], to: [web], ports: [8000-8100/tcp], action: allow }
  - { from: [127.0.42.100/31], to: [127.0.42.101/32], action: deny }
  - { from: ["*"], to: ["*.internal", 10.1.0.0/16], action: deny }
`);
  const address = parseIpv4("127.0.42.101")!;
  const web = { to: "web", address };
  const table: [Partial<PolicyQuestion>, string, number | undefined][] = [
    [{ ...web, port: 8000 }, "allow", 0],
    [{ ...web, port: 8100 }, "allow", 0],
    [{ ...web, port: 8101 }, "deny", 1],
    [{ ...web, port: 8000, proto: "udp" }, "deny", 1],
    [{ ...web, port: 8000, from: "web", fromAddress: address }, "deny", 1],
    [{ ...web, from: "db", fromAddress: address + 1 }, "allow", undefined],
    [{ to: "db", address: address + 1 }, "allow", undefined],
    [{ address: parseIpv4("10.1.2.3")! }, "deny", 2],
    [{ address: parseIpv4("10.2.2.3")! }, "allow", undefined],
    [{ address: 1, names: ["x", "a.INTERNAL."] }, "deny", 2],
    [{ address: 1, names: ["internal"] }, "allow", undefined],
  ];
  for (const [question, action, index] of table) {
    const { unsure, ...decision } = decidePolicy(policy, asks(question));
    const expected = { action, ...(index !== undefined && { index }) };
    assert.deepEqual(decision, expected, JSON.stringify(question));
    assert.deepEqual(unsure, []);
  }
});

Deno.test("name servers of the mesh are exempt, the same port elsewhere is not", () => {
  const { policy = [] } = read(`${MESH}  - { from: ["*"], to: ["*"], action: deny }\n`);
  const port = 10_053;
  const own = decidePolicy(policy, asks({ to: "web", address: 1, port }));
  assert.deepEqual(own, { action: "allow", isExempt: true, unsure: [] });
  assert.equal(decidePolicy(policy, asks({ address: 1, port })).action, "deny");
  const published = asks({ to: "web", address: 1, port, isPublished: true });
  assert.equal(decidePolicy(policy, published).action, "deny", "a port like others");
});

Deno.test("of a name without an address the rules that hang on it are told", () => {
  const { policy = [] } = read(`${MESH}
  - { from: ["*"], to: [10.1.0.0/16], ports: [80], action: deny }
  - { from: ["*"], to: [10.2.0.0/16], ports: [81], action: deny }
  - { from: ["*"], to: ["*.internal", 10.3.0.0/16], action: allow }
  - { from: ["*"], to: [10.4.0.0/16], action: allow }
`);
  assert.deepEqual(decidePolicy(policy, asks({ names: ["a.internal"] })), {
    action: "allow",
    index: 2,
    unsure: [0],
  });
});

Deno.test("a rule of which a warning says that it decides nothing decides nothing", () => {
  const froms = ["laptop", "web", "db", '"*"', "127.0.42.100/31", "10.0.0.0/8"];
  const tos = [...froms, '"*.internal"', "a.internal", "10.1.0.0/16", "127.0.0.0/8"];
  const some = (texts: string[]) =>
    fc.subarray(texts, { minLength: 1, maxLength: 3 }).map((each) => each.join(", "));
  const ports = [
    "",
    "ports: [8080], ",
    "ports: [1-100, 5432/tcp], ",
    "ports: [22/udp], ",
  ];
  const rule = fc.record({
    from: some(froms),
    to: some(tos),
    ports: fc.constantFrom(...ports),
  });
  const vips = { laptop: "127.0.42.100", web: "127.0.42.101", db: "127.0.42.102" };
  const questions: PolicyQuestion[] = Object.entries(vips).flatMap(([from, vip]) => {
    const base = { from, fromAddress: parseIpv4(vip)!, proto: "tcp" } as const;
    const published = [["web", 8080], ["web", 22], ["db", 5432]] as const;
    const inside = published.flatMap(([to, port]) =>
      to === from ? [] : { ...base, to, address: parseIpv4(vips[to])!, port }
    );
    const behind = [80, 5432, 8080].flatMap((port) => [
      { ...base, port, address: parseIpv4("10.1.2.3")! },
      { ...base, port, address: parseIpv4("10.9.2.3")! },
      { ...base, port, address: parseIpv4("10.9.2.3")!, names: ["a.internal"] },
      { ...base, port, address: parseIpv4("10.9.2.3")!, names: ["b.internal"] },
    ]);
    return [...inside, ...behind];
  });
  let warned = 0;
  fc.assert(
    fc.property(fc.array(rule, { minLength: 1, maxLength: 6 }), (rules) => {
      const lines = rules.map(({ from, to, ports }) =>
        `  - { from: [${from}], to: [${to}], ${ports}action: deny }\n`
      );
      const { policy = [], warnings } = read(MESH + lines.join(""));
      const idle = warnings.filter(({ message }) =>
        /policy rule (never|is)/.test(message)
      );
      warned += idle.length;
      for (const question of questions) {
        const { index } = decidePolicy(policy, question);
        if (index === undefined) continue;
        const { at } = policy[index]!;
        const warning = idle.find((each) => each.at.line === at.line);
        assert.equal(warning, undefined, JSON.stringify(question));
      }
    }),
    { numRuns: 300, seed: 42 },
  );
  assert.ok(warned > 50, `only ${warned} warnings`);
});
