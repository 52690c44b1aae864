import assert from "node:assert/strict";
import { isRight, parseBasic } from "./auth.ts";

const wanted = { username: "user", password: "päss" };
const base64 = (text: string) => new TextEncoder().encode(text).toBase64();

Deno.test("only the same user name and password are right", async () => {
  assert.equal(await isRight({ ...wanted }, wanted), true);
  const wrong = [
    { username: "user", password: "päs" },
    { username: "user", password: "pässs" },
    { username: "user", password: "" },
    { username: "User", password: "päss" },
    { username: "", password: "" },
    { username: "userpäss", password: "" },
    { username: "user", password: "pa\u0308ss" }, // the same letters, written otherwise
  ];
  for (const said of wrong) {
    assert.equal(await isRight(said, wanted), false, JSON.stringify(said));
  }
});

Deno.test("where the name ends and the password begins counts", async () => {
  const pairs = [["a", "b:c"], ["a:b", "c"], ['a","b', "c"], ["a", 'b","c'], ["", "a"]];
  for (const [username, password] of pairs) {
    for (const [other, secret] of pairs) {
      const said = { username: username!, password: password! };
      const right = await isRight(said, { username: other!, password: secret! });
      assert.equal(right, said.username === other && said.password === secret);
    }
  }
});

Deno.test("a comparison digests both, whatever was said", async () => {
  const digest = crypto.subtle.digest;
  const digested: number[] = [];
  crypto.subtle.digest = (algorithm, data) => {
    digested.push(data.byteLength);
    return digest.call(crypto.subtle, algorithm, data);
  };
  try {
    await isRight({ username: "x", password: "" }, wanted);
    await isRight(wanted, wanted);
  } finally {
    crypto.subtle.digest = digest;
  }
  assert.deepEqual(digested, [8, 16, 16, 16]);
});

Deno.test("Basic credentials are read, in either case and with spaces behind", () => {
  for (const scheme of ["Basic ", "basic ", "BASIC   "]) {
    assert.deepEqual(parseBasic(`${scheme}${base64("user:päss")}`), wanted);
    assert.deepEqual(parseBasic(`${scheme}${base64("user:päss")} `), wanted);
  }
});

Deno.test("only the first colon separates, and either side may be empty", () => {
  const read = (text: string) => parseBasic(`Basic ${base64(text)}`);
  assert.deepEqual(read("a:b:c"), { username: "a", password: "b:c" });
  assert.deepEqual(read(":"), { username: "", password: "" });
  assert.deepEqual(read("a:"), { username: "a", password: "" });
  assert.deepEqual(read(":b"), { username: "", password: "b" });
  assert.deepEqual(read("\uFEFFa:b"), { username: "\uFEFFa", password: "b" });
  assert.deepEqual(read("a:b\n\0"), { username: "a", password: "b\n\0" });
});

Deno.test("base64 without its padding is read too", () => {
  assert.deepEqual(parseBasic(`Basic ${base64("a:b").replace(/=+$/, "")}`), {
    username: "a",
    password: "b",
  });
});

Deno.test("what are no Basic credentials is told from wrong ones", () => {
  const none = [
    undefined,
    "",
    "Basic",
    "Basic ",
    "Basic =",
    "Basic a",
    "Basic ====",
    "Basic !!!!",
    "Basic YTpi, Basic YTpi",
    "Basic YT pi",
    "Basic\tYTpi",
    "BasicYTpi",
    "Bearer YTpi",
    ' Digest username="a"',
    `Basic ${base64("no colon")}`,
    "Basic YTp-_w==", // base64url
  ];
  for (const header of none) assert.equal(parseBasic(header), undefined, `${header}`);
});

Deno.test("a password in Latin 1 is no password in UTF-8", async () => {
  const said = parseBasic(`Basic ${Uint8Array.from("user:p\xe4ss", codeOf).toBase64()}`);
  assert.ok(said);
  assert.equal(await isRight(said, wanted), false);
});

function codeOf(character: string): number {
  return character.charCodeAt(0);
}
