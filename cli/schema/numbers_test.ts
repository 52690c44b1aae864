import assert from "node:assert/strict";
import { parseDuration } from "../../manifest/duration.ts";
import { parsePolicyPorts } from "../../manifest/policy_rules.ts";
import { atMost, LENGTH, NOT_BACKWARDS } from "./numbers.ts";
import { PORT } from "./parts.ts";

Deno.test("a limit holds for each number", () => {
  for (const limit of [0, 9, 10, 24, 59, 1000, 1440, 8599]) {
    const pattern = new RegExp(`^${atMost(limit)}$`);
    for (let number = 0; number <= 11_000; number++) {
      assert.equal(pattern.test(`${number}`), number <= limit, `${number} of ${limit}`);
    }
    assert.ok(pattern.test(`000${limit}`));
  }
});

Deno.test("ranges of ports that end before they begin are refused, and no others", () => {
  const pattern = new RegExp(`^${NOT_BACKWARDS}${PORT}-${PORT}(/tcp)?$`);
  const ports = [
    1,
    2,
    8,
    9,
    10,
    11,
    19,
    20,
    80,
    89,
    90,
    99,
    100,
    101,
    110,
    443,
    999,
    1000,
  ]
    .concat([1009, 1010, 1011, 8000, 8100, 9999, 10_000, 10_010, 10_100, 65_534, 65_535]);
  for (const first of ports) {
    for (const last of ports) {
      for (
        const text of [`${first}-${last}`, `0${first}-${last}/tcp`, `${first}-00${last}`]
      ) {
        const isRight = typeof parsePolicyPorts(text) !== "string";
        assert.equal(pattern.test(text), isRight, text);
      }
    }
  }
});

Deno.test("a length of time in one unit is as the parser has it", () => {
  const pattern = new RegExp(`^(${LENGTH})$`);
  const limits = [0, 1, 23, 24, 25, 1439, 1440, 1441, 86_399, 86_400, 86_401, 86_400_000];
  for (const limit of [...limits, 86_400_001, 99_999_999]) {
    for (const unit of ["", "ms", "s", "m", "h"]) {
      for (const more of ["", ".0", ".00", ".5"]) {
        const text = `${limit}${more}${unit}`;
        assert.equal(pattern.test(text), typeof parseDuration(text) === "number", text);
      }
    }
  }
});
