import assert from "node:assert/strict";
import { hostGlob } from "../../wire/glob.ts";
import { parseCidr } from "../../wire/ip/ipv4.ts";
import { NamePolicy } from "./policy.ts";

const [WEB, DB] = [1, 2];

function policy(): NamePolicy {
  const ranges = [parseCidr("10.0.0.0/8")!, parseCidr("0.0.0.0/1")!];
  return new NamePolicy({ ranges, takes: hostGlob("*.inside") });
}

Deno.test("every host may ask what a route leads here, and nothing else", () => {
  const table: [string | undefined, boolean][] = [
    ["db.inside", true],
    ["inside", false],
    ["secret.evil.example", false],
    [undefined, false],
    ["", false],
    ["7.0.0.10.in-addr.arpa", true],
    ["1.0.168.192.in-addr.arpa", false],
    ["1.0.0.127.in-addr.arpa", false], // a wide range does not mean the machine itself
    ["1.0.0.10.in-addr.arpa.evil", false],
  ];
  for (const [name, may] of table) assert.equal(policy().mayAsk(WEB, name), may, name);
});

Deno.test("who is named may ask everything, or all may", () => {
  const some = policy();
  some.resolveFor([WEB]);
  assert.ok(some.mayAsk(WEB, "www.example") && some.mayAsk(WEB, undefined));
  assert.ok(!some.mayAsk(DB, "www.example") && some.mayAsk(DB, "db.inside"));
  const all = policy();
  all.resolveFor("all");
  assert.ok(all.mayAsk(DB, "www.example"));
});
