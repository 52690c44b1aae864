import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeControl } from "../../wire/control/control.ts";
import { MOST_PROOF_BYTES, proofIn } from "./proof.ts";

const wish = { id: "0123456789abcdef", secret: "f0".repeat(16) };
const request = { id: 7, op: "resume", args: { ...wish, epoch: 3 } };
const right = encodeControl({ type: "request", body: request }).bytes;

Deno.test("a request proves a link, however it is cut", () => {
  for (let length = 0; length < right.length; length++) {
    assert.equal(proofIn(right.subarray(0, length), wish), undefined);
  }
  assert.deepEqual(proofIn(right, wish), { request, epoch: 3, taken: right.length });
});

Deno.test("a request with any other byte proves nothing, and no fault shows the secret", () => {
  const text = new TextDecoder().decode(right);
  const inSecret = text.indexOf(wish.secret);
  for (let at = 0; at < wish.secret.length; at++) {
    const bytes = right.slice();
    bytes[inSecret + at]! ^= 1;
    assert.throws(() => proofIn(bytes, wish), (error: Error) => {
      return !error.message.includes(wish.secret.slice(0, 8)) &&
        /secret is wrong|32 hexadecimal/.test(error.message);
    });
  }
});

Deno.test("nothing that a stranger sends proves a link, or takes more than a frame", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    try {
      assert.equal(proofIn(bytes, wish), undefined);
    } catch (error) {
      assert.ok(error instanceof Error);
    }
  }));
  fc.assert(fc.property(fc.jsonValue(), (args) => {
    const body = { id: 1, op: "resume", args };
    const { bytes } = encodeControl({ type: "request", body });
    assert.throws(() => proofIn(bytes, wish) ?? assert.fail("unfinished"), Error);
  }));
  const header = right.slice(0, 8);
  header.set([0, MOST_PROOF_BYTES >> 8, 0], 1);
  assert.throws(() => proofIn(header, wish), /too long/);
});
