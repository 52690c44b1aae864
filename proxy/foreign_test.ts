import assert from "node:assert/strict";
import { parseCidr, parseIpv4 } from "../wire/ip/ipv4.ts";
import { Foreign, NAMED_LIMIT } from "./foreign.ts";

const at = (text: string) => parseIpv4(text)!;

const VIPS = ["10.42.0.1", "127.0.42.101"].map(at);

function foreignOf({ ranges = [] as string[], takes = (_: string) => false }): Foreign {
  const isVip = (address: number) => VIPS.includes(address);
  return new Foreign({ ranges: ranges.map((text) => parseCidr(text)!), takes, isVip });
}

Deno.test("hosts of the mesh are never dialled as something foreign", () => {
  const foreign = foreignOf({
    ranges: ["10.0.0.0/8", "127.0.42.0/24"],
    takes: () => true,
  });
  foreign.note("evil.example", VIPS);
  for (const vip of VIPS) assert.ok(!foreign.allows(vip));
  assert.ok(foreign.allows(at("10.42.0.2")));
});

Deno.test("without a route nothing is dialled", () => {
  const foreign = foreignOf({});
  foreign.note("a.example", [at("10.0.0.1")]);
  for (const address of ["10.0.0.1", "127.0.0.1", "0.0.0.0", "8.8.8.8"]) {
    assert.equal(foreign.allows(at(address)), false, address);
  }
});

Deno.test("addresses in a range are dialled, special ones only if it names them", () => {
  const wide = foreignOf({ ranges: ["0.0.0.0/0"] });
  assert.ok(wide.allows(at("10.0.0.1")));
  assert.ok(wide.allows(at("223.255.255.255")));
  for (const address of ["127.0.0.1", "0.0.0.0", "169.254.169.254"]) {
    assert.ok(!wide.allows(at(address)), address);
  }
  const narrow = foreignOf({ ranges: ["127.0.0.1/32", "169.254.0.0/16", "10.0.0.0/8"] });
  assert.ok(narrow.allows(at("127.0.0.1")));
  assert.ok(narrow.allows(at("169.254.169.254")));
  assert.ok(!narrow.allows(at("127.0.0.2")));
  assert.ok(!narrow.allows(at("11.0.0.1")));
});

Deno.test("addresses given for a name are dialled, if the name is one of its routes", () => {
  const foreign = foreignOf({ takes: (name) => name.endsWith(".mine") });
  assert.ok(!foreign.allows(at("10.0.0.1")));
  foreign.note("a.mine", [at("10.0.0.1"), at("10.0.0.2")]);
  foreign.note("a.other", [at("10.0.0.3")]);
  assert.ok(foreign.allows(at("10.0.0.1")));
  assert.ok(foreign.allows(at("10.0.0.2")));
  assert.ok(!foreign.allows(at("10.0.0.3")));
});

Deno.test("a name never leads to a special address", () => {
  const foreign = foreignOf({ takes: () => true });
  const special = ["127.0.0.1", "127.0.42.101", "0.0.0.0", "169.254.169.254"].map(at);
  foreign.note("evil.mine", special);
  for (const address of special) assert.ok(!foreign.allows(address), `${address}`);
});

Deno.test("multicast, reserved and broadcast addresses are never dialled", () => {
  const foreign = foreignOf({
    ranges: ["0.0.0.0/0", "224.0.0.0/4", "255.255.255.255/32"],
    takes: () => true,
  });
  const nobody = ["224.0.0.0", "224.0.0.251", "239.255.255.255", "240.0.0.1"].map(at);
  nobody.push(at("255.255.255.255"));
  foreign.note("evil.mine", nobody);
  for (const address of nobody) assert.ok(!foreign.allows(address), `${address}`);
});

Deno.test("the address unused for longest is forgotten for one more than the limit", () => {
  const foreign = foreignOf({ takes: () => true });
  const first = at("10.0.0.0");
  const all = Array.from({ length: NAMED_LIMIT }, (_, index) => first + index);
  foreign.note("all.mine", all);
  // Used by a dial and by a name server, the first two are not the ones to go.
  assert.ok(foreign.allows(first));
  foreign.note("again.mine", [first + 1]);
  foreign.note("more.mine", [at("11.0.0.1"), at("11.0.0.2")]);
  assert.ok(!foreign.allows(first + 2));
  assert.ok(!foreign.allows(first + 3));
  const kept = all.filter((address) => foreign.allows(address));
  assert.equal(kept.length, NAMED_LIMIT - 2);
  assert.deepEqual(kept.slice(0, 3), [first, first + 1, first + 4]);
  assert.ok(foreign.allows(at("11.0.0.1")));
});

Deno.test("addresses that are never dialled push nobody out", () => {
  const foreign = foreignOf({ takes: () => true });
  foreign.note("good.mine", [at("10.0.0.1")]);
  const loopback = at("127.0.0.0");
  foreign.note(
    "evil.mine",
    Array.from({ length: NAMED_LIMIT + 1 }, (_, index) => loopback + index),
  );
  assert.ok(foreign.allows(at("10.0.0.1")));
});

Deno.test("an address in a range does not need to be remembered", () => {
  const foreign = foreignOf({ ranges: ["10.0.0.0/8"], takes: () => true });
  for (let index = 0; index <= NAMED_LIMIT; index++) {
    foreign.note("many.mine", [at("172.16.0.0") + index]);
  }
  assert.ok(foreign.allows(at("10.0.0.1")));
});
