import assert from "node:assert/strict";
import { builtinTransports } from "./registry.ts";

Deno.test("each built-in transport is found by its own name", () => {
  assert(builtinTransports.has("cmd"));
  for (const [name, transport] of builtinTransports) assert.equal(name, transport.name);
});
