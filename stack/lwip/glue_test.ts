// The parts of the glue are in an order: none uses what stands behind it.
import assert from "node:assert/strict";

function included(path: string): string[] {
  const text = Deno.readTextFileSync(new URL(path, import.meta.url));
  return [...text.matchAll(/^#include "(.*)"$/gm)].map(([, name = ""]) => name);
}

const here = [...Deno.readDirSync(new URL("./glue", import.meta.url))];
const files = here.map(({ name }) => name).sort();
const parts = included("./glue.c")
  .filter((name) => name.startsWith("glue/"))
  .map((name) => name.slice("glue/".length));

Deno.test("glue.c lists every part, once", () => {
  assert.deepEqual(parts.toSorted(), files);
});

Deno.test("a part of the glue includes only parts before it", () => {
  let seen = 0;
  for (const [place, part] of parts.entries()) {
    for (
      const name of included(`./glue/${part}`).filter((name) => files.includes(name))
    ) {
      assert.ok(
        parts.indexOf(name) < place,
        `${part} includes ${name}, which comes later`,
      );
      seen++;
    }
  }
  assert.ok(seen > 0, "No includes were found: the check is blind");
});

Deno.test("a part of the glue uses nothing of parts that it does not include", () => {
  const texts = new Map(parts.map((part) => {
    const text = Deno.readTextFileSync(new URL(`./glue/${part}`, import.meta.url));
    return [part, text.replaceAll(/\/\*.*?\*\//gs, "")];
  }));
  const definition = /^(?:static )?(?:struct )?\w+ \**(\w+)\([^;]*?\) \{/gm;
  let seen = 0;
  for (const [definer, text] of texts) {
    for (const [, name] of text.matchAll(definition)) {
      const use = new RegExp(`(?<![\\w.>])${name}\\(`);
      for (const [user, other] of texts) {
        if (user === definer || !use.test(other)) continue;
        seen++;
        assert.ok(
          included(`./glue/${user}`).includes(definer),
          `${user} calls ${name} and does not include ${definer}`,
        );
      }
    }
  }
  assert.ok(seen > 50, `Only ${seen} calls between parts were found: the check is blind`);
});
