/**
 * The schema is published as it is here, describes every field, and takes and refuses what
 * the parser does, as far as a schema can tell.
 *
 * @module
 */
import { Ajv } from "ajv";
import assert from "node:assert/strict";
import { parse } from "yaml";
import { parseManifest } from "../../manifest/parse.ts";
import { SHARED_FIELDS } from "../../manifest/shared.ts";
import { ManifestError } from "../../manifest/source/diagnostic.ts";
import { builtinTransports } from "../../transports/registry.ts";
import { run } from "../_run.ts";
import { EXAMPLE } from "../commands/example.ts";
import { MANIFEST_SCHEMA, schemaText } from "./manifest_schema.ts";
import type { JsonSchema } from "./parts.ts";

const ROOT = new URL("../../", import.meta.url);
const validate = new Ajv({ strict: false, allErrors: true }).compile(MANIFEST_SCHEMA);

/** What the schema says of a manifest. */
function schemaSays(text: string): string[] {
  if (validate(parse(text, { merge: true }))) return [];
  return validate.errors!.map(({ instancePath, message }) =>
    `${instancePath} ${message}`
  );
}

/** What `norouter check` says. */
function parserSays(text: string): string[] {
  const options = {
    path: "mesh.yaml",
    transports: builtinTransports,
    env: () => "open sesame",
    findPlugin: () => ({ name: "a plug-in", parse: (spec: unknown) => spec }),
  };
  try {
    return parseManifest(text, options).warnings
      .filter(({ failsCheck }) => failsCheck).map(({ message }) => message);
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    return error.diagnostics.map(({ message }) => message);
  }
}

Deno.test("schema.json is this schema; else run scripts/schema.ts", () => {
  assert.equal(Deno.readTextFileSync(new URL("schema.json", ROOT)), schemaText());
});

Deno.test("norouter schema prints it", async () => {
  const { status, stdout, stderr } = await run(["schema"]);
  assert.deepEqual([status, stderr], [0, ""]);
  assert.deepEqual(JSON.parse(stdout), MANIFEST_SCHEMA);
});

Deno.test("every field is described", () => {
  let count = 0;
  const visit = (part: unknown, path: string) => {
    if (typeof part !== "object" || part === null || path.includes("/allOf")) return;
    for (const [key, value] of Object.entries(part)) {
      if (key === "properties") {
        for (const [name, field] of Object.entries<JsonSchema>(value)) {
          const { description } = field;
          assert.match(String(description), /^\S.*[.]$/s, `${path}/${name}`);
          count++;
        }
      }
      visit(value, `${path}/${key}`);
    }
  };
  visit(MANIFEST_SCHEMA, "");
  assert.ok(count > 80, `only ${count} fields`);
});

Deno.test("the fields are those of the parser", () => {
  const { hosts, hostTemplate } = MANIFEST_SCHEMA.properties as Record<
    string,
    JsonSchema
  >;
  const namesOf = (schema: JsonSchema) => Object.keys(schema.properties as object).sort();
  const own = ["vip", "aliases", "transport", "with", ...builtinTransports.keys()];
  assert.deepEqual(
    namesOf(hosts!.additionalProperties as JsonSchema),
    [...SHARED_FIELDS, ...own].sort(),
  );
  assert.deepEqual(namesOf(hostTemplate!), [...SHARED_FIELDS].sort());
  for (const name of Object.keys(MANIFEST_SCHEMA.properties as object)) {
    const said = parserSays(`hosts: { a: {} }\n${name}: 7`).join("\n");
    assert.doesNotMatch(said, /unknown field/);
  }
  // The options of transports, as a value that none of them takes is told by its name.
  const host = hosts!.additionalProperties as JsonSchema;
  const transports = host.properties as Record<string, JsonSchema>;
  for (const name of builtinTransports.keys()) {
    const { then } = transports[name]!;
    for (const option of then ? namesOf(then as JsonSchema) : []) {
      const said = parserSays(`hosts: { a: { ${name}: { ${option}: [[]] } } }`);
      assert.doesNotMatch(said.join("\n"), /unknown option/, `${name}: ${option}`);
    }
  }
});

function manifests(): [string, string][] {
  const folder = new URL("examples/", ROOT);
  const docs = new URL("docs/", ROOT);
  const examples = [...Deno.readDirSync(folder)].flatMap(({ name }) =>
    name.endsWith(".yaml") ? [[name, Deno.readTextFileSync(new URL(name, folder))]] : []
  );
  const blocks = [...Deno.readDirSync(docs)].flatMap(({ name }) =>
    [...Deno.readTextFileSync(new URL(name, docs)).matchAll(/^```yaml\n(.*?)^```$/gms)]
      .map(([, text = ""], index) => [`block ${index} of docs/${name}`, text])
  );
  return [["the example", EXAMPLE], ...examples, ...blocks] as [string, string][];
}

Deno.test("every manifest that we show is right", () => {
  const all = manifests();
  assert.ok(all.length > 20, `only ${all.length} manifests`);
  for (const [name, text] of all) assert.deepEqual(schemaSays(text), [], name);
});

const right = [
  `hosts: { a: }`,
  `hosts: { a: {}, b_1.c-d: { cmd: [x], vip: 127.0.42.7, aliases: [x.y.] } }`,
  `hosts: { a: { ports: ["1:[::1]:65535/tcp"], ingress: ["tcp:443:[fd00::7]:8443"] } }`,
  `hosts: { a: { egress: ["tcp:[::1]:1:a.b:2", "tcp:0.0.0.0:3:127.0.0.1:4"] } }`,
  `hosts: { a: { http: { listen: "" }, socks: , loopback: { disable: yes } } }`,
  `hosts: { a: {}, b: { cmd: b, resume: off, connectTimeout: 1.5, install: never } }`,
  `hosts: { a: {}, b: { ssh: { host: b, port: 22, jump: [c, d], identity: k } } }`,
  `hosts: { a: {}, b: { docker: { container: b, user: 0, env: { A: , B: 1 } }, cmd: } }`,
  `hosts: { a: {} }\nx-: 1\nx-y: []\npolicy:\nroutes: []\n`,
  `hosts: { a: { vip: 127.0.42.7, ingress: ["tcp:127.0.42.7:443:b:1"] } }`,
  `hosts: { a: {}, b: { cmd: b, resume: 24h, connectTimeout: 0x10 } }`,
  `hosts: { a: {}, b: { cmd: b, resume: 1h30m, connectTimeout: 1ms } }`,
  `hosts: { a: {}, b: { cmd: b, resume: 1e3, connectTimeout: .5 } }`,
  `hosts: { a: {}, b: { cmd: b, resume: 1000ms, connectTimeout: "0086400.0" } }`,
  `hosts: { a: { ports: [80:b:1] }, c: { cmd: c } }
policy: [{ from: [c], to: [a], ports: [8e1, 0x50, 80.0, 080, 80-80, 009-10000/tcp], action: deny }]`,
  `hosts: { a: { ports: [1:b:1] }, c: { cmd: c } }
policy: [{ from: ["*", c, 127.0.0.1/8], to: [a, "*"], ports: [1, 2-3/udp, "4"], action: deny }]`,
];
for (const text of right) {
  Deno.test(`schema and parser take ${text}`, () => {
    assert.deepEqual(parserSays(text), []);
    assert.deepEqual(schemaSays(text), []);
  });
}

const host = (fields: string) => `hosts: { a: {}, b: { ${fields} } }`;
const rule = (fields: string) =>
  `hosts: { a: {}, b: { cmd: b, ports: ["1:b:1"] } }\npolicy: [{ ${fields} }]`;
const wrong = [
  ``,
  `[]`,
  `hosts:`,
  `hosts: {}`,
  `hosts: [a]`,
  `hosts: { a: docker }`,
  `hosts: { 127.0.0.1: {} }`,
  `hosts: { a..b: {} }`,
  `hosts: { -a: {} }`,
  `hosts: { a: {} }\ny-x: 1`,
  `hosts: { a: {} }\nhostTemplate: { vip: 127.0.0.1 }`,
  `hosts: { a: {} }\nhostTemplate: []`,
  host(`cmd: x, prots: []`),
  host(`cmd: ""`),
  host(`cmd: [a, 3]`),
  host(`cmd: a, ssh: b`),
  host(`docker: a, transport: ./b.ts`),
  host(`cmd: a, with: 1`),
  host(`docker: {}`),
  host(`docker: { container: a, contxt: b }`),
  host(`docker: -a`),
  host(`docker: [a]`),
  host(`kubectl: { namespace: a }`),
  host(`lxc: { instance: a, user: me }`),
  host(`ssh: { host: a, port: 70000 }`),
  host(`ssh: { host: a, options: { "a b": 1 } }`),
  host(`cmd: a, vip: 10.0.0`),
  host(`cmd: a, vip: 224.0.0.1`),
  host(`cmd: a, vip: "::1"`),
  host(`cmd: a, aliases: [a_b, "a b"]`),
  host(`cmd: a, aliases: x`),
  host(`cmd: a, ports: ["99999:a:1"]`),
  host(`cmd: a, ports: ["8080:80"]`),
  host(`cmd: a, ports: ["1:a:1/udp"]`),
  host(`cmd: a, ports: ["1::1"]`),
  host(`cmd: a, ports: "1:a:1"`),
  host(`cmd: a, ports: [~]`),
  host(`cmd: a, ingress: ["443:127.0.0.1:8080"]`),
  host(`cmd: a, ingress: ["udp:443:127.0.0.1:8080"]`),
  host(`cmd: a, ingress: ["tcp:0.0.0.0:443:127.0.0.1:8080"]`),
  host(`cmd: a, ingress: ["tcp:127.0.0.1:443:127.0.0.1:8080"]`),
  host(`cmd: a, vip: 127.0.42.7, ingress: ["tcp:localhost:443:127.0.0.1:8080"]`),
  host(`cmd: a, vip: 127.0.42.7, ingress: ["tcp:[::1]:443:127.0.0.1:8080"]`),
  host(`cmd: a, vip: 127.0.42.7, ingress: ["tcp:0.0.0.0:443:127.0.0.1:8080"]`),
  `hosts: { a: {} }\nhostTemplate: { ingress: ["tcp:127.0.42.7:1:b:1"] }`,
  host(`cmd: a, egress: ["tcp:0:b:1"]`),
  host(`cmd: a, egress: ["tcp:eth0:1:b:1"]`),
  host(`cmd: a, egress: { a: b }`),
  host(`cmd: a, http: "127.0.0.1:1"`),
  host(`cmd: a, http: { listen: "127.0.0.1" }`),
  host(`cmd: a, http: { listen: "127.0.0.1:1", auth: { username: u } }`),
  host(`cmd: a, socks: { listen: "127.0.0.1:1", auth: { password: u } }`),
  host(
    `cmd: a, socks: { listen: ":1", auth: { username: u, password: p, passwordEnv: P } }`,
  ),
  host(`cmd: a, loopback: { disabled: true }`),
  host(`cmd: a, loopback: { disable: 1 }`),
  host(`cmd: a, writeEtcHosts: maybe`),
  host(`cmd: a, resolveFor: a`),
  host(`cmd: a, connectTimeout: fast`),
  host(`cmd: a, connectTimeout: -1`),
  host(`cmd: a, connectTimeout: 25h`),
  host(`cmd: a, connectTimeout: 1441m`),
  host(`cmd: a, connectTimeout: 86400.5s`),
  host(`cmd: a, connectTimeout: 86400001ms`),
  host(`cmd: a, connectTimeout: "86401"`),
  host(`cmd: a, connectTimeout: 0x15181`),
  host(`cmd: a, connectTimeout: "0x10"`),
  host(`cmd: a, connectTimeout: 0h0m`),
  host(`cmd: a, connectTimeout: 0.4ms`),
  host(`cmd: a, resume: 25h`),
  host(`cmd: a, resume: 999ms`),
  host(`cmd: a, resume: 0.9s`),
  host(`cmd: a, resume: never`),
  host(`cmd: a, resume: true`),
  host(`cmd: a, resume: 0.5`),
  host(`docker: a, install: yes`),
  `hosts: { a: {} }\nroutes: [{ via: a }]`,
  `hosts: { a: {} }\nroutes: [{ to: [10.0.0.0/8] }]`,
  `hosts: { a: {} }\nroutes: [{ via: a, to: [10.0.0.1] }]`,
  `hosts: { a: {} }\nroutes: [{ via: a, to: ["web-?"] }]`,
  `hosts: { a: {} }\nroutes: [{ via: a, to: [.example.com] }]`,
  `hosts: { a: {} }\nroutes: [{ via: a, to: ["*"], notTo: [10.0.0.0/33] }]`,
  `hosts: { a: {} }\nplugins: { ./a.ts: registry }`,
  `hosts: { a: {} }\nplugins: { "jsr:@a/b@1.0.0": "sha256:00" }`,
  `hosts: { a: {} }\npolicy: deny`,
  rule(`from: [a], to: [b]`),
  rule(`from: [a], action: deny`),
  rule(`to: [a], action: deny`),
  rule(`from: [], to: [b], action: deny`),
  rule(`from: [a], to: b, action: deny`),
  rule(`from: [a], to: [b], action: drop`),
  rule(`from: [a], to: [b], action: deny, port: [1]`),
  rule(`from: [a], to: [b], action: deny, ports: []`),
  rule(`from: [a], to: [b], action: deny, ports: [0]`),
  rule(`from: [a], to: [b], action: deny, ports: ["1-65536"]`),
  rule(`from: [a], to: [b], action: deny, ports: [1/sctp]`),
  rule(`from: [a], to: [b], action: deny, ports: ["90-80"]`),
  rule(`from: [a], to: [b], action: deny, ports: ["8e1", 8e-1, 1.5]`),
  rule(`from: ["*.internal"], to: [b], action: deny`),
  rule(`from: ["user:me"], to: [b], action: deny`),
  rule(`from: [a], to: ["cert:b"], action: deny`),
  rule(`from: [a], to: [10.0.0.0/33], action: deny`),
  rule(`from: [a], to: ["fd00::/8"], action: deny`),
];
for (const text of wrong) {
  Deno.test(`schema and parser refuse ${JSON.stringify(text)}`, () => {
    assert.notDeepEqual(parserSays(text), []);
    assert.notDeepEqual(schemaSays(text), []);
  });
}
