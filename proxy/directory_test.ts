import assert from "node:assert/strict";
import { parseIpv4 } from "../wire/ip/ipv4.ts";
import { canonicalName, Directory } from "./directory.ts";

const ME = "127.0.42.100";
const WEB = "127.0.42.101";
const DB = "127.0.42.102";
const at = (text: string) => parseIpv4(text)!;

type Route = [via: string, ...to: string[]];

/** A directory of the hosts `me`, `web`, `db` and the alias `www.example.com` of `web`. */
function directoryOf(...routes: Route[]): Directory {
  return new Directory({
    me: at(ME),
    names: { me: ME, web: WEB, "www.example.com": WEB, db: DB },
    routes: routes.map(([via, ...to]) => ({
      via,
      toCIDR: to.filter((text) => text.includes("/")),
      toHostnameGlob: to.filter((text) => !text.includes("/")),
    })),
  });
}

const host = (address: string) => ({ kind: "host", address: at(address) });
const behind = (via: string) => ({ kind: "behind", via: at(via) });
const outside = { kind: "outside" };

Deno.test("hosts, aliases and VIPs come before routes that match them too", () => {
  const directory = directoryOf([DB, "*", "0.0.0.0/0", "127.0.42.0/24"]);
  assert.deepEqual(directory.ofName("web"), host(WEB));
  assert.deepEqual(directory.ofName("www.example.com"), host(WEB));
  assert.deepEqual(directory.ofName("me"), host(ME));
  assert.deepEqual(directory.ofAddress(at(WEB)), host(WEB));
  assert.deepEqual(directory.ofAddress(at(ME)), host(ME));
  assert.deepEqual(directory.ofAddress(at("127.0.42.103")), behind(DB));
  assert.deepEqual(directory.ofName("web.example.com"), behind(DB));
});

Deno.test("a host's own name comes before its aliases, whatever the order they came in", () => {
  // As a manager of NoRouter sends them: sorted, and without a word of which are aliases.
  const names = { "alias.web.example": WEB, "b.example": WEB, db: DB, web: WEB };
  const directory = new Directory({ me: at(ME), names, routes: [] });
  assert.equal(directory.nameOf(at(WEB)), "web");
  assert.deepEqual(directory.namesOf(at(WEB)), ["web", "b.example", "alias.web.example"]);
  // Who says which are aliases is believed.
  directory.aliases(["Web", "alias.web.example"]);
  assert.deepEqual(directory.namesOf(at(WEB)), ["b.example", "web", "alias.web.example"]);
  assert.deepEqual(directory.namesOf(at(ME)), []);
});

Deno.test("a name that a route excepts is not for its ranges either, but for others'", () => {
  const directory = directoryOf(
    [WEB, "192.168.0.0/16"],
    [DB, "0.0.0.0/0", "*"],
  );
  directory.except(1, ["who.test", "*.who.test"]);
  assert.deepEqual(directory.ofName("who.test"), outside);
  const there = at("10.0.0.1");
  assert.deepEqual(directory.ofAddress(there), behind(DB));
  assert.deepEqual(directory.ofAddress(there, "other.test"), behind(DB));
  for (const name of ["who.test", "A.WHO.test."]) {
    assert.deepEqual(directory.ofAddress(there, name), outside);
    assert.deepEqual(directory.ofAddress(at("192.168.0.1"), name), behind(WEB));
  }
});

Deno.test("this host's VIP is a host even where no name stands for it", () => {
  const directory = new Directory({ me: at(ME), names: {}, routes: [] });
  assert.deepEqual(directory.ofAddress(at(ME)), host(ME));
  assert.deepEqual(directory.ofAddress(at(WEB)), outside);
});

Deno.test("the last route that matches wins, for names and for addresses", () => {
  const directory = directoryOf(
    [WEB, "*.example.net", "10.0.0.0/8"],
    [DB, "db-*.example.net", "10.1.0.0/16"],
    [WEB, "10.1.2.0/24", "*.other"],
  );
  assert.deepEqual(directory.ofName("a.example.net"), behind(WEB));
  assert.deepEqual(directory.ofName("db-1.example.net"), behind(DB));
  assert.deepEqual(directory.ofName("example.net"), outside);
  assert.deepEqual(directory.ofAddress(at("10.9.0.1")), behind(WEB));
  assert.deepEqual(directory.ofAddress(at("10.1.0.1")), behind(DB));
  assert.deepEqual(directory.ofAddress(at("10.1.2.1")), behind(WEB));
  assert.deepEqual(directory.ofAddress(at("11.0.0.1")), outside);
});

Deno.test("a wide route behind a narrow one hides it", () => {
  const directory = directoryOf([WEB, "a.example", "10.1.0.0/16"], [
    DB,
    "*",
    "0.0.0.0/0",
  ]);
  assert.deepEqual(directory.ofName("a.example"), behind(DB));
  assert.deepEqual(directory.ofAddress(at("10.1.0.1")), behind(DB));
});

Deno.test("case and the dot at the end do not count, in questions, names and patterns", () => {
  const directory = new Directory({
    me: at(ME),
    names: { "WeB": WEB, "Db.Example.": DB },
    routes: [{ via: DB, toCIDR: [], toHostnameGlob: ["*.LAB.example."] }],
  });
  for (const name of ["web", "WEB", "web.", "Web."]) {
    assert.deepEqual(directory.ofName(name), host(WEB), name);
  }
  assert.deepEqual(directory.ofName("DB.example"), host(DB));
  for (const name of ["a.lab.example", "A.Lab.Example", "a.lab.example."]) {
    assert.deepEqual(directory.ofName(name), behind(DB), name);
  }
  assert.equal(canonicalName("A.b."), "a.b");
  assert.equal(canonicalName("a.."), "a.");
  assert.deepEqual(directory.ofName("web.."), outside);
});

Deno.test("names that objects have by themselves are names like others", () => {
  const directory = directoryOf();
  for (const name of ["__proto__", "constructor", "toString", ""]) {
    assert.deepEqual(directory.ofName(name), outside, name);
  }
});

Deno.test("an exception makes its route no match, and earlier ones are tried", () => {
  const directory = directoryOf(
    [WEB, "*.example.net"],
    [DB, "*.lab.example.net"],
    [WEB, "x.lab.example.net"],
  );
  assert.deepEqual(directory.ofName("a.lab.example.net"), behind(DB));
  directory.except(1, ["a.*", "*.LAST.lab.example.net."]);
  assert.deepEqual(directory.ofName("a.lab.example.net"), behind(WEB));
  assert.deepEqual(directory.ofName("b.last.lab.example.net"), behind(WEB));
  assert.deepEqual(directory.ofName("b.lab.example.net"), behind(DB));
  assert.deepEqual(directory.ofName("x.lab.example.net"), behind(WEB));
  directory.except(0, ["a.lab.example.net"]);
  assert.deepEqual(directory.ofName("a.lab.example.net"), outside);
  assert.deepEqual(directory.ofName("A.lab.example.net."), outside);
});

Deno.test("an exception counts for the route with its index alone, and only for names", () => {
  const directory = directoryOf([WEB, "*.a", "10.0.0.0/8"], [DB, "*.b"]);
  directory.except(0, ["x.*", "10.*"]);
  assert.deepEqual(directory.ofName("x.a"), outside);
  assert.deepEqual(directory.ofName("x.b"), behind(DB));
  assert.deepEqual(directory.ofAddress(at("10.0.0.1")), behind(WEB));
});

Deno.test("exceptions of routes that there are not are nobody's", () => {
  const directory = directoryOf([WEB, "*.a"], [DB, "*.b"]);
  for (const index of [2, -1, 1e9, 0.5, NaN]) directory.except(index, ["*"]);
  assert.deepEqual(directory.ofName("x.a"), behind(WEB));
  assert.deepEqual(directory.ofName("x.b"), behind(DB));
});

Deno.test("what is routed to this host is outside, though an earlier route matches", () => {
  const directory = directoryOf(
    [WEB, "*", "0.0.0.0/0"],
    [ME, "*.example.net", "10.0.0.0/8"],
  );
  assert.deepEqual(directory.ofName("a.example.net"), outside);
  assert.deepEqual(directory.ofAddress(at("10.0.0.1")), outside);
  assert.deepEqual(directory.ofName("a.example.org"), behind(WEB));
  assert.deepEqual(directory.ofAddress(at("11.0.0.1")), behind(WEB));
});

Deno.test("special addresses go by routes that name them only", () => {
  const special = ["127.0.0.1", "0.0.0.0", "0.1.2.3", "169.254.169.254"];
  const wide = directoryOf([WEB, "0.0.0.0/0", "0.0.0.0/1", "126.0.0.0/7", "168.0.0.0/6"]);
  for (const address of special) {
    assert.deepEqual(wide.ofAddress(at(address)), outside, address);
  }
  assert.deepEqual(wide.ofAddress(at("126.0.0.1")), behind(WEB));
  const named = directoryOf(
    [DB, "127.0.0.1/32", "0.0.0.0/8", "169.254.0.0/16"],
    [WEB, "0.0.0.0/0"],
  );
  for (const address of special) {
    assert.deepEqual(named.ofAddress(at(address)), behind(DB), address);
  }
  assert.deepEqual(named.ofAddress(at("127.0.0.2")), outside);
});

Deno.test("what this host dials are the routes to it, without their exceptions", () => {
  const directory = directoryOf(
    [ME, "*.mine", "10.0.0.0/8"],
    [WEB, "*.web", "172.16.0.0/12"],
    [ME, "other", "192.168.0.0/16"],
  );
  directory.except(0, ["not.*"]);
  const { ranges, takes } = directory.mine;
  assert.deepEqual(
    ranges.map(({ network }) => network).toSorted(),
    [at("10.0.0.0"), at("192.168.0.0")].toSorted(),
  );
  const names = ["a.mine", "A.Mine.", "not.mine", "a.web", "other", "OTHER.", "x.other"];
  assert.deepEqual(names.filter(takes), ["a.mine", "A.Mine.", "other", "OTHER."]);
});

Deno.test("an exception that comes later counts for what this host dials already", () => {
  const directory = directoryOf([ME, "*.mine"]);
  const { takes } = directory.mine;
  assert.ok(takes("a.mine"));
  directory.except(0, ["a.*"]);
  assert.ok(!takes("a.mine"));
  assert.ok(takes("b.mine"));
});

Deno.test("addresses of names matter only if some route has ranges", () => {
  assert.equal(directoryOf().hasRanges, false);
  assert.equal(directoryOf([WEB, "*"]).hasRanges, false);
  assert.equal(directoryOf([WEB, "*"], [DB, "10.0.0.0/8", "*.a"]).hasRanges, true);
});

Deno.test("ranges and patterns that are none match nothing", () => {
  const directory = directoryOf([
    WEB,
    "10.0.0.0/33",
    "300.0.0.0/8",
    "10.0.0.1/",
    "[a-",
    "",
  ]);
  assert.equal(directory.hasRanges, false);
  assert.deepEqual(directory.ofAddress(at("10.0.0.1")), outside);
  for (const name of ["a", "[a", "10.0.0.1"]) {
    assert.deepEqual(directory.ofName(name), outside, name);
  }
});

Deno.test("a VIP has the first of its names", () => {
  const directory = directoryOf();
  assert.equal(directory.nameOf(at(WEB)), "web");
  assert.equal(directory.nameOf(at("127.0.42.1")), undefined);
});
