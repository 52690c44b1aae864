import assert from "node:assert/strict";
import { type HostRule, readRule, type RuleKind, withRules } from "./added_rules.ts";
import { read } from "./_said.ts";
import { formatDiagnostic } from "./source/diagnostic.ts";

const QUIET = "loopback: {disable: true}";

/** What is doubtful before rules are added, and what is then. */
const CASES: readonly {
  readonly what: string;
  readonly text: string;
  readonly added: readonly [kind: RuleKind, host: string, text: string][];
  readonly before: readonly RegExp[];
  readonly after: readonly RegExp[];
}[] = [
  {
    what: "an egress rule uses routes",
    text: `hosts: { a: {}, b: { cmd: b } }\nroutes: [{ via: b, to: [10.0.0.0/8] }]`,
    added: [["egress", "a", "tcp:1:10.0.0.1:1"]],
    before: [/^mesh.yaml:2:1: warning: nothing uses these routes: .* and egress rules/],
    after: [],
  },
  {
    what: "an egress rule of the bastion itself uses no route",
    text: `hosts: { a: {}, b: { cmd: b } }\nroutes: [{ via: b, to: [10.0.0.0/8] }]`,
    added: [["egress", "b", "tcp:1:10.0.0.1:1"]],
    before: [/nothing uses these routes/],
    after: [/^mesh.yaml:2:10: warning: nothing uses this route: no host but "b"/],
  },
  {
    what: "an egress rule to a host uses no route",
    text: `hosts: { a: {}, b: { cmd: b, ports: ["1:b:1"] } }
routes: [{ via: b, to: [10.0.0.0/8] }]`,
    added: [["egress", "a", "tcp:1:b:1"]],
    before: [/nothing uses these routes/],
    after: [/nothing uses these routes/],
  },
  {
    what: "an ingress rule publishes something",
    text: `hosts: { a: {}, b: { cmd: b } }`,
    added: [["ingress", "b", "tcp:80:127.0.0.1:80"]],
    before: [/nothing is published in this mesh/],
    after: [],
  },
  {
    what: "an ingress rule publishes what an egress rule of the manifest leads to",
    text: `hosts: { a: { egress: ["tcp:1:b:80"] }, b: { cmd: b } }`,
    added: [["ingress", "b", "tcp:80:127.0.0.1:80"]],
    before: [/^mesh.yaml:1:24: warning: "tcp:1:b:80" leads nowhere/],
    after: [],
  },
  {
    what: "an ingress rule publishes a port of the policy",
    text: `hosts: { a: { ports: ["1:a:1"] }, b: { cmd: b } }
policy: [{ from: [a], to: [b], ports: [80], action: deny }]`,
    added: [["ingress", "b", "tcp:80:127.0.0.1:80"]],
    before: [/this policy rule never matches: "b" does not publish its port/],
    after: [],
  },
  {
    what: "an egress rule is a way in",
    text: `hosts: { a: { ${QUIET} }, b: { ports: ["1:b:1"], cmd: b, ${QUIET} } }`,
    added: [["egress", "a", "tcp:1:b:1"]],
    before: [/nothing can be reached in this mesh/],
    after: [],
  },
  {
    what: "a port that nobody can reach is one more doubt",
    text: `hosts: { a: {}, b: { cmd: b, ports: ["1:b:1"], ${QUIET} } }`,
    added: [["ingress", "a", "tcp:80:127.0.0.1:80"]],
    before: [],
    after: [/^mesh.yaml:1:10: warning: no other host can reach the ports of "a"/],
  },
];

for (const { what, text, added, before, after } of CASES) {
  Deno.test(what, () => {
    const manifest = read(text);
    matches(manifest.warnings.map(formatDiagnostic), before);
    const rules = added.map(([kind, host, text]): HostRule => {
      return { kind, host, rule: readRule(kind, text) };
    });
    matches(withRules(manifest, rules).warnings.map(formatDiagnostic), after);
  });
}

function matches(said: readonly string[], wanted: readonly RegExp[]): void {
  assert.equal(said.length, wanted.length, said.join("\n"));
  for (const [index, message] of wanted.entries()) assert.match(said[index]!, message);
}

Deno.test("an empty list of egress rules uses nothing", () => {
  const text =
    `hosts: { a: { egress: [] }, b: { cmd: b } }\nroutes: [{ via: b, to: [x] }]`;
  matches(read(text).warnings.map(formatDiagnostic), [/nothing uses these routes/]);
});
