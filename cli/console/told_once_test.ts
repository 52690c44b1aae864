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
  attempt = 1,
): HostDownEvent {
  const facts = { vip: "127.0.42.101", command: "", attempt, retryIn: 500, reason };
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

Deno.test("the same goes for a host that is away", () => {
  const { shown, told } = bench();
  told.take(output("web", "Connection reset by peer"));
  told.take({
    ...down("web", "ssh exited with status 255: Connection reset by peer"),
    type: "away",
    level: "warn",
    left: 300_000,
  });
  assert.deepEqual(shown, [
    "The link ended: ssh exited with status 255: Connection reset by peer",
  ]);
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

Deno.test("what every attempt says is shown once, whatever numbers are in it", () => {
  const { shown, told } = bench();
  for (let attempt = 1; attempt <= 10; attempt++) {
    const second = String(10 + attempt);
    for (const times of [1, 2, 3, 4]) {
      const at = `E1128 15:36:${second}.${times}00 ${attempt}42 memcache.go:265]`;
      told.take(output("pod", `${at} couldn't get current server API group list`));
    }
    told.take(output("pod", "container 0123456789ab is gone"));
    if (attempt === 7) told.take(output("pod", "this is new"));
    told.take(down("pod", "refused", attempt <= 3 ? "error" : "debug", attempt));
  }
  assert.deepEqual(shown.filter((line) => !line.endsWith("refused")), [
    ...[1, 2, 3, 4].map((times) =>
      `E1128 15:36:11.${times}00 142 memcache.go:265] couldn't get current server API ` +
      `group list`
    ),
    "container 0123456789ab is gone",
    "this is new",
  ]);
});

Deno.test("lines that are let go before the attempt fails are shown once as well", () => {
  const { shown, told } = bench();
  for (let attempt = 1; attempt <= 3; attempt++) {
    told.take(output("web", "is it there?"));
    told.flush();
    told.take(down("web", "no", "error", attempt));
  }
  assert.equal(shown.filter((line) => line === "is it there?").length, 1);
});

Deno.test("what a host says that is up is shown each time, and so after a new failure", () => {
  const { shown, told } = bench();
  const agent = { version: "", features: [], resumed: false, resume: { off: "" } };
  const ready = { vip: "127.0.42.101", ms: 1, again: true, ...agent };
  const up = () =>
    told.take({ type: "ready", level: "info", host: "web", message: "up", ...ready });
  const say = () => told.take(output("web", "hello"));
  say();
  told.take(down("web", "no"));
  up();
  say();
  say();
  told.flush();
  assert.deepEqual(shown.filter((line) => line === "hello").length, 3);
  told.take(down("web", "no"));
  say();
  told.take(down("web", "no", "error", 2));
  assert.deepEqual(shown.filter((line) => line === "hello").length, 4);
});
