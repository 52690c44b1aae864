/**
 * What people see of a host's lines and failures, each once.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { HostDownEvent, HostOutputEvent, MeshEvent } from "../../manager/events.ts";
import { until } from "../../tests/harness/scene/wait.ts";
import { ToldOnce } from "./told_once.ts";

function output(host: string, line: string): HostOutputEvent {
  return { type: "output", level: "info", host, stream: "stderr", line, message: line };
}

function down(
  host: string,
  reason: string,
  level: "error" | "debug" = "error",
): HostDownEvent {
  const facts = { vip: "127.0.42.101", command: "", attempt: 1, retryIn: 500 };
  return { type: "down", level, host, ...facts, message: `The link ended: ${reason}` };
}

function bench() {
  const shown: string[] = [];
  const told = new ToldOnce((event: MeshEvent) => void shown.push(event.message));
  return { shown, told };
}

Deno.test("lines that are part of the reason are not shown beside it", () => {
  for (const level of ["error", "debug"] as const) {
    const { shown, told } = bench();
    told.take(output("web", "connecting"));
    told.take(output("web", "no such container"));
    told.take(output("db", "of another"));
    told.take(down("web", "docker exited with status 1: no such container", level));
    assert.deepEqual(shown, [
      "connecting",
      "The link ended: docker exited with status 1: no such container",
    ]);
    told.flush();
    assert.equal(shown.at(-1), "of another");
  }
});

Deno.test("lines of a host that lives are shown after a moment, in order", async () => {
  const { shown, told } = bench();
  told.take(output("web", "one"));
  told.take(output("web", "two"));
  assert.deepEqual(shown, []);
  await until("the lines", () => shown.length > 0);
  assert.deepEqual(shown, ["one", "two"]);
});

Deno.test("many lines are not held", () => {
  const { shown, told } = bench();
  for (let i = 0; i < 100; i++) told.take(output("web", `line ${i}`));
  assert.equal(shown.length, 80);
  told.flush();
  assert.equal(shown.length, 100);
  assert.equal(shown.at(-1), "line 99");
});
