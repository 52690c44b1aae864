import assert from "node:assert/strict";
import fc from "fast-check";
import { bytesOf } from "../bytes.ts";
import {
  HeadEnd,
  readFieldLines,
  readResponseHead,
  ResponseError,
} from "./response_head.ts";

const OK = "HTTP/1.1 200 OK\r\n";

Deno.test("a head says where its body ends, and whether the connection goes on", () => {
  const table: [text: string, method: string, framing: string, isKept: boolean][] = [
    [`${OK}Content-Length: 5\r\n\r\n`, "GET", "sized", true],
    [`${OK}Content-Length: 5\r\n\r\n`, "HEAD", "none", true],
    [`${OK}Content-Length: 5\r\nConnection: x, Close\r\n\r\n`, "GET", "sized", false],
    [`${OK}Transfer-Encoding: chunked\r\n\r\n`, "GET", "chunked", true],
    [
      `${OK}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n`,
      "GET",
      "chunked",
      false,
    ],
    [`${OK}Transfer-Encoding: chunked\r\n\r\n`, "HEAD", "none", true],
    [`${OK}\r\n`, "GET", "closing", false],
    [`${OK}Transfer-Encoding: identity\r\n\r\n`, "GET", "closing", false],
    ["HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", "GET", "none", true],
    ["HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n", "GET", "none", true],
    ["HTTP/1.1 100 Continue\r\n\r\n", "POST", "none", true],
    ["HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", "GET", "sized", false],
    [
      "HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n",
      "GET",
      "sized",
      true,
    ],
  ];
  for (const [text, method, framing, isKept] of table) {
    const head = readResponseHead(text, method);
    assert.equal(head.framing.kind, framing, text);
    assert.equal(head.isKept, isKept, text);
  }
});

Deno.test("fields are written anew in plain form", () => {
  const { fields } = readResponseHead(
    `${OK} folded on to nothing\r\nA : 1\r\nB:2 \t\n` +
      "C: x\r\n y\r\n\t z\r\nno colon\r\n folded on to that\r\n: no name\r\n" +
      "D\x01: x\r\n e\r\nE: a\rb\0c\r\nContent-Length: 7\r\nF:\r\ncontent-length : 07\r\n\r\n",
    "GET",
  );
  assert.deepEqual(fields, [
    ["A", "1"],
    ["B", "2"],
    ["C", "x y z"],
    ["E", "a b c"],
    ["F", ""],
    ["Content-Length", "7"],
  ]);
});

Deno.test("a status without the right to a length loses it", () => {
  for (const status of [100, 199, 204]) {
    const text = `HTTP/1.1 ${status} x\r\nContent-Length: 5\r\n\r\n`;
    assert.deepEqual(readResponseHead(text, "GET").fields, [], `${status}`);
  }
});

Deno.test("the end of a head is found wherever it is cut", () => {
  const heads = [
    `${OK}\r\n`,
    `${OK}A: b\r\n\r\n`,
    "HTTP/1.1 200 OK\nA: b\n\n",
    "HTTP/1.1 200 OK\r\nA: b\n\r\n",
    "HTTP/1.1 200 OK\nA: b\r\n\n",
  ];
  for (const head of heads) {
    const bytes = bytesOf(`${head}body\r\n\r\n`);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const finder = new HeadEnd();
      const first = finder.find(bytes.subarray(0, cut));
      assert.equal(first ?? finder.find(bytes), head.length, JSON.stringify(head));
      assert.equal(first === undefined, cut < head.length);
    }
  }
});

const piece = fc.constantFrom(
  ..."\r\n|\n|\r|:| |\t|,|;|\0|\x01|\xff|5|-|chunked|close|a|Content-Length|Content-Length: 5"
    .split("|"),
  "\r\n\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Transfer-Encoding",
  "Connection: ",
  "HTTP/1.1 200 OK\r\n",
  "identity",
  "gzip",
  "99999999999999999999",
);

Deno.test("whatever a server writes is read in plain form, or refused", () => {
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 40 }),
      fc.constantFrom("GET", "HEAD"),
      (pieces, method) => {
        const text = OK + pieces.join("");
        let head;
        try {
          head = readResponseHead(text, method);
        } catch (error) {
          assert.ok(error instanceof ResponseError, `${error}`);
          assert.ok(error.message.length < 400);
          return;
        }
        for (const [name, value] of head.fields) {
          assert.match(
            name,
            // deno-lint-ignore no-control-regex -- these are meant
            /^[^\x00-\x20\x7f:](?:[^\x00-\x1f\x7f:]*[^\x00-\x20\x7f:])?$/,
          );
          assert.doesNotMatch(value, /[\r\n\0]|^[ \t]|[ \t]$/);
        }
        const names = head.fields.map(([name]) => name.toLowerCase());
        assert.ok(!names.includes("transfer-encoding"));
        const lengths = names.filter((name) => name === "content-length").length;
        assert.ok(lengths <= (head.framing.kind === "chunked" ? 0 : 1));
        if (head.framing.kind === "sized") assert.equal(lengths, 1);
        // What was written anew is read as the same again.
        const lines = head.fields.map(([name, value]) => `${name}: ${value}\r\n`).join(
          "",
        );
        const coding = head.framing.kind === "chunked"
          ? "Transfer-Encoding: chunked\r\n"
          : "";
        const again = readResponseHead(`${OK}${lines}${coding}\r\n`, method);
        assert.deepEqual(again.fields, head.fields);
        assert.deepEqual(again.framing, head.framing);
      },
    ),
    { seed: 9112, numRuns: 20_000 },
  );
});

Deno.test("a head has as many lines as curl takes", () => {
  const read = (count: number) =>
    readResponseHead(`${OK}${"a: b\r\n".repeat(count)}\r\n`, "GET");
  assert.equal(read(4997).fields.length, 4997);
  assert.throws(() => read(5000), /more than 5000 lines/);
});

Deno.test("large heads of odd lines are read as small ones are", () => {
  const count = 30_000;
  const read = (line: string) => readFieldLines(line.repeat(count).split("\n"), 0);
  assert.equal(read("a: b\r\n").length, count);
  assert.deepEqual(read(" \t"), []);
  assert.deepEqual(read("a"), []);
  assert.deepEqual(read(": \r\n"), []);
  assert.deepEqual(read("x\n: y\n"), []);
  const [[, folded] = ["", ""]] = readFieldLines(
    `x: y${"\n z".repeat(count)}`.split("\n"),
    0,
  );
  assert.equal(folded, `y${" z".repeat(count)}`);
  const gap = " ".repeat(count);
  assert.deepEqual(readFieldLines([`x${gap}y${gap}: a${gap}b${gap}`], 0), [
    [`x${gap}y`, `a${gap}b`],
  ]);
});
