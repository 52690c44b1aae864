/**
 * Runs the tests and closes with a line `N passed, N failed`, which continuous
 * integration reads.
 *
 * Arguments are those of `deno test`.
 *
 * @module
 */
import { build } from "../stack/lwip/build.ts";
import { withoutColors } from "../wire/text.ts";

await build({ log: console.error });
const child = new Deno.Command(Deno.execPath(), {
  args: ["test", "--allow-all", ...Deno.args],
  cwd: new URL("../", import.meta.url),
  stdout: "piped",
}).spawn();

let tail = "";
const decoder = new TextDecoder();
for await (const chunk of child.stdout) {
  await Deno.stdout.write(chunk);
  tail = (tail + decoder.decode(chunk, { stream: true })).slice(-4096);
}
const { code } = await child.status;
const counts = /(\d+) passed(?: \(\d+ steps?\))? \| (\d+) failed(?:.*?\| (\d+) ignored)?/
  .exec(withoutColors(tail));
if (counts === null) {
  console.error(`deno test ended with status ${code} and counted nothing`);
  Deno.exit(code || 1);
}
const [, passed, failed, ignored] = counts;
console.log(
  `${passed} passed, ${failed} failed` +
    (ignored === undefined ? "" : `, ${ignored} skipped`),
);
Deno.exit(code);
