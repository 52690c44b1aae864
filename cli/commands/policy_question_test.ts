/**
 * `norouter check --policy`: questions, and which rule decides.
 *
 * @module
 */
import assert from "node:assert/strict";
import { run, withFiles } from "../_run.ts";
import { parseQuestion } from "./policy_question.ts";

const MESH = `hosts:
  laptop: { aliases: [me], vip: 127.0.42.100, http: { listen: "127.0.0.1:18080" } }
  db: { docker: db, vip: 127.0.42.101, ports: ["5432:a:5432", "22:a:22"] }
  bastion: { ssh: bastion }
routes: [{ via: bastion, to: [10.0.0.0/8, "*.internal"], notTo: [10.9.0.0/16] }]
policy:
  - { from: [laptop], to: [db], ports: [5432/tcp], action: allow }
  - { from: ["*"], to: [10.1.0.0/16], action: allow }
  - { from: ["*"], to: [db, "*.internal"], action: deny }
`;

/** Asks questions of the manifest. */
function ask(questions: readonly string[], text = MESH) {
  const args = questions.flatMap((question) => ["--policy", question]);
  return withFiles(
    { "mesh.yaml": text },
    (cwd) => run(["check", "mesh.yaml", ...args], { cwd }),
  );
}

Deno.test("check says which rule of the policy decides, and where it stands", async () => {
  const table: [string, string][] = [
    [
      "me -> db:5432/tcp",
      "laptop -> db:5432/tcp: allowed by the rule at mesh.yaml:7:5",
    ],
    [
      "127.0.42.100->127.0.42.101:22",
      "laptop -> db:22/tcp: denied by the rule at mesh.yaml:9:5",
    ],
    [
      "bastion -> DB:81",
      `bastion -> db:81/tcp: denied by the rule at mesh.yaml:9:5; "db" does not publish ` +
      `this port`,
    ],
    [
      "db -> bastion:22/udp",
      "db -> bastion:22/udp: allowed, as no rule matches; the mesh carries no UDP yet",
    ],
    ["db -> db:22", "db -> db:22/tcp: allowed, as it does not pass the mesh"],
    [
      "bastion -> db:10053",
      "bastion -> db:10053/tcp: allowed, as everybody may ask the name servers of the mesh",
    ],
    ["db -> 10.1.2.3:80", "db -> 10.1.2.3:80/tcp: allowed by the rule at mesh.yaml:8:5"],
    ["db -> 10.2.2.3:80", "db -> 10.2.2.3:80/tcp: allowed, as no rule matches"],
    [
      "db -> a.internal:80",
      "db -> a.internal:80/tcp: denied by the rule at mesh.yaml:9:5; unless the address " +
      "of this name is in a range of the rule at mesh.yaml:8:5",
    ],
  ];
  const { status, stdout, stderr } = await ask(table.map(([question]) => question));
  assert.deepEqual([status, stderr], [0, ""]);
  assert.deepEqual(stdout.trimEnd().split("\n"), [
    "mesh.yaml: OK, 3 hosts",
    ...table.map(([, answer]) => answer),
  ]);
});

Deno.test("a port where name servers listen is as others on a host that publishes it", async () => {
  const text = MESH.replace('"22:a:22"', '"10053:a:53"');
  const { stdout } = await ask(["bastion -> db:10053", "db -> bastion:10053"], text);
  assert.match(
    stdout,
    /^bastion -> db:10053\/tcp: denied by the rule at mesh.yaml:9:5$/m,
  );
  assert.match(stdout, /^db -> bastion:10053\/tcp: allowed, as everybody may ask/m);
});

Deno.test("without a policy all is allowed", async () => {
  const { stdout } = await ask(["me -> db:22"], MESH.replace(/policy:[^]*/, ""));
  assert.match(stdout, /^laptop -> db:22\/tcp: allowed, as there is no policy$/m);
});

Deno.test("a question about nobody is wrong usage", async () => {
  const table: [string, RegExp][] = [
    ["lptop -> db:1", /"lptop" is not a host of mesh.yaml; did you mean "laptop"\?/],
    [
      "me -> dbb:1",
      /"dbb" is no host, and no route .* has the name; did you mean "db"\?/,
    ],
    ["me -> www.example.com:1", /has the name; if its address lies behind a route, ask/],
    ["me -> 10.9.0.1:1", /"10.9.0.1" is no VIP, and no route of mesh.yaml leads there/],
    [
      "me db:1",
      /"me db:1" is no question of the policy; wanted 'HOST -> DESTINATION:PORT/,
    ],
  ];
  for (const [question, reason] of table) {
    const { status, stderr } = await ask([question]);
    assert.equal(status, 2);
    assert.match(stderr, reason);
    assert.match(stderr, /^norouter: --policy: /);
    assert.match(stderr, /see "norouter help check"/);
  }
});

Deno.test("questions have a form", () => {
  const asked = { from: "a", to: "b", port: 1, proto: "tcp" };
  assert.deepEqual(parseQuestion("a -> b:1"), asked);
  assert.deepEqual(parseQuestion(" a->b:1/udp "), { ...asked, proto: "udp" });
  const wrong = ["", "a", "a -> b", "a -> b:0", "a -> b:x", "a -> b:1/ip", "a => b:1"];
  for (const text of [...wrong, "a -> b:1-2", "a -> [::1]:1", "a b -> c:1", "-> b:1"]) {
    assert.match(String(parseQuestion(text)), /is no question of the policy/, text);
  }
});
