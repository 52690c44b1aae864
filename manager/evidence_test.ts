import assert from "node:assert/strict";
import { FakeClock } from "../link/_fake_clock.ts";
import type { LinkExit } from "../link/link.ts";
import { Evidence } from "./evidence.ts";

const exit = (more: Partial<LinkExit> = {}): LinkExit => ({
  ok: false,
  reason: "docker exited with status 1",
  stderr: [],
  ...more,
});

Deno.test("a link that did not say how it ended has the reason that was noticed", () => {
  const evidence = new Evidence(new FakeClock());
  evidence.said("some line");
  assert.equal(
    evidence.reasonOf({ reason: "its output ended" }, true),
    "its output ended",
  );
});

Deno.test("an exit comes with what was said, what can be done, and the fault before it", () => {
  const evidence = new Evidence(new FakeClock());
  const stderr = ["No such container: web"];
  const ended = { reason: "its output ended", exit: exit({ stderr }) };
  assert.equal(
    evidence.reasonOf(ended, false),
    "docker exited with status 1: No such container: web",
  );
  assert.equal(
    evidence.reasonOf(
      { reason: "nonsense", isFault: true, exit: exit({ hint: "start it" }) },
      false,
    ),
    "docker exited with status 1 (start it) (nonsense)",
  );
});

Deno.test("what was said long before explains no end of a host that was ready", async () => {
  const clock = new FakeClock();
  const evidence = new Evidence(clock);
  const stderr = ["Warning: new key", "Broken pipe"];
  evidence.said(stderr[0]!);
  await clock.pass(6000, 6000);
  evidence.said(stderr[1]!);
  const ending = { reason: "", exit: exit({ stderr }) };
  assert.equal(
    evidence.reasonOf(ending, true),
    "docker exited with status 1: Broken pipe",
  );
  assert.equal(
    evidence.reasonOf(ending, false),
    "docker exited with status 1: Warning: new key; Broken pipe",
  );
});

Deno.test("text in place of frames explains an end, if nothing was said beside them", () => {
  const evidence = new Evidence(new FakeClock());
  assert.deepEqual(evidence.banner("OCI runtime exec failed\r\n\r\n"), [
    "OCI runtime exec failed",
  ]);
  const end = (stderr: string[]) =>
    evidence.reasonOf({ reason: "", exit: exit({ stderr }) }, false);
  assert.equal(end([]), "docker exited with status 1: OCI runtime exec failed");
  assert.equal(end(["killed"]), "docker exited with status 1: killed");
});

Deno.test("a silence is told with what came, and what was said", () => {
  const evidence = new Evidence(new FakeClock());
  const wait = "no answer within 3 s (ssh box)";
  assert.equal(evidence.silence(wait, undefined), wait);
  evidence.said("password:");
  assert.equal(
    evidence.silence(wait, "only 7 of the 9 bytes of a frame came"),
    `${wait}; only 7 of the 9 bytes of a frame came: password:`,
  );
});
