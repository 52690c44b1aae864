import assert from "node:assert/strict";
import { parseCidr, parseIpv4 } from "./ipv4.ts";
import { inRanges, isSpecial } from "./special.ts";

const at = (text: string) => parseIpv4(text)!;
const ranges = (...texts: string[]) => texts.map((text) => parseCidr(text)!);

Deno.test("what each machine and link has to itself is special, up to its edges", () => {
  const special = {
    "0.0.0.0": true,
    "0.255.255.255": true,
    "1.0.0.0": false,
    "126.255.255.255": false,
    "127.0.0.0": true,
    "127.255.255.255": true,
    "128.0.0.0": false,
    "169.253.255.255": false,
    "169.254.0.0": true,
    "169.254.169.254": true,
    "169.254.255.255": true,
    "169.255.0.0": false,
    "10.0.0.1": false,
    "255.255.255.255": false,
  };
  for (const [address, is] of Object.entries(special)) {
    assert.equal(isSpecial(at(address)), is, address);
  }
});

Deno.test("an address is in a range up to its edges", () => {
  const table: [range: string, address: string, is: boolean][] = [
    ["10.0.0.0/8", "9.255.255.255", false],
    ["10.0.0.0/8", "10.0.0.0", true],
    ["10.0.0.0/8", "10.255.255.255", true],
    ["10.0.0.0/8", "11.0.0.0", false],
    ["192.168.95.7/32", "192.168.95.7", true],
    ["192.168.95.7/32", "192.168.95.6", false],
    ["0.0.0.0/0", "255.255.255.255", true],
    ["128.0.0.0/1", "255.0.0.0", true],
    ["128.0.0.0/1", "126.0.0.0", false],
  ];
  for (const [range, address, is] of table) {
    assert.equal(inRanges(ranges(range), at(address)), is, `${address} in ${range}`);
  }
  assert.equal(inRanges([], at("10.0.0.1")), false);
  assert.ok(inRanges(ranges("10.0.0.0/8", "172.16.0.0/12"), at("172.31.0.1")));
});

Deno.test("a special address is only in a range that lies within its own", () => {
  const table: [range: string, address: string, is: boolean][] = [
    ["0.0.0.0/0", "127.0.0.1", false],
    ["0.0.0.0/0", "0.0.0.0", false],
    ["0.0.0.0/0", "0.1.2.3", false],
    ["0.0.0.0/0", "169.254.169.254", false],
    ["0.0.0.0/1", "127.0.0.1", false],
    ["0.0.0.0/7", "0.1.2.3", false],
    ["126.0.0.0/7", "127.0.0.1", false],
    ["169.254.0.0/15", "169.254.169.254", false],
    ["127.0.0.0/8", "127.0.0.1", true],
    ["127.0.0.0/9", "127.0.0.1", true],
    ["127.0.0.0/9", "127.128.0.1", false],
    ["127.0.0.1/32", "127.0.0.1", true],
    ["127.0.0.1/32", "127.0.0.2", false],
    ["0.0.0.0/8", "0.0.0.0", true],
    ["0.0.0.0/32", "0.0.0.0", true],
    ["169.254.0.0/16", "169.254.169.254", true],
    ["169.254.169.254/32", "169.254.169.254", true],
  ];
  for (const [range, address, is] of table) {
    assert.equal(inRanges(ranges(range), at(address)), is, `${address} in ${range}`);
  }
  assert.ok(inRanges(ranges("0.0.0.0/0", "127.0.0.1/32"), at("127.0.0.1")));
});
