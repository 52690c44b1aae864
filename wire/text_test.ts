import assert from "node:assert/strict";
import { formatHostPort, messageOf, withoutColors } from "./text.ts";

Deno.test("an error is its message, anything else that is thrown its text", () => {
  assert.equal(messageOf(new TypeError("no such thing")), "no such thing");
  assert.equal(messageOf("why"), "why");
  assert.equal(messageOf(undefined), "undefined");
});

Deno.test("a host and its port are one text, an IPv6 address in brackets", () => {
  assert.equal(formatHostPort("web.example", 80), "web.example:80");
  assert.equal(formatHostPort("127.0.42.101", 8080), "127.0.42.101:8080");
  assert.equal(formatHostPort("::1", 53), "[::1]:53");
});

Deno.test("colours go, in every way to write them, and other sequences stay", () => {
  assert.equal(withoutColors("\x1b[0m\x1b[1m\x1b[38;5;9merror\x1b[m: x"), "error: x");
  assert.equal(withoutColors("\x1b[38:2::1:2:3mx\x1b[2Jy"), "x\x1b[2Jy");
});
