/**
 * Rules that lead to themselves are refused, others that look like it are not.
 *
 * @module
 */
import assert from "node:assert/strict";
import { readRule, withRules } from "./added_rules.ts";
import { read, said, saidBy } from "./_said.ts";

/** Said of the rules of hosts `local` (127.0.42.100), `b` (.101) and `c` (.102). */
function ruled(
  rules: Partial<Record<"local" | "b" | "c", string>>,
  { routes = "", template = "" } = {},
): string[] {
  const { local = "", b = "", c = "" } = rules;
  const lines = said(`hostTemplate: { resume: off, ${template} }
hosts:
  local: { ${local} }
  b: { cmd: x, aliases: [bee], vip: 127.0.42.101, ${b} }
  c: { cmd: x, vip: 127.0.42.102, ${c} }
routes: [${routes}]
`);
  return lines.filter((line) => /leads to itself/.test(line)).map((line) =>
    line.replaceAll("mesh.yaml:", "")
  );
}

const ALONE = /^\d+:\d+: error: .* it leads to itself, since the (rule|mesh) listens at /;

for (
  const rule of [
    "tcp:6003:127.0.0.1:6003",
    "tcp:6003:localhost:6003",
    "tcp:6003:LOCALHOST.:6003",
    "tcp:6003:0.0.0.0:6003",
    "tcp:6003:[::ffff:127.0.0.1]:6003",
    "tcp:localhost:6003:127.0.0.1:6003",
    "tcp:127.0.0.9:6003:127.0.0.9:6003",
    "tcp:0.0.0.0:6003:127.0.0.1:6003",
    "tcp:0.0.0.0:6003:127.3.3.3:6003",
    "tcp:[::]:6003:127.0.0.1:6003",
    "tcp:[::]:6003:[::1]:6003",
    "tcp:[::1]:6003:[0:0::1]:6003",
    "tcp:[::1]:6003:[::]:6003",
  ]
) {
  Deno.test(`egress ${rule} leads to itself`, () => {
    const [line, ...more] = ruled({ b: `egress: ["${rule}"]` });
    assert.match(line ?? "nothing", ALONE);
    assert.deepEqual(more, []);
  });
}

for (
  const rule of [
    "tcp:6003:127.0.0.1:6004",
    "tcp:6003:127.0.0.2:6003",
    "tcp:6003:[::1]:6003",
    "tcp:[::1]:6003:127.0.0.1:6003",
    "tcp:0.0.0.0:6003:[::1]:6003",
    "tcp:0.0.0.0:6003:192.168.0.1:6003",
    "tcp:6003:c:6003",
    "tcp:6003:b:6003",
    "tcp:6003:example.com:6003",
  ]
) {
  Deno.test(`egress ${rule} leads elsewhere`, () => {
    assert.deepEqual(ruled({ b: `egress: ["${rule}"]`, c: 'ports: ["6003:a:1"]' }), []);
  });
}

Deno.test("a circle is told with its place, all its rules, and the way out", () => {
  assert.deepEqual(ruled({ local: 'egress: ["tcp:6003:127.0.0.1:6003"]' }), [
    `3:21: error: "tcp:6003:127.0.0.1:6003": on "local", it leads to itself, since the ` +
    `rule listens at 127.0.0.1:6003; wanted another port or destination`,
  ]);
  assert.deepEqual(ruled({ b: 'ports: ["8080:127.0.42.101:8080"]' }), [
    `4:59: error: "8080:127.0.42.101:8080": on "b", it leads to itself, since the mesh ` +
    `listens at 127.0.42.101:8080; wanted another destination, or ` +
    `"loopback: {disable: true}" here`,
  ]);
  assert.deepEqual(ruled({ b: 'ingress: ["tcp:6206:127.0.42.101:6206"]' }).length, 1);
  const rules = {
    local: 'egress: ["tcp:1:bee:2"]',
    b: 'ports: ["2:127.0.42.102:3"]',
    c: 'ports: ["3:127.0.0.1:4"], egress: ["tcp:4:local:5"]',
  };
  assert.deepEqual(ruled(rules), [], "with an end");
  rules.local += ', ports: ["5:127.0.0.1:1"]';
  assert.deepEqual(ruled(rules), [
    `5:70: error: "tcp:4:local:5": on "c", it leads to itself, by "5:127.0.0.1:1" of ` +
    `"local" (3:45), then "tcp:1:bee:2" of "local" (3:21), then "2:127.0.42.102:3" of "b" ` +
    `(4:59), then 1 more; wanted another port or destination`,
  ]);
});

Deno.test("two rules of a host that lead to each other are a circle, of which one is told", () => {
  const rules = '"tcp:1:127.0.0.1:2", "tcp:2:127.0.0.1:3", "tcp:2:127.0.0.1:1"';
  const lines = ruled({ b: `egress: [${rules}]` });
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /"b", it leads to itself, by "tcp:[12]:127.0.0.1:[12]" of "b"/);
});

Deno.test("a VIP at which the mesh does not listen leads to whoever does", () => {
  const own = 'ports: ["8080:127.0.42.101:8080"]';
  assert.deepEqual(ruled({ b: `loopback: { disable: true }, ${own}` }), []);
  const c = 'ports: ["8080:127.0.42.101:8080"]';
  assert.deepEqual(ruled({ b: 'ports: ["8080:a:80"]', c }), [], "published once more");
});

Deno.test("what another host dials for a route is not this host's own", () => {
  const b = 'egress: ["tcp:6003:localhost:6003"]';
  const routes = (via: string) => ({ routes: `{ via: ${via}, to: ["*"] }` });
  assert.deepEqual(ruled({ b }, routes("c")), []);
  assert.equal(ruled({ b }, routes("b")).length, 1);
  const address = 'egress: ["tcp:6003:127.0.0.1:6003"]';
  const wide = { routes: "{ via: c, to: [0.0.0.0/0] }" };
  assert.equal(
    ruled({ b: address }, wide).length,
    1,
    "wide ranges leave out 127.0.0.0/8",
  );
});

Deno.test("a rule of the template that leads to itself on the target alone is a warning", () => {
  const template = 'egress: ["tcp:5432:b:5432"]';
  assert.deepEqual(ruled({ b: 'ports: ["5432:127.0.0.1:5432"]' }, { template }), [
    `1:39: warning: "tcp:5432:b:5432": on "b", it leads to itself, by ` +
    `"5432:127.0.0.1:5432" of "b" (4:59); wanted another port or destination`,
  ]);
});

Deno.test("a rule that closes a circle by command is refused in its own name", () => {
  const manifest = read(`
hosts:
  local: {}
  b: { cmd: x, vip: 127.0.42.101, egress: ["tcp:1:127.0.0.1:2"] }
`);
  const add = (kind: "ingress" | "egress", text: string) =>
    saidBy(() => withRules(manifest, [{ host: "b", kind, rule: readRule(kind, text) }]));
  assert.deepEqual(add("egress", "tcp:2:127.0.0.1:1"), [
    `proxy add egress tcp:2:127.0.0.1:1: error: "tcp:2:127.0.0.1:1": on "b", it leads to ` +
    `itself, by "tcp:1:127.0.0.1:2" of "b" (mesh.yaml:4:44); wanted another port or ` +
    `destination`,
  ]);
  assert.match(add("ingress", "tcp:6206:127.0.42.101:6206")[0]!, /error: .*to itself/);
  assert.doesNotMatch(add("egress", "tcp:2:127.0.0.1:3").join(), /itself/);
});

Deno.test("ten thousand rules behind each other are looked through", () => {
  const rules = Array.from(
    { length: 10_000 },
    (_, i) => `"tcp:${i + 1}:127.0.0.1:${i + 2}"`,
  );
  const egress = (last: string) => ({ b: `egress: [${rules.join(", ")}, "${last}"]` });
  assert.deepEqual(ruled(egress("tcp:10001:127.0.0.1:10002")), []);
  assert.match(ruled(egress("tcp:10001:127.0.0.1:1"))[0]!, /then 9997 more; wanted/);
});
