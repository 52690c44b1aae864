/**
 * How long agents stay without a link, as manifests say it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { read, said } from "./_said.ts";

/** What the hosts of a manifest have. */
const resumeOf = (hosts: string, template = "{}") =>
  read(`hostTemplate: ${template}\nhosts:\n${hosts}`).hosts.map(({ resume }) => resume);

Deno.test("an agent stays for 5 minutes, or as host or template say", () => {
  const hosts = "  here: {}\n  a: { cmd: a }\n  b: { cmd: b, resume: 90s }\n" +
    "  c: { cmd: c, resume: off }\n";
  assert.deepEqual(resumeOf(hosts), [undefined, 300_000, 90_000, 0]);
  assert.deepEqual(resumeOf(hosts, "{ resume: 1h }"), [undefined, 3_600_000, 90_000, 0]);
  assert.deepEqual(resumeOf(hosts, "{ resume: off }"), [undefined, 0, 90_000, 0]);
});

Deno.test("off is off in each spelling of YAML, and seconds are whole", () => {
  for (const word of ["off", "Off", '"off"', "false", "no"]) {
    assert.deepEqual(resumeOf(`  a: { cmd: a, resume: ${word} }`), [0], word);
  }
  assert.deepEqual(resumeOf("  a: { cmd: a, resume: 1.2 }"), [2000]);
});

Deno.test("a resume that is no length of time is located", () => {
  const wrong = (text: string) => said(`hosts:\n  a:\n    cmd: a\n    resume: ${text}\n`);
  assert.deepEqual(wrong("soon"), [
    `mesh.yaml:4:13: error: "resume": "soon" is not a length of time; wanted seconds, ` +
    `or numbers with units, like "20s" or "500ms", or "off"`,
  ]);
  assert.deepEqual(wrong("500ms"), [
    `mesh.yaml:4:13: error: "resume": "500ms" is too short; wanted 1s or more, or "off"`,
  ]);
  assert.match(
    wrong("25h")[0]!,
    /"25h" is not a length of time to wait; wanted 24h or less/,
  );
  for (const zero of ["0", "0s", "0.0", "0.5"]) {
    assert.deepEqual(wrong(zero), [
      `mesh.yaml:4:13: error: "resume": "${zero}" is too short; wanted 1s or more, or "off"`,
    ]);
  }
  for (const negative of ["-1", "-5m", '"- 5"']) {
    assert.match(
      wrong(negative)[0]!,
      /"- ?\d+m?" is not a length of time, for it is negative; wanted seconds, .*or "off"$/,
    );
  }
  for (const odd of ["5 m", "5x", "1e9", '""', "1d", "s"]) {
    const [fault] = wrong(odd);
    assert.ok(fault!.includes(`"resume": ${JSON.stringify(odd.replaceAll('"', ""))} is`));
    assert.match(fault!, /; wanted seconds, or numbers with units, like .*, or "off"$/);
  }
  assert.match(wrong("99999999999999h")[0]!, /wanted 24h or less, or "off"$/);
  assert.match(wrong("[5m]")[0]!, /^mesh.yaml:4:13: error: "resume" is a list; wanted/);
});

Deno.test("a resume of this machine is doubtful, and one of the template is not", () => {
  const doubts = (here: string) =>
    said(`hosts: { here: ${here}, a: { cmd: a, ports: ["1:a:1"] } }`);
  assert.deepEqual(doubts("{ resume: 5m }"), [
    `mesh.yaml:1:18: warning: "resume" does not go with this machine, whose agent is a ` +
    `part of the manager`,
  ]);
  assert.deepEqual(doubts("{ resume: off }"), []);
  const all = `hostTemplate: { resume: 5m, ports: ["1:a:1"] }\n`;
  assert.deepEqual(said(`${all}hosts: { here: {} }`), []);
});
