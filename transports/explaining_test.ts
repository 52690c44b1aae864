// Which of a command's last words are told.
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
