/**
 * That the texts laid out by hand leave nothing out.
 *
 * @module
 */
import assert from "node:assert/strict";
import { helpOf } from "./help.ts";
import { programOf } from "./main.ts";

const program = programOf(() => {});

Deno.test("the program's help names every command", () => {
  for (const command of program.commands) {
    assert.match(helpOf("norouter"), new RegExp(`norouter ${command.name()}\\b`));
  }
});

Deno.test("the program's help names every option it has", () => {
  for (const { long } of program.options) {
    assert.ok(helpOf("norouter").includes(long!), `${long} is missing`);
  }
});

/** Options before a command that only some commands take. */
const OF_THE_PROGRAM = [
  ...["--version", "--open-editor", "--allow-plugin", "--state"],
  ...["--watch", "--control", "--name", "--ingress", "--egress"],
];

for (const command of program.commands) {
  const name = command.name();
  Deno.test(`the help of ${name} is its own, with every option and name it has`, () => {
    const text = helpOf(name);
    if (name !== "help") assert.notEqual(text, helpOf("norouter"));
    for (const { long } of [...program.options, ...command.options]) {
      const isOfAll = !OF_THE_PROGRAM.includes(long!);
      if (!isOfAll && !command.options.some((each) => each.long === long)) continue;
      assert.ok(text.includes(long!), `${long} is missing`);
    }
    for (const alias of command.aliases()) {
      assert.ok(text.includes(`norouter ${alias}`), `${alias} is missing`);
    }
  });
}

Deno.test("no line of help is wider than a terminal", () => {
  for (const name of ["norouter", ...program.commands.map((each) => each.name())]) {
    for (const line of helpOf(name).split("\n")) assert.ok(line.length <= 88, line);
  }
});

Deno.test("every option stands under a heading, behind an empty line", () => {
  for (const name of ["norouter", ...program.commands.map((command) => command.name())]) {
    const [, ...blocks] = helpOf(name).split(/\n\n(?=\S)/);
    for (const block of blocks) {
      const hasOptions = /^ {2}-/m.test(block);
      assert.equal(/^Options:\n/.test(block), hasOptions, `${name}:\n${block}`);
    }
    assert.equal(helpOf(name).match(/^Options:$/gm)?.length, 1, name);
  }
});
