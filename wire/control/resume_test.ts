import assert from "node:assert/strict";
import {
  ControlError,
  MOST_RESUME_SECONDS,
  parseConfigureArgs,
  parseConfigureData,
  parseHostAway,
  parseResumeArgs,
  parseResumeData,
} from "./control.ts";

const id = "0123456789abcdef";
const secret = "00112233445566778899aabbccddeeff";

function fault(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof ControlError);
    return error.message;
  }
  assert.fail("expected a ControlError");
}

const wish = { id, secret, seconds: 300, mesh: "a.mesh_1-2", host: "web, “1”" };
const configured = (resume: unknown) =>
  parseConfigureArgs({ me: "127.0.42.1", forwards: [], others: [], resume }).resume;

Deno.test("a wish to resume comes with configure, or does not", () => {
  assert.deepEqual(configured(wish), wish);
  assert.deepEqual(configured({ ...wish, more: 1 }), wish);
  assert.equal(configured(undefined), undefined);
  assert.equal(configured(null), undefined);
});

Deno.test("a wish of another form is refused, and the fault does not show the secret", () => {
  const wrong: [Record<string, unknown>, RegExp][] = [
    [{ id: "x" }, /resume\.id.*16 hexadecimal digits/],
    [{ id: id.toUpperCase() }, /16 hexadecimal digits/],
    [{ id: "../../../../etc" }, /16 hexadecimal digits/],
    [{ secret: `${secret}0` }, /32 hexadecimal digits/],
    [{ secret: 5 }, /32 hexadecimal digits/],
    [{ seconds: 0 }, /seconds/],
    [{ seconds: 1.5 }, /seconds/],
    [{ seconds: MOST_RESUME_SECONDS + 1 }, /seconds/],
    [{ mesh: "" }, /name of a mesh/],
    [{ mesh: "a b" }, /name of a mesh/],
    [{ mesh: "a\nb" }, /name of a mesh/],
    [{ host: "x".repeat(257) }, /host/],
  ];
  for (const [change, expected] of wrong) {
    const message = fault(() => configured({ ...wish, ...change }));
    assert.match(message, expected);
    assert.doesNotMatch(message, new RegExp(secret));
  }
});

Deno.test("the answer says how long, or why not", () => {
  const read = (resume: unknown) =>
    parseConfigureData({ features: [], version: "", resume }).resume;
  assert.deepEqual(read({ seconds: 300 }), { seconds: 300 });
  assert.deepEqual(read({ off: "no /proc" }), { off: "no /proc" });
  assert.deepEqual(read({ seconds: null, off: null }), {});
  assert.equal(read(undefined), undefined);
  assert.match(fault(() => read({ seconds: -1 })), /seconds/);
});

Deno.test("the request to resume has an id, a secret and a number that counts", () => {
  assert.deepEqual(parseResumeArgs({ id, secret, epoch: 1 }), { id, secret, epoch: 1 });
  for (const epoch of [0, -1, 1.5, 2 ** 53, "1", null]) {
    const message = fault(() => parseResumeArgs({ id, secret, epoch }));
    assert.match(message, /epoch/);
    assert.doesNotMatch(message, new RegExp(secret));
  }
  const message = fault(() => parseResumeArgs({ id, secret: `${secret} `, epoch: 1 }));
  assert.doesNotMatch(message, new RegExp(secret));
});

Deno.test("its result has features, a version and the time away", () => {
  const data = { features: ["tcp"], version: "1", away: 1500 };
  assert.deepEqual(parseResumeData(data), data);
  assert.deepEqual(parseResumeData({ features: [] }), {
    features: [],
    version: "",
    away: 0,
  });
  assert.match(fault(() => parseResumeData({ features: [], away: -1 })), /away/);
});

Deno.test("hostAway and hostBack name a host and the ranges behind it", () => {
  const data = { ip: "127.0.42.7", ranges: ["10.0.0.0/8"] };
  assert.deepEqual(parseHostAway(data), data);
  assert.deepEqual(parseHostAway({ ip: "127.0.42.7", ranges: null }).ranges, []);
  assert.match(fault(() => parseHostAway({ ip: "x", ranges: [] })), /ip/);
  assert.match(fault(() => parseHostAway({ ip: "127.0.42.7", ranges: ["x"] })), /ranges/);
});
