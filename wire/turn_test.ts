import assert from "node:assert/strict";
import { Turn, TURN_MS } from "./turn.ts";

function pace() {
  const state = { now: 0, rests: 0 };
  const turn = new Turn({
    now: () => state.now,
    rest: () => {
      state.rests++;
      return Promise.resolve();
    },
  });
  return { state, turn };
}

Deno.test("a turn is over when its time was worked, however it was cut in pieces", () => {
  const { state, turn } = pace();
  for (let i = 0; i < 2; i++) {
    turn.begin();
    assert.equal(turn.isOver(), false);
    state.now += TURN_MS / 2;
    turn.end();
    // What passes between pieces is nobody's work.
    state.now += 1000;
  }
  assert.equal(turn.isOver(), true);
});

Deno.test("work that is under way goes on in a new turn after a rest", async () => {
  const { state, turn } = pace();
  turn.begin();
  state.now += TURN_MS;
  assert.equal(turn.isOver(), true);
  await turn.rest();
  assert.equal(turn.isOver(), false);
  state.now += TURN_MS / 2;
  assert.equal(turn.isOver(), false);
  state.now += TURN_MS / 2;
  assert.equal(turn.isOver(), true);
  assert.equal(state.rests, 1);
});

Deno.test("many pieces are a turn even if no clock saw them pass", () => {
  const { turn } = pace();
  let pieces = 0;
  while (!turn.isOver()) {
    turn.begin();
    turn.end();
    pieces++;
  }
  assert.equal(pieces, 4);
});
