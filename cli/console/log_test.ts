/**
 * What log lines look like, for people and for machines.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type Piece, render, renderJson } from "./printable.ts";
import { Log, type LogEvent, type LogOptions } from "./log.ts";

function written(
  events: LogEvent[],
  { isColored = false, ...options }: Partial<LogOptions> & { isColored?: boolean } = {},
): string {
  let text = "";
  const to = {
    line: (...pieces: Piece[]) => void (text += render(pieces, isColored) + "\n"),
    json: (value: unknown) => void (text += renderJson(value) + "\n"),
  };
  const log = new Log({ format: "human", debug: false, to, ...options });
  log.expect(["web", "database"]);
  for (const event of events) log.event(event, { ms: 5 });
  return text;
}

Deno.test("lines for people are aligned, also where one is about no host", () => {
  const text = written([
    { level: "info", host: "web", message: "Ready" },
    { level: "warn", host: "database", message: "one\ntwo\n" },
    { level: "info", message: "All done" },
  ]);
  assert.equal(
    text,
    "info   web       Ready\n" +
      "warn   database  one\n" +
      "                 two\n" +
      "info             All done\n",
  );
});

Deno.test("a host stands apart from the message, also where no hosts were expected", () => {
  let text = "";
  const to = {
    line: (...pieces: Piece[]) => void (text += render(pieces, false) + "\n"),
    json: () => {},
  };
  const log = new Log({ format: "human", debug: false, to });
  log.event({ level: "warn", host: "local", message: "forbidden\nby the policy" });
  log.event({ level: "info", message: "All done" });
  assert.equal(
    text,
    "warn   local  forbidden\n" +
      "              by the policy\n" +
      "info   All done\n",
  );
});

Deno.test("debug events and times are for --debug", () => {
  const events: LogEvent[] = [{ level: "debug", host: "web", message: "hm" }];
  assert.equal(written(events), "");
  const line = written(events, { debug: true });
  assert.match(line, /^\d\d:\d\d:\d\d\.\d{3} {2}debug {2}web {7}hm\n$/);
});

Deno.test("lines for machines are one object each, with every field", () => {
  const event = { level: "warn", type: "down", host: "web", message: "a\nb" } as const;
  const { time, ...rest } = JSON.parse(written([event], { format: "json" }));
  assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000, time);
  assert.deepEqual(rest, { ...event, ms: 5 });
});

Deno.test("what hosts send cannot control the terminal", () => {
  const text = written([{ level: "info", message: "a\x1b[2Jb\x07c\td\r\x9be" }]);
  assert.ok(text.endsWith("a\\x1b[2Jb\\x07c\td\\x9be\n"), JSON.stringify(text));
});

Deno.test("colour marks levels and tells hosts apart", () => {
  const text = written([
    { level: "error", host: "web", message: "x" },
    { level: "info", host: "database", message: "y" },
  ], { isColored: true });
  const [first, second] = text.split("\n");
  assert.equal(first, "\x1b[31merror\x1b[0m  \x1b[36mweb     \x1b[0m  \x1b[31mx\x1b[0m");
  assert.equal(second, "info   \x1b[32mdatabase\x1b[0m  y");
});
