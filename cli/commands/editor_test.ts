/**
 * Which editor is taken; running it is in edit_test.ts.
 *
 * @module
 */
import assert from "node:assert/strict";
import { findEditor } from "./editor.ts";

/** What is found with these variables and these programs on PATH. */
function find(
  env: Record<string, string>,
  programs: string[],
  { isWindows = false } = {},
): { name: string | undefined; command: string[] | undefined; warnings: string[] } {
  const { editor, warnings } = findEditor({
    env: (name) => env[name],
    find: (name) => programs.includes(name) ? `/bin/${name}` : undefined,
    isWindows,
  });
  const command = editor && [editor.program, ...editor.args];
  return { name: editor?.name, command, warnings: [...warnings] };
}

const ALL = ["editor", "vim", "vi", "emacs"];
const order: [Record<string, string>, string[], string | undefined][] = [
  [{ VISUAL: "a", EDITOR: "b" }, ["a", "b", ...ALL], "a"],
  [{ EDITOR: "b" }, ["a", "b", ...ALL], "b"],
  [{ VISUAL: "", EDITOR: " " }, ALL, "editor"],
  [{}, ALL, "editor"],
  [{}, ALL.slice(1), "vim"],
  [{}, ["emacs", "vi"], "vi"],
  [{}, ["emacs", "notepad.exe"], "emacs"],
  [{}, ["notepad.exe"], undefined],
  [{}, [], undefined],
];
for (const [env, programs, expected] of order) {
  const given = `${JSON.stringify(env)} and ${programs.join(" ") || "nothing on PATH"}`;
  Deno.test(`with ${given} the editor is ${expected ?? "missing"}`, () => {
    const { name, warnings } = find(env, programs);
    assert.equal(name, expected);
    assert.deepEqual(warnings, []);
  });
}

Deno.test("Windows has notepad.exe if nothing else is there", () => {
  const isWindows = true;
  assert.equal(find({}, ["notepad.exe"], { isWindows }).name, "notepad.exe");
  assert.equal(find({}, ["notepad.exe", "vim"], { isWindows }).name, "vim");
});

Deno.test("a variable may hold arguments, quoted as for a shell", () => {
  const { name, command } = find({ EDITOR: `code --wait "--title=my mesh"` }, ["code"]);
  assert.equal(name, "code --wait --title=my mesh");
  assert.deepEqual(command, ["/bin/code", "--wait", "--title=my mesh"]);
});

Deno.test("a program whose path has blanks is found as it is", () => {
  const path = "C:\\Program Files\\My Editor\\ed.exe";
  assert.deepEqual(find({ EDITOR: path }, [path]).command, [`/bin/${path}`]);
});

Deno.test("a variable that names no editor is told, and the next one taken", () => {
  const { name, warnings } = find({ VISUAL: "gone -x", EDITOR: `"open` }, ["vi"]);
  assert.equal(name, "vi");
  assert.equal(warnings.length, 2);
  assert.equal(warnings[0], `$VISUAL is "gone -x": there is no program "gone"`);
  assert.match(warnings[1]!, /^\$EDITOR is "\\"open": .*quot/i);
});
