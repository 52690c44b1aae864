import assert from "node:assert/strict";
import { builtinTransports } from "../transports/registry.ts";
import { type Diagnostic, formatPosition } from "./source/diagnostic.ts";
import { parseManifest } from "./parse.ts";

function add(text: string) {
  return parseManifest("hosts: { local: {} }", {
    path: "m",
    transports: builtinTransports,
    edits: { added: new Map([["db", text]]), removed: new Set() },
  });
}

for (
  const text of [
    `docker: db, ports: ["80:127.0.0.1:80"]`,
    `{docker: db, ports: ["80:127.0.0.1:80"]}`,
    `docker: db\nports: ["80:127.0.0.1:80"]`,
  ]
) {
  Deno.test(`a host is added by ${JSON.stringify(text)}`, () => {
    const [, db] = add(text).hosts;
    assert.equal(db!.transport!.name, "docker");
    assert.equal(db!.ports[0]!.listenPort, 80);
  });
}

Deno.test("faults of an added host stand where the command has them", () => {
  const [{ at }] = add(`docker: db, prots: [1]`).warnings as [Diagnostic];
  assert.equal(formatPosition(at), "host add db:1:13");
  assert.throws(() => add(`docker: db, ports: [1`), /host add db:1:/);
  assert.throws(() => add(`docker: db, ports: [x]`), /host add db:1:21: error: "x"/);
});
