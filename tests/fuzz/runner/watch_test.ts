import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { FAULTY_FROM, target } from "./_faulty.ts";
import { watch } from "./watch.ts";

const FAULTS = [
  { fault: "throws", said: /is too much/, least: true },
  { fault: "strays", said: /nobody awaited[^]*nobody looks/, least: true },
  { fault: "waits", said: /in vain for the end of the case/, least: false },
  { fault: "loops", said: /a case took more than 0\.3 s/, least: false },
  { fault: "ends", said: /the process ended with status 3/, least: false },
];

for (const { fault, said, least } of FAULTS) {
  Deno.test(`a fuzzed case that ${fault} is told and kept`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "norouter-fuzz-" });
    Deno.env.set("FAULT", fault);
    try {
      const plan = { target: target.name, caseLimitMs: 300 };
      const corpus = new URL(`${pathToFileURL(folder)}/`);
      const { failure, kept } = await watch({ ...plan, seed: 7, seconds: 20, corpus });
      assert.match(failure ?? "", said);
      const input: number = JSON.parse(await Deno.readTextFile(kept!));
      if (least) assert.equal(input, FAULTY_FROM, "the least case that fails");
      assert.ok(input >= FAULTY_FROM, `${input} does not fail`);
      const again = await watch({ ...plan, files: [kept!] });
      assert.match(again.failure ?? "", said, "the kept case fails again");
    } finally {
      Deno.env.delete("FAULT");
      await Deno.remove(folder, { recursive: true });
    }
  });
}

Deno.test("a target without a fault is run for its time and gives figures", async () => {
  const outcome = await watch({ target: target.name, seed: 7, seconds: 0.5 });
  assert.equal(outcome.failure, undefined);
  assert.ok(outcome.cases > 100 && outcome.seconds >= 0.5, JSON.stringify(outcome));
});
