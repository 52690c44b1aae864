// The marked region: nothing outside of it changes, whatever the file looks like.
import assert from "node:assert/strict";
import fc from "fast-check";
import { placeRegion, removeRegion } from "./hosts_region.ts";

const LINES = ["127.0.42.100 local", "127.0.42.101 web"];
const REGION = `# <Added-by-NoRouter>
127.0.42.100 local
127.0.42.101 web
# </Added-by-NoRouter>
`;
const OLD = "# <Added-by-NoRouter>\n127.0.42.9 old\n# </Added-by-NoRouter>\n";

const files: [name: string, before: string, after: string, restored?: string][] = [
  ["a file without a region gets one at its end", "a\nb\n", "a\nb\n" + REGION],
  ["an empty file gets a region", "", REGION],
  ["a missing last line end is added", "a\nb", "a\nb\n" + REGION],
  ["a region is replaced where it is", `a\n${OLD}b\n`, `a\n${REGION}b\n`, "a\nb\n"],
  [
    "a region at the end of a file without a last line end is replaced",
    `a\n${OLD}`.trimEnd(),
    `a\n${REGION}`,
    "a\n",
  ],
  ["of several regions one is left", `${OLD}a\n${OLD}b`, `${REGION}a\nb`, "a\nb"],
  [
    "blanks around a marker do not matter",
    "a\n#<Added-by-NoRouter>  \nx\n#\t</Added-by-NoRouter>\nb\n",
    `a\n${REGION}b\n`,
    "a\nb\n",
  ],
  [
    "lines after a region's begin without an end are kept",
    "a\n# <Added-by-NoRouter>\nb\nc\n",
    `a\nb\nc\n${REGION}`,
    "a\nb\nc\n",
  ],
  [
    "lines after a begin are kept if the next region begins before it ends",
    `# <Added-by-NoRouter>\na\n${OLD}b\n`,
    `a\n${REGION}b\n`,
    "a\nb\n",
  ],
  [
    "an end without a begin is a comment",
    "a\n# </Added-by-NoRouter>\nb\n",
    `a\n# </Added-by-NoRouter>\nb\n${REGION}`,
  ],
  [
    "a marker within a line is no marker",
    "1.2.3.4 x # <Added-by-NoRouter>\n## <Added-by-NoRouter>\n",
    `1.2.3.4 x # <Added-by-NoRouter>\n## <Added-by-NoRouter>\n${REGION}`,
  ],
];
for (const [name, before, after, restored = before] of files) {
  for (const newline of ["\n", "\r\n"]) {
    const as = (text: string) => text.replaceAll("\n", newline);
    // Nothing tells how the lines of an empty file, or of one line, would end.
    if (newline === "\r\n" && !before.includes("\n")) continue;
    Deno.test(`${name} (${newline === "\n" ? "LF" : "CRLF"})`, () => {
      const placed = placeRegion(as(before), LINES);
      assert.equal(placed.text, as(after));
      assert.equal(placed.region, as(REGION));
      assert.equal(removeRegion(placed.text, placed), as(restored));
    });
  }
}

Deno.test("a begin without an end is told with its line", () => {
  const begin = "# <Added-by-NoRouter>\n";
  assert.deepEqual(placeRegion(`a\n${begin}b\n${OLD}`, []).unclosed, [2]);
  assert.deepEqual(placeRegion(`${begin}${begin}b`, []).unclosed, [1, 2]);
  assert.deepEqual(placeRegion(OLD, []).unclosed, []);
});

Deno.test("a region that somebody else rewrote is not removed", () => {
  const { text, ...placed } = placeRegion("a\n", LINES);
  assert.equal(removeRegion(text.replace("web", "other"), placed), undefined);
  assert.equal(removeRegion("a\n", placed), undefined);
});

Deno.test("what others wrote around the region meanwhile stays", () => {
  const { text, ...placed } = placeRegion("a", LINES);
  assert.equal(removeRegion(`x\n${text}y`, placed), "x\na\ny");
});

Deno.test("any file has one region then, and is as before without it", () => {
  const line = fc.constantFrom(
    "# <Added-by-NoRouter>",
    "# </Added-by-NoRouter>",
    "127.0.0.1 localhost",
    "\xff\x80",
    "",
    "\r",
  );
  const file = fc.array(line).map((lines) => lines.join("\n"));
  fc.assert(
    fc.property(file, (before) => {
      const placed = placeRegion(before, LINES);
      assert.equal(placed.text.split("# <Added-by-NoRouter>").length, 2);
      const restored = removeRegion(placed.text, placed)!;
      // Again finds nothing to clean, so that now every byte has to come back.
      const again = placeRegion(restored, LINES);
      assert.equal(removeRegion(again.text, again), restored);
      assert.deepEqual(again.unclosed, []);
      for (const entry of ["localhost", "\xff\x80"]) {
        const outside = before.replace(
          /^# <Added-by-NoRouter>\n(?:(?!# <Added)[^\n]*\n)*?# <\/Added-by-NoRouter>(?:\n|$)/gm,
          "",
        );
        assert.equal(restored.split(entry).length, outside.split(entry).length);
      }
    }),
    { seed: 42 },
  );
});
