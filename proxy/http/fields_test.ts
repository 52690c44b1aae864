import assert from "node:assert/strict";
import { endToEnd, type Field, fieldsOf, tokensOf } from "./fields.ts";

Deno.test("raw headers become pairs, in order and as written", () => {
  assert.deepEqual(fieldsOf([]), []);
  assert.deepEqual(fieldsOf(["Host", "a", "X-y", "1", "x-Y", "2"]), [
    ["Host", "a"],
    ["X-y", "1"],
    ["x-Y", "2"],
  ]);
  assert.deepEqual(fieldsOf(["Host", "a", "odd"]), [["Host", "a"]]);
});

Deno.test("the tokens of all lines of a field are one list in small letters", () => {
  const fields: Field[] = [
    ["Connection", "Keep-Alive, X-One"],
    ["X-Other", "no"],
    ["CONNECTION", " ,\tX-Two ,,"],
    ["connection", ""],
  ];
  assert.deepEqual(tokensOf(fields, "connection"), ["keep-alive", "x-one", "x-two"]);
  assert.deepEqual(tokensOf(fields, "te"), []);
});

/** Names of the fields that go on. */
function left(...fields: Field[]): string[] {
  return endToEnd(fields).map(([name]) => name);
}

Deno.test("fields for the next hop alone do not go on, however they are written", () => {
  const hops = ["Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate"];
  hops.push("Proxy-Authorization", "TE", "Transfer-Encoding", "Upgrade");
  for (const hop of hops) {
    for (const name of [hop, hop.toLowerCase(), hop.toUpperCase()]) {
      assert.deepEqual(left(["A", "1"], [name, "x"], ["B", "2"]), ["A", "B"], name);
    }
  }
  const ends = ["Host", "Authorization", "Cookie", "Trailer", "Via", "Content-Length"];
  ends.push("WWW-Authenticate", "Content-Encoding", "Accept-Encoding", "Connection-X");
  for (const name of ends) assert.deepEqual(left([name, "x"]), [name]);
});

Deno.test("fields that Connection names do not go on, on whichever line it does", () => {
  const fields: Field[] = [
    ["x-before", "1"],
    ["Connection", "close, X-Before"],
    ["X-After", "1"],
    ["x-AFTER", "2"],
    ["Kept", "1"],
    ["connection", "x-after,X-nobody"],
    ["Kept", "2"],
  ];
  assert.deepEqual(endToEnd(fields), [["Kept", "1"], ["Kept", "2"]]);
});

Deno.test("fields go on in order, with their lines and values untouched", () => {
  const fields: Field[] = [["Set-Cookie", "a=1, b"], ["set-cookie", " c "], ["X", ""]];
  assert.deepEqual(endToEnd(fields), fields);
});

Deno.test("Connection cannot take away where a message ends nor whom it is for", () => {
  assert.deepEqual(
    left(
      ["Host", "a"],
      ["Content-Length", "5"],
      ["X", "1"],
      ["Connection", "content-length, HOST, x"],
    ),
    ["Host", "Content-Length"],
  );
});

Deno.test("a field whose name only begins with one that is named goes on", () => {
  assert.deepEqual(left(["Connection", "X"], ["X-Y", "1"], ["Keep-Alive-X", "1"]), [
    "X-Y",
    "Keep-Alive-X",
  ]);
});
