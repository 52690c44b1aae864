/**
 * Measures decisions of a policy of 1000 rules: `deno bench -A router/policy/_bench.ts`. The
 * aim is less than 10 µs for each.
 *
 * @module
 */

import { policy } from "./_rules.ts";
import { type Opening, Policy } from "./policy.ts";

const COUNT = 1000;

/** Rules of all kinds, of which the last ones match what is asked below. */
const rules = policy(
  ...Array.from({ length: COUNT - 3 }, (_, at) =>
    [
      `deny h${at} -> b,c : ${at + 1},${at + 2000}-${at + 2010}`,
      `deny * -> 10.${at % 250}.7.0/24,h${at} : 9000-9100`,
      `allow a,h${at} -> name:*.zone${at}.internal,name:web-*.${at}.internal : 443`,
      `deny a -> h${at},172.16.${at % 250}.0/24`,
    ][at % 4]!),
  "allow a -> b : 80",
  "deny a -> name:*.example",
  "deny * -> *",
);
const opening: Opening = {
  from: "a",
  fromAddress: 0x7f002a01,
  to: "b",
  address: 0x7f002a02,
  names: [],
  port: 80,
  proto: "tcp",
};

const known = new Policy(rules);
Deno.bench("the same connection again", () => void known.decide(opening));

const scanned = new Policy(rules);
let port = 0;
Deno.bench("a port after the other", () => {
  port = port % 65_535 + 1;
  scanned.decide({ ...opening, port });
});

const wide = new Policy(rules);
let address = 0;
Deno.bench("an address after the other", () => {
  address = address + 1 & 0xffffff;
  wide.decide({ ...opening, to: undefined, address: 0x0a000000 + address });
});

const named = new Policy(rules);
const routed = { ...opening, to: undefined, address: 0x0b000000, port: 443 };
Deno.bench(
  "by a name",
  () => void named.decide({ ...routed, names: ["www.a.example"] }),
);

let name = 0;
Deno.bench("a name after the other", () => {
  named.decide({ ...routed, names: [`www${name++}.a.example`] });
});

Deno.bench("compiling", () => void new Policy(rules));
