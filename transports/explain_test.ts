import assert from "node:assert/strict";
import { explain } from "./explain.ts";

const RED = "\x1b[0m\x1b[1m\x1b[31m";

// What a command says, and what of it is the reason.
const TABLE: readonly (readonly [said: readonly string[], reason: readonly string[]])[] =
  [
    [["a", "b", "c", "d"], ["b", "c", "d"]],
    [[`${RED}error\x1b[0m: it broke`], ["error: it broke"]],
    [
      [
        `${RED}error\x1b[0m: Import 'https://x/y.ts' failed.`,
        "    at \x1b[0m\x1b[36mfile:///a/deno.json\x1b[0m:\x1b[0m\x1b[33m1\x1b[0m:\x1b[0m\x1b[33m1\x1b[0m",
      ],
      ["error: Import 'https://x/y.ts' failed."],
    ],
    [
      [
        "error: Uncaught (in promise) Error: no",
        "throw x",
        "      ^",
        "  at f",
        "a",
        "b",
      ],
      ["error: Uncaught (in promise) Error: no", "a", "b"],
    ],
    [
      [
        "Deno could not start: unable to create worker threads.",
        "try x",
        "Platform",
        "Args",
      ],
      ["Deno could not start: unable to create worker threads.", "Platform", "Args"],
    ],
    [["error: an old one", "a", "b", "c"], ["a", "b", "c"]],
    [["\x1b[0m", "    at somewhere"], []],
    [[], []],
  ];

for (const [said, reason] of TABLE) {
  Deno.test(`${JSON.stringify(said)} is for the reason ${JSON.stringify(reason)}`, () => {
    assert.deepEqual(explain(said, 3), reason);
  });
}
