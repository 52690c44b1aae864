/**
 * Which of a command's last words are told.
 *
 * @module
 */
import assert from "node:assert/strict";
import { explainingLines } from "./explaining.ts";

const KLOG =
  `E1128 15:36:53.123456   12345 memcache.go:265] couldn't get current server API ` +
  `group list: Get "http://localhost:8080/api": dial tcp 127.0.0.1:8080: connection refused`;
const REFUSED = "The connection to the server localhost:8080 was refused - " +
  "did you specify the right host or port?";
const NO_ROUTE = "ssh: connect to host 10.0.0.1 port 22: No route to host";
const GCLOUD =
  "ERROR: (gcloud.compute.ssh) [/usr/bin/ssh] exited with return code [255].";

const cases: [string, string[], string[]][] = [
  ["the last three lines", ["one", "two", "three", "four"], ["two", "three", "four"]],
  ["what is repeated, once", ["why", "again", "again", "again"], ["why", "again"]],
  ["nothing, if nothing was said", [], []],
  ["kubectl's reason without what it met before", [KLOG, KLOG, REFUSED], [REFUSED]],
  ["what kubectl met, if it said nothing else", [KLOG], [KLOG]],
  [
    "gcloud's error with what ssh said, and without advice",
    [
      NO_ROUTE,
      GCLOUD,
      "Recommendation: To check for possible causes of SSH connectivity issues and get",
      "recommendations, rerun the ssh command with the --troubleshoot option.",
      "gcloud compute ssh vm --troubleshoot",
      "Or, to investigate an IAP tunneling issue:",
    ],
    [NO_ROUTE, GCLOUD],
  ],
  [
    "gcloud's error with the lines that belong to it",
    ["ERROR: (gcloud.compute.ssh) Could not fetch resource:", " - 'vm' was not found"],
    ["ERROR: (gcloud.compute.ssh) Could not fetch resource:", "- 'vm' was not found"],
  ],
];
for (const [what, lines, told] of cases) {
  Deno.test(`${what}: that is told of a failure`, () => {
    assert.deepEqual(explainingLines(lines), told);
  });
}

const RED = "\x1b[0m\x1b[1m\x1b[31m";

// What a program of JavaScript says, and what of it is the reason.
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
    assert.deepEqual(explainingLines(said), reason);
  });
}
