/**
 * The command line as users type it, also wrongly.
 *
 * @module
 */
import assert from "node:assert/strict";
import { CLI, run, withFiles } from "./_run.ts";
import { VERSION } from "./version.ts";

Deno.test("--version prints the version", async () => {
  for (const args of [["--version"], ["--debug", "--version"]]) {
    const { status, stdout, stderr } = await run(args);
    assert.deepEqual([status, stderr], [0, ""]);
    const [, version, parts] = /^norouter (\S+) \((.*)\)\n$/.exec(stdout) ?? [];
    assert.equal(version, VERSION);
    assert.match(parts!, /^lwIP \d+\.\d+\.\d+, Deno \d+\.\d+\.\d+/);
  }
});

for (const args of [["--help"], ["help"], ["-h"]]) {
  Deno.test(`${args} explains the program`, async () => {
    const { status, stdout, stderr } = await run(args);
    assert.equal(status, 0);
    assert.match(stdout, /norouter FILE +start the mesh of a manifest/);
    assert.equal(stderr, "");
  });
}

Deno.test("whoever starts it without arguments on a pipe is told to pass them on", async () => {
  const forgotten =
    /command of a host has started this, .* pass its arguments on \("\$@"\)\n/;
  assert.match((await run([])).stderr, forgotten);
  const { stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", CLI],
    stdin: "null",
  }).output();
  const text = new TextDecoder().decode(stderr);
  assert.match(text, /a manifest FILE is missing/);
  assert.doesNotMatch(text, /arguments/);
});

for (const args of [["check", "--help"], ["help", "check"]]) {
  Deno.test(`${args.join(" ")} explains the command`, async () => {
    const { status, stdout } = await run(args);
    assert.equal(status, 0);
    assert.match(stdout, /^Validate manifests/);
  });
}

/** Commands that have a page of their own. */
const COMMANDS = ["check", "up", "agent", "complete", "discover", "show-example"];

const wrong: [string[], RegExp][] = [
  [[], /^norouter: a manifest FILE is missing; "norouter show-example" shows one/],
  [
    ["chekc", "mesh.yaml"],
    /^norouter: unknown command "chekc"; did you mean "check"\?\n/,
  ],
  [["help", "chekc"], /^norouter: unknown command "chekc"; did you mean "check"\?\n/],
  [["frobnicate"], /unknown command "frobnicate", and there is no file of that name\n/],
  [["--debgu"], /^norouter: unknown option '--debgu'\n\(Did you mean --debug\?\)/],
  [
    ["--log-format", "xml", "a.yaml"],
    /'xml' is invalid. Allowed choices are human, json/,
  ],
  [["a.yaml", "b.yaml"], /^norouter: wanted one manifest FILE\n/],
  [["check"], /^norouter: missing required argument 'FILE'\n/],
  [["up"], /^norouter: missing required argument 'FILE'\n/],
  [["-e", "-"], /^norouter: an editor cannot open standard input, "-"\n/],
  [["up", "-e", "-"], /^norouter: an editor cannot open standard input, "-"\n/],
  [["-e", "a.yaml", "b.yaml"], /^norouter: wanted one manifest FILE\n/],
  [["-e", "check", "a.yaml"], /^norouter: "check" does not open an editor\n/],
  [["check", "--open-editor", "a.yaml"], /^norouter: "check" does not open an editor\n/],
  [
    ["check", "--allow-plugin", "far.ts", "a.yaml"],
    /^norouter: .*'far.ts' is invalid. "far.ts" is no plug-in; wanted a path that begins/,
  ],
  [
    ["--allow-plugin", "./far.ts", "show-example"],
    /^norouter: "show-example" loads no plug-ins\n/,
  ],
  [["--state", "s", "check", "a.yaml"], /^norouter: "check" keeps no state\n/],
  [["--state=", "a.yaml"], /^norouter: .*--state <file>.* '' is invalid\. It is empty\./],
  [["agent"], /^norouter: "agent" without "--automated"\n\nAn agent is what a manager/],
  [["discover", "dokcer"], /^norouter: the SOURCE 'dokcer' is invalid. .*docker, podman/],
  [["complete", "tcsh"], /^norouter: the SHELL/],
  [["complete", "tcsh"], /^norouter: .*'tcsh' is invalid.*zsh, bash, fish, powershell/],
];
for (const [args, message] of wrong) {
  Deno.test(`"norouter ${args.join(" ")}" is wrong usage`, async () => {
    const { status, stdout, stderr } = await run(args);
    assert.match(stderr, message);
    const command = args.find((word) => COMMANDS.includes(word));
    const page = command ? `help ${command}` : "--help";
    assert.ok(stderr.endsWith(`(see "norouter ${page}")\n`), stderr);
    assert.equal(stdout, "");
    assert.equal(status, 2);
  });
}

Deno.test("a manifest that is wrong ends the program with 1, however it is started", async () => {
  await withFiles({ "mesh.yaml": "hosts: {}\n" }, async (cwd) => {
    for (const before of [[], ["up"], ["manager"], ["--debug"]]) {
      const { status, stderr } = await run([...before, "mesh.yaml"], { cwd });
      assert.match(
        stderr,
        /^mesh.yaml:1:1: error: "hosts" is empty; wanted at least one/,
      );
      assert.equal(status, 1, before.join(" "));
    }
  });
});

for (const shell of ["zsh", "bash", "fish", "powershell"]) {
  Deno.test(`complete ${shell} prints a script that asks the program`, async () => {
    const { status, stdout } = await run(["complete", shell]);
    assert.equal(status, 0);
    assert.match(stdout, /norouter complete/);
  });
}

Deno.test("commands, options, choices and manifests are completed", async () => {
  await withFiles({ "mesh.yaml": "", "notes.txt": "" }, async (cwd) => {
    const complete = async (...words: string[]) =>
      (await run(["complete", "--", ...words], { cwd })).stdout
        .split("\n").map((line) => line.split("\t")[0]).filter((line) =>
          !/^(:\d+)?$/.test(line!)
        );
    assert.deepEqual(await complete("che"), ["check"]);
    for (const command of ["up", "check", "clean"]) {
      assert.deepEqual(await complete(command, ""), ["mesh.yaml"], command);
    }
    assert.deepEqual(await complete("mes"), ["mesh.yaml"]);
    assert.ok((await complete("--")).includes("--log-format"));
    assert.deepEqual(await complete("--log-format", ""), ["human", "json"]);
  });
});
