// The stack withstands what the fuzzer makes, and what it once found.
import fc from "fast-check";
import { target } from "../tests/fuzz/stack.ts";

const folder = new URL("../tests/corpus/stack/", import.meta.url);
for (const { name } of Deno.readDirSync(folder)) {
  const title = name.replace(".json", "").replaceAll("_", " ");
  Deno.test(`the stack withstands what was found: ${title}`, async () => {
    await target.run(JSON.parse(await Deno.readTextFile(new URL(name, folder))));
  });
}

Deno.test("no segment, clock or reader stops the stack or mixes its streams", async () => {
  const each = fc.asyncProperty(target.cases, async (input) => await target.run(input));
  await fc.assert(each, { seed: 9, numRuns: 150 });
});
