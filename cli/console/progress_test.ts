/**
 * What is shown while an agent is being sent.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { ProgressEvent } from "../../manager/events.ts";
import { ProgressDisplay } from "./progress.ts";

function event(host: string, done: number, ms: number): ProgressEvent {
  const total = 40e6;
  const facts = {
    type: "progress",
    level: "info",
    what: "the agent",
    message: "",
  } as const;
  return { ...facts, host, done, total, ms };
}

function display({ isTerminal }: { isTerminal: boolean }) {
  const drawn: string[] = [], logged: string[] = [];
  const shown = new ProgressDisplay({
    draw: isTerminal ? (text) => drawn.push(text) : undefined,
    columns: () => 200,
    log: ({ host, message }) => logged.push(`${host}: ${message}`),
  });
  return { shown, drawn, logged };
}

Deno.test("on a terminal one line is drawn anew for all hosts, and the log has their ends", () => {
  const { shown, drawn, logged } = display({ isTerminal: true });
  shown.show(event("web", 0, 0));
  shown.show(event("web", 10e6, 1000));
  shown.show(event("db", 20e6, 10_000));
  assert.deepEqual(drawn.splice(0), [
    "web ░░░░░░░░░░░░░░░░ sending the agent: 0.0 of 40.0 MB",
    "web ████░░░░░░░░░░░░ sending the agent: 10.0 of 40.0 MB, 10.0 MB/s, 3 s left",
    "web ████░░░░░░░░░░░░ sending the agent: 10.0 of 40.0 MB, 10.0 MB/s, 3 s left   " +
    "db ████████░░░░░░░░ sending the agent: 20.0 of 40.0 MB, 2.0 MB/s, 10 s left",
  ]);
  shown.show(event("web", 40e6, 4000));
  assert.deepEqual(logged, ["web: the agent was sent: 40.0 MB in 4.0 s"]);
  assert.match(drawn.shift()!, /^db /);
  shown.forget("db");
  assert.deepEqual(drawn.splice(0), [""], "nothing is left to draw");
  shown.forget("db");
  assert.deepEqual(drawn, [], "nothing has changed");
});

Deno.test("elsewhere there is a line every three seconds, and one at the end", () => {
  const { shown, logged } = display({ isTerminal: false });
  for (let ms = 0; ms < 10_000; ms += 200) shown.show(event("web", ms * 4000, ms));
  shown.show(event("web", 40e6, 10_000));
  assert.deepEqual(logged, [
    "web: sending the agent: 12.0 of 40.0 MB, 4.0 MB/s, 7 s left",
    "web: sending the agent: 24.0 of 40.0 MB, 4.0 MB/s, 4 s left",
    "web: sending the agent: 36.0 of 40.0 MB, 4.0 MB/s, 1 s left",
    "web: the agent was sent: 40.0 MB in 10.0 s",
  ]);
});

Deno.test("a narrow terminal gets one line all the same", () => {
  const drawn: string[] = [];
  const shown = new ProgressDisplay({
    draw: (text) => drawn.push(text),
    columns: () => 30,
    log: () => {},
  });
  shown.show(event("web", 10e6, 1000));
  assert.equal(drawn[0]!.length, 29);
});
