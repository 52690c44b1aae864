import assert from "node:assert/strict";
import { parse } from "yaml";
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
    `hosts:\r\n  web:\r\n    docker: web\r\n    egress:\r\n      - "${RULE}"`,
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
    "in place of a word for nothing",
    `hosts:\n  web: ~ # this machine\n  db: {docker: db} # other\n`,
    `hosts:\n  web: { egress: ["${RULE}"] } # this machine\n  db: {docker: db} # other\n`,
  ],
  [
    "into a list that has nothing yet",
    `hosts:\n  web:\n    egress: # none\n    docker:\tweb\n`,
    `hosts:\n  web:\n    egress: # none\n      - "${RULE}"\n    docker:\tweb\n`,
  ],
  [
    "into JSON, as JSON",
    `{ "hosts": { "web": {}, "local": { "egress": [ "tcp:1:a:1" ] } } }\n`,
    `{ "hosts": { "web": { "egress": ["${RULE}"] }, "local": { "egress": [ "tcp:1:a:1" ] } } }\n`,
  ],
  [
    "into JSON with a line for each field",
    `{\n  "hosts": {\n    "web": {\n      "docker": "web"\n    }\n  }\n}\n`,
    `{\n  "hosts": {\n    "web": {\n      "docker": "web",\n      "egress": ["${RULE}"]\n    }\n  }\n}\n`,
  ],
  [
    "into JSON where there is null",
    `{"hosts":{"web":null,"db":{"docker":"caf\\u00e9"}}}`,
    `{"hosts":{"web":{ "egress": ["${RULE}"] },"db":{"docker":"caf\\u00e9"}}}`,
  ],
  [
    "into braces with comments",
    `hosts: {web: {\n    docker: web # mine\n  }}\n`,
    `hosts: {web: {\n    docker: web, # mine\n    egress: ["${RULE}"]\n  }}\n`,
  ],
  [
    "into brackets with a last comma",
    `hosts: {web: {egress: [\n    tcp:1:a:1, # mine\n  ]}}\n`,
    `hosts: {web: {egress: [\n    tcp:1:a:1, # mine\n    "${RULE}",\n  ]}}\n`,
  ],
  [
    "before fields that keep their last lines",
    `hosts:\n  web:\n    docker: web\n    with: |+\n      a\n\n  db: {docker: db}\n`,
    `hosts:\n  web:\n    egress:\n      - "${RULE}"\n    docker: web\n    with: |+\n      a\n\n  db: {docker: db}\n`,
  ],
];

for (const [what, before, after] of CASES) {
  Deno.test(`a rule is written ${what}`, () => {
    assert.equal(withSavedRule(before, rule), after);
  });
}

/** Why a rule is not written, and what the user is to write. */
const REFUSED: readonly [text: string, why: RegExp][] = [
  [
    "hosts:\n  db: &w {docker: web, egress: [tcp:1:a:1]}\n  web: *w\n",
    /"web" is the alias \*w there; by hand, give "web" \(line 3\) this line: egress: \["tcp:1:a:1", "tcp:5432:db:5432"\]$/,
  ],
  [
    "hosts:\n  web: &w {docker: web, egress: [tcp:1:a:1]}\n  db: *w\n",
    /another place uses what stands there, .*by hand, give "web" \(line 2\)/,
  ],
  [
    "x-e: &e [tcp:1:a:1]\nhosts:\n  web: {egress: *e}\n",
    /"egress" is the alias \*e there/,
  ],
  [
    "x-e: &e {egress: [tcp:1:a:1]}\nhosts:\n  web: {<<: *e}\n",
    /"egress" comes from a merge key \("<<"\) there/,
  ],
  ["x-h: &h {web: {}}\nhosts:\n  <<: *h\n", /"web" comes from a merge key/],
  ["x-h: &h {web: {}}\nhosts: *h\n", /"hosts" is the alias \*h there/],
  ["hosts: {web: {egress: tcp:1:a:1}}", /"egress" is no list there/],
  ["hosts: {a: }", /it has no host "web"$/],
];

for (const [text, message] of REFUSED) {
  Deno.test(`a rule is not written into ${JSON.stringify(text)}`, () => {
    assert.throws(() => withSavedRule(text, rule), { message });
  });
}

/** Ways to write the host, from the column of its name on. */
const HOSTS_BLOCK = [
  `web:`,
  `web: # this machine`,
  `"web": {}`,
  `web: { } # none`,
  `web: ~`,
  `web: {\n    }`,
  `web:\n    docker: web # mine\n    # last`,
  `web:\n      docker:\tweb\n      ports: [ "80:a:80",\t"81:a:81" ]`,
  `web:\n    egress: []\n    docker: web`,
  `web:\n    docker: web\n    egress:`,
  `web:\n    docker: web\n    egress:\n    - tcp:1:a:1 # first\n    -   tcp:2:a:2`,
  `web: &w\n    docker: web`,
  `web: &w\n    <<: *t\n    docker: web`,
  `web: {<<: *t, docker: web}`,
  `web: {docker: web, http: }`,
  `web: {docker: web, http}`,
  `web: {egress, docker: web}`,
  `web: {egress: null, docker: web}`,
  `web: {\n    docker: web, # mine\n    egress: [\n      tcp:1:a:1 # one\n    ] }`,
  `web: { "docker": "web" }`,
  `web:\n    docker: web\n    cmd: >-\n      folded\n      text\n\n      more\n`,
  `web:\n    docker: web\n    cmd: |+\n      kept\n\n`,
];
const HOSTS_FLOW = [
  `web: {}`,
  `web: `,
  `web`,
  `"web": null`,
  `"web": {}`,
  `"web":{"docker":"web"}`,
  `"web": {\n  "docker": "web"\n }`,
  `"web": {"docker": "web", "egress": []}`,
  `"web": {"docker": "web", "egress": ["tcp:1:a:1", "tcp:2:a:2"]}`,
  `"web": {"docker": "web", "egress": [\n    "tcp:1:a:1",\n    "tcp:2:a:2"\n  ]}`,
  `"web": {"egress": null}`,
];
/** Text that another hand would write otherwise. */
const TEXTS = [
  `x-t: &t {stateDir: {disable: true}}\n`,
  `x-a:   [a,b ,  "caf\\u00e9"]   # odd\nx-t: &t\n      install:    never\n`,
  `x-f: >\n  folded text that is long enough to be\n  folded anew\n\nx-t: &t {}\n`,
];
const BEFORE = [``, `a: {docker: a}\n`, `a:\n    docker: 'a'   # quoted\n\n  # next\n`];

/** Whether all of `text` is in `longer`, in order. */
function holds(longer: string, text: string): boolean {
  let at = 0;
  for (const character of longer) if (character === text[at]) at++;
  return at === text.length;
}

function* manifests(): Generator<string> {
  for (const [index, host] of HOSTS_BLOCK.entries()) {
    const before = BEFORE[index % BEFORE.length]!;
    for (const text of TEXTS) {
      for (const after of [``, `\n  db:\n    docker: db #  other\n`, `\n\n# end`]) {
        const block = `${text}hosts:\n  ${before && `${before}  `}${host}${after}`;
        yield block;
        yield block.replaceAll("\n", "\r\n");
      }
    }
  }
  for (const host of HOSTS_FLOW) {
    for (const rest of [``, `, "db": {"docker": "caf\\u00e9"}`, `,\n  "db":\t{}`]) {
      yield `{"hosts": {${host}${rest}}}`;
      yield `{\n "x-a":["a"],\n "hosts":{"a":{"docker":"a"},${host}${rest}\n }}\n`;
    }
  }
}

Deno.test("all but the rule is the same to the byte, in any form of a manifest", () => {
  let count = 0;
  for (const text of manifests()) {
    const what = JSON.stringify(text);
    const before = parse(text, { merge: true });
    let after: string;
    try {
      after = withSavedRule(text, rule);
    } catch (error) {
      throw new Error(`${what} is not written`, { cause: error });
    }
    const rules = [before.hosts.web?.egress ?? [], RULE].flat();
    before.hosts.web = { ...before.hosts.web, egress: rules };
    assert.deepEqual(parse(after, { merge: true }), before, what);
    const without = text.replace(/(web"?: |egress"?: )(~|null)/, "$1");
    assert.ok(holds(after, without), `${what} became ${JSON.stringify(after)}`);
    const added = after.length - without.length;
    assert.ok(added < RULE.length + 50, `${added} characters more: ${after}`);
    if (isJson(text)) assert.ok(isJson(after), after);
    count++;
  }
  assert.ok(count > 400, String(count));
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
