// The lines of a ping, and its options.
import assert from "node:assert/strict";
import type { Echo } from "../../manager/echo.ts";
import { run } from "../_run.ts";
import { echoText, quantile } from "./ping.ts";

const WRONG: readonly [args: string[], message: RegExp][] = [
  [[], /missing required argument 'HOST'.*\n.*norouter help ping/],
  [["web", "x"], /too many arguments/],
  [["web", "-c", "0"], /Wanted a whole number, 1 to 1000000/],
  [["web", "-c", "1.5"], /Wanted a whole number/],
  [["web", "-i", "0.001"], /Wanted a number, 0\.01 to 3600/],
  [["web", "-i", "1e1"], /Wanted a number/],
  [["web", "-s", "65508"], /Wanted a whole number, 0 to 65507/],
  [["web", "-s", "-1"], /Wanted a whole number|argument missing/],
  [["web", "-W", "11"], /Wanted a number, 0\.01 to 10/],
  [["web", "-W", "x"], /Wanted a number/],
  [["web", "--format", "xml"], /Allowed choices are table, json/],
  [["web", "--name", "m"], /"ping" starts no mesh; --mesh NAME says which/],
];

for (const [args, message] of WRONG) {
  Deno.test(`norouter ping ${args.join(" ")} is wrong usage`, async () => {
    const { status, stdout, stderr } = await run(["ping", ...args]);
    assert.match(stderr, message);
    assert.deepEqual([status, stdout], [2, ""]);
  });
}

Deno.test("without a mesh that is told, and nothing is summed up", async () => {
  const { status, stdout, stderr } = await run(["ping", "web", "--mesh", "no-such-1"]);
  assert.match(stderr, /No mesh "no-such-1"/);
  assert.deepEqual([status, stdout], [1, ""]);
});

const ABOUT = { host: "web", vip: "127.0.42.101", from: "local", bytes: 64, hops: [] };
const hop = (host: string, hop: "link" | "stack", ms: number) => ({ host, hop, ms });

const LINES: readonly [Partial<Echo> & Pick<Echo, "outcome">, string][] = [
  [
    { outcome: "answered", ms: 0.418 },
    "64 bytes from web (127.0.42.101): seq=3 time=0.42 ms",
  ],
  [
    {
      outcome: "answered",
      ms: 12.34,
      hops: [hop("web", "link", 9.996), hop("web", "stack", 123.4)],
    },
    "64 bytes from web (127.0.42.101): seq=3 time=12.3 ms (link 10.00, stack 123)",
  ],
  [
    {
      outcome: "answered",
      ms: 1,
      hops: [hop("db", "link", 1), hop("web", "stack", 2)],
    },
    "64 bytes from web (127.0.42.101): seq=3 time=1.00 ms (link to db 1.00, stack of web 2.00)",
  ],
  [{ outcome: "lost", message: "…" }, "seq=3 no answer from web (127.0.42.101)"],
  [
    { outcome: "down", message: `"web" is down: no way` },
    `seq=3 "web" is down: no way`,
  ],
];

for (const [echo, line] of LINES) {
  Deno.test(`a line: ${line}`, () => {
    assert.equal(echoText({ ...ABOUT, ...echo }, 3), line);
  });
}

Deno.test("a quantile is one of the values", () => {
  const values = Array.from({ length: 100 }, (_, index) => index + 1);
  assert.deepEqual([0, 0.5, 0.99, 1].map((q) => quantile(values, q)), [1, 50, 99, 100]);
  assert.equal(quantile([7], 0.99), 7);
  assert.equal(quantile([1, 2], 0.5), 1);
});
