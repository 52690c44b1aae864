// Bytes that are no frames, and what is said of them.
import assert from "node:assert/strict";
import { streamFault } from "./stream_fault.ts";

const bytes = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0));

const table: [what: string, bytes: Uint8Array, text: string, said: RegExp][] = [
  [
    "an echo",
    bytes("{"),
    'B^@^A{"type":"request","body":{"id":1,"op":"configure"',
    /comes back/,
  ],
  ["an echo later", bytes('{"type":"request"'), "", /comes back/],
  ["colours", bytes("\x1b[32mroot@web\x1b[0m"), "", /escape sequences/],
  ["a prompt before", bytes("\0\x01\xff\xfe"), "\x1b[?2004h$ ", /escape sequences/],
  ["a message", bytes("warning: clock skew detected\n"), "", /this is text/],
  [
    "a message with umlauts",
    bytes("Verbindung zur\xc3\xbcckgesetzt durch..."),
    "",
    /text/,
  ],
  ["noise", bytes("\0\x0d\x0a\xff\x80\x01B\0"), "", /lost or changed/],
  [
    "an answer without its header",
    new Uint8Array(),
    'B{"type":"result","body":{"op":"configure"',
    /lost/,
  ],
  ["few bytes", bytes("ab"), "", /lost or changed/],
];

for (const [what, seen, text, said] of table) {
  Deno.test(`${what} among the frames is named`, () => {
    assert.match(streamFault(seen, text)!, said);
  });
}

Deno.test("of nothing, nothing is said", () => {
  assert.equal(streamFault(new Uint8Array(), ""), undefined);
  assert.equal(streamFault(new Uint8Array(), "Welcome to box\n"), undefined);
});
