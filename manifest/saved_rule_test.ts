import assert from "node:assert/strict";
import { readRule } from "./added_rules.ts";
import { withSavedRule } from "./saved_rule.ts";

const RULE = "tcp:5432:db:5432";
const rule = { host: "web", kind: "egress", rule: readRule("egress", RULE) } as const;

const CASES: readonly [what: string, before: string, after: string][] = [
  [
    "behind the rules of a list",
    `# mine\nhosts:\n  web:\n    egress: # out\n      - tcp:1:a:1 # first\n    # then\n    docker: web\n`,
    `# mine\nhosts:\n  web:\n    egress: # out\n      - tcp:1:a:1 # first\n      - "${RULE}"\n    # then\n    docker: web\n`,
  ],
  [
    "into a list in brackets",
    `hosts:\n  web: {docker: web,   egress: [ "tcp:1:a:1" ]} # ok\n`,
    `hosts:\n  web: {docker: web,   egress: [ "tcp:1:a:1", "${RULE}" ]} # ok\n`,
  ],
  [
    "behind the other fields of a host",
    `hosts:\n    web:\n        docker: web # a container\n\n    # another\n    db: {docker: db}\n`,
    `hosts:\n    web:\n        docker: web # a container\n        egress:\n          - "${RULE}"\n\n    # another\n    db: {docker: db}\n`,
  ],
  [
    "into a host in braces",
    `hosts: { web: { docker: web } } # all\n`,
    `hosts: { web: { docker: web, egress: ["${RULE}"] } } # all\n`,
  ],
  [
    "into a text of Windows, without an end of its last line",
    `hosts:\r\n  web:\r\n    docker: web`,
    `hosts:\r\n  web:\r\n    docker: web\n    egress:\n      - "${RULE}"`,
  ],
  [
    "into a host without fields",
    `# mine\nhosts:\n  web: # this machine\n  db: {docker: db} # other\n`,
    `# mine\nhosts:\n  web: # this machine\n    egress:\n      - "${RULE}"\n  db: {docker: db} # other\n`,
  ],
  [
    "into empty braces",
    `hosts:\n  web: {} # this machine\n  db: {docker: db, ports: [ "80:a:80" ]}\n`,
    `hosts:\n  web: { egress: ["${RULE}"] } # this machine\n  db: {docker: db, ports: [ "80:a:80" ]}\n`,
  ],
  [
    "into an empty list",
    `hosts:\n  web: {egress: [], docker: web}\n`,
    `hosts:\n  web: {egress: ["${RULE}"], docker: web}\n`,
  ],
  [
    "into a text that has to be laid out anew",
    `hosts:\n  web: ~ # this machine\n  db: {docker: db} # other\n`,
    `hosts:\n  web:\n    # this machine\n    egress:\n      - ${RULE}\n  db: { docker: db } # other\n`,
  ],
];

for (const [what, before, after] of CASES) {
  Deno.test(`a rule is written ${what}`, () => {
    assert.equal(withSavedRule(before, rule), after);
  });
}

Deno.test("a rule that others would get too is not written", () => {
  const shared = "hosts:\n  web: &w {docker: web, egress: [tcp:1:a:1]}\n  db: *w\n";
  assert.throws(() => withSavedRule(shared, rule), /by hand/);
  assert.throws(() => withSavedRule(shared, { ...rule, host: "db" }), /an alias/);
  assert.throws(() => withSavedRule("hosts: {a: }", rule), /it has no host "web"/);
});
