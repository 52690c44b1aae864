/**
 * The table of rule_text.ts.
 *
 * @module
 */
import fc from "fast-check";
import assert from "node:assert/strict";
import { formatRule, type ForwardRule, parseRule } from "./rule_text.ts";

const read: [string, Omit<ForwardRule, "proto">][] = [
  ["tcp:443:127.0.0.1:8080", {
    listenPort: 443,
    connectHost: "127.0.0.1",
    connectPort: 8080,
  }],
  ["tcp:5432:db:5432", { listenPort: 5432, connectHost: "db", connectPort: 5432 }],
  ["tcp:0.0.0.0:5432:db:5432", {
    listenHost: "0.0.0.0",
    listenPort: 5432,
    connectHost: "db",
    connectPort: 5432,
  }],
  ["tcp:localhost:5432:db:5432", {
    listenHost: "localhost",
    listenPort: 5432,
    connectHost: "db",
    connectPort: 5432,
  }],
  ["tcp:443:[fd00::7]:8443", {
    listenPort: 443,
    connectHost: "fd00::7",
    connectPort: 8443,
  }],
  ["tcp:[::1]:443:[fd00::7]:8443", {
    listenHost: "::1",
    listenPort: 443,
    connectHost: "fd00::7",
    connectPort: 8443,
  }],
];
for (const [text, expected] of read) {
  Deno.test(`the rule ${text} is read, and written as it was`, () => {
    const rule = parseRule(text);
    assert.deepEqual(rule, { proto: "tcp", ...expected });
    assert.equal(formatRule(rule as ForwardRule), text);
  });
}

const refused: [string, RegExp][] = [
  ["udp:53:dns:53", /^"udp:53:dns:53": UDP comes with datagrams, .*; wanted "tcp"$/],
  ["udp:0:dns:53", /port 0 is out of range/],
  ["sctp:1:a:2", /the protocol "sctp" is not known; wanted PROTOCOL:PORT:/],
  [":1:a:2", /the protocol "" is not known/],
  ["5432:db:5432", /the protocol is missing, "tcp:5432:db:5432"$/],
  ["tcp:5432:db", /is not a rule; wanted PROTOCOL:PORT:DESTINATION:PORT, like/],
  ["tcp:1:a:2:3:4", /is not a rule; wanted/],
  ["tcp:1:fd00::7:2", /an IPv6 address stands in brackets$/],
  ["tcp:eth0:5432:db:5432", /"eth0" is not an address to listen on/],
  ["tcp::5432:db:5432", /"" is not an address to listen on/],
  ["tcp:[::g]:5432:db:5432", /"\[::g\]" is not an address to listen on/],
  ["tcp:70000:db:5432", /port 70000 is out of range, ports are 1 to 65535/],
  ["tcp:1-2:db:5432", /"1-2" is not a port number/],
  ["tcp:1:db:", /"" is not a port number/],
  ["tcp:1::2", /the host to connect to is missing/],
  ["tcp:1:10.0.0.300:2", /"10.0.0.300" is not an IPv4 address/],
  ["tcp:1:d b:2", /"d b" is not a host name/],
  ["tcp:1:[::1:2", /is not a rule; wanted/],
  ["", /^"" is not a rule/],
];
for (const [text, reason] of refused) {
  Deno.test(`${JSON.stringify(text)} is no rule`, () => {
    assert.match(String(parseRule(text)), reason);
  });
}

Deno.test("what is read as a rule is written as the same rule", () => {
  const field = fc.constantFrom("tcp", "udp", "1", "65535", "a", "[::1]", "1.2.3.4", "");
  const texts = fc.array(field, { minLength: 3, maxLength: 6 })
    .map((fields) => fields.join(":"));
  fc.assert(
    fc.property(texts, (text) => {
      const rule = parseRule(text);
      if (typeof rule !== "string") assert.deepEqual(parseRule(formatRule(rule)), rule);
    }),
    { numRuns: 500, seed: 42 },
  );
});
