/**
 * The table of pick.ts.
 *
 * @module
 */
import assert from "node:assert/strict";
import { parsePick } from "./pick.ts";

const TABLE: [string, number[] | string][] = [
  ["1,3-5", [0, 2, 3, 4]],
  ["2 4", [1, 3]],
  [" 5, 1 ,1-2 ", [0, 1, 4]],
  ["all", [0, 1, 2, 3, 4]],
  ["", []],
  ["0", '"0" is not from 1 to 5'],
  ["6", '"6" is not from 1 to 5'],
  ["3-6", '"3-6" is not from 1 to 5'],
  ["4-2", '"4-2" goes backwards'],
  ["web", '"web" is no number of the list'],
  ["1-", '"1-" is no number of the list'],
  ["9999999999", '"9999999999" is no number of the list'],
];

for (const [line, picked] of TABLE) {
  Deno.test(`of five, "${line}" picks ${JSON.stringify(picked)}`, () => {
    assert.deepEqual(parsePick(line, 5), picked);
  });
}
