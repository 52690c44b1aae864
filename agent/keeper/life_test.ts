import assert from "node:assert/strict";
import { Life, SILENCE_MS } from "./life.ts";

const SECONDS = 300;
const life = () => new Life({ seconds: SECONDS, now: 0 });

Deno.test("an agent without a link is over when its seconds since the last byte are", () => {
  const it = life();
  it.look(3000, 5);
  it.look(6000, 5); // nothing since
  it.lost(7000, 5);
  assert.equal(it.phase, "away");
  assert.equal(it.leftMs(7000), 296_000);
  assert.equal(it.awayMs(7000), 4000);
  assert.equal(it.expire(302_999), false);
  assert.equal(it.expire(303_000), true);
  assert.equal(it.phase, "over");
  assert.equal(it.expire(303_001), false, "once");
  assert.equal(it.attach(303_001, 1), false);
});

Deno.test("bytes that came since the last look count as of the end", () => {
  const it = life();
  it.look(3000, 5);
  it.lost(5000, 6);
  assert.equal(it.awayMs(5000), 0);
});

Deno.test("a link that brings nothing for 12 s is silent until a byte comes", () => {
  const it = life();
  assert.equal(it.look(3000, 1), false);
  assert.equal(it.look(3000 + SILENCE_MS - 1, 1), false);
  assert.equal(it.look(3000 + SILENCE_MS, 1), true);
  assert.equal(it.phase, "silent");
  assert.equal(it.look(30_000, 1), false, "told once");
  it.heard(31_000);
  assert.equal(it.phase, "attached");
  assert.equal(it.awayMs(31_000), 0);
  assert.equal(it.look(40_000, 2), false);
});

Deno.test("the seconds of a silent link that ends count from its last byte", () => {
  const it = life();
  it.look(SILENCE_MS, 0);
  assert.equal(it.phase, "silent");
  it.lost(400_000, 0);
  assert.equal(it.expire(400_000), true);
});

Deno.test("a link counts if its number is above all before", () => {
  const it = life();
  it.lost(1000, 0);
  assert.equal(it.attach(2000, 0), false);
  assert.equal(it.attach(2000, 5), true);
  assert.equal(it.phase, "attached");
  assert.equal(it.attach(3000, 5), false);
  assert.equal(it.attach(3000, 4), false);
  assert.equal(it.attach(3000, 6), true, "while the one before stands");
});

Deno.test("who is away or silent ends for a newer agent, who has a link does not", () => {
  const away = life();
  away.lost(1000, 0);
  assert.equal(away.askedToEnd(), undefined);
  assert.equal(away.phase, "over");
  const silent = life();
  silent.look(SILENCE_MS, 0);
  assert.equal(silent.askedToEnd(), undefined);
  const attached = life();
  assert.equal(attached.askedToEnd(), 1);
  assert.equal(attached.phase, "attached");
});

Deno.test("such a wish holds until the link ends, and not for the link that takes its place", () => {
  const soon = life();
  soon.askedToEnd();
  soon.look(3000, 5); // was under way
  soon.lost(5900, 6); // the same
  assert.equal(soon.phase, "over");
  const taken = life();
  taken.askedToEnd();
  taken.attach(1500, 1);
  taken.lost(2000, 0);
  assert.equal(taken.phase, "away");
});

Deno.test("such a wish is void once the link brings something later", () => {
  const it = life();
  it.askedToEnd();
  it.look(3000, 5);
  it.look(6000, 5);
  it.look(9000, 6); // a ping
  it.lost(9500, 6);
  assert.equal(it.phase, "away");
  it.attach(10_000, 1);
  it.askedToEnd();
  it.look(12_000, 1);
  it.askedToEnd(); // anew
  it.look(15_000, 2);
  it.lost(16_000, 2);
  assert.equal(it.phase, "over");
});

Deno.test("such a wish comes true when the link falls silent", () => {
  const it = life();
  it.askedToEnd();
  it.look(3000, 5);
  assert.equal(it.look(3000 + SILENCE_MS - 1, 5), false);
  assert.equal(it.look(3000 + SILENCE_MS, 5), false, "it is over instead");
  assert.equal(it.phase, "over");
});

Deno.test("such a wish is void at once when the manager answers that very wish", () => {
  const answered = life();
  answered.wanted(answered.askedToEnd()!);
  answered.lost(50, 3);
  assert.equal(answered.phase, "away");
  const late = life();
  const first = late.askedToEnd()!;
  late.askedToEnd(); // after which the manager may have died
  late.wanted(first);
  late.lost(50, 3);
  assert.equal(late.phase, "over");
});
