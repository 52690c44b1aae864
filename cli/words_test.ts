/**
 * The table of words.ts.
 *
 * @module
 */
import assert from "node:assert/strict";
import { isFile, unknownCommand } from "./words.ts";

const words: [string, boolean][] = [
  ["mesh.yaml", true],
  ["mesh.yml", true],
  ["Mesh.YAML", true],
  ["./mesh", true],
  ["conf/mesh", true],
  ["-", true],
  ["mesh", false],
  ["chekc", false],
  ["mesh.yaml.txt", false],
];
for (const [word, file] of words) {
  Deno.test(`${word} ${file ? "is a manifest" : "is no manifest unless it is there"}`, () => {
    assert.equal(isFile(word), file);
  });
}

Deno.test("a file that is there is a manifest, whatever its name", async () => {
  const path = await Deno.makeTempFile();
  const name = path.slice(path.lastIndexOf("/") + 1);
  const before = Deno.cwd();
  Deno.chdir(path.slice(0, path.lastIndexOf("/")));
  try {
    assert.ok(isFile(name));
  } finally {
    Deno.chdir(before);
    await Deno.remove(path);
  }
});

Deno.test("an unknown command is answered with the nearest known", () => {
  const known = ["up", "check", "show-example"];
  assert.equal(
    unknownCommand("chekc", known),
    `unknown command "chekc"; did you mean "check"?`,
  );
  assert.equal(unknownCommand("x", known, ", sorry"), `unknown command "x", sorry`);
});
