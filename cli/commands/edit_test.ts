/**
 * `norouter -e`, as users run it: with an editor that is a script, at a terminal and not.
 *
 * @module
 */
import assert from "node:assert/strict";
import { needs } from "../../tests/harness/scene/requirements.ts";
import { type Result, run, withFiles } from "../_run.ts";
import { Terminal } from "../_terminal.ts";
import { EXAMPLE } from "./example.ts";

const AGENT = new URL("../../manager/_fake_agent.ts", import.meta.url).href;
const READY = JSON.stringify([Deno.execPath(), "run", "--quiet", "-A", AGENT, "{}"]);
const GOOD = `hosts: { web: { cmd: ${READY} } }\n`;
const FAILING = `hosts: { broken: { cmd: 'sh -c "echo oops >&2; exit 3"' } }\n`;
const HALF = `hosts:\n  web: { cmd: ${READY} }\n  broken: { cmd: 'sh -c "exit 3"' }\n`;
const WRONG = "hosts: []\n";

/**
 * An editor that saves the text of `save.1` the first time, `save.2` the second time and
 * so on, and nothing where there is no such file. It keeps what it was called with in
 * `args`, and what it found in `found.1` and so on.
 */
const EDITOR = `#!/bin/sh
here=$(dirname "$0")
echo "$*" >> "$here/args"
n=$(wc -l < "$here/args" | tr -d ' ')
for file in "$@"; do :; done
cp "$file" "$here/found.$n"
if [ -f "$here/save.$n" ]; then cp "$here/save.$n" "$file"; fi
`;

interface Scene {
  readonly cwd: string;
  /** The environment, with the editor in it. */
  readonly env: Record<string, string>;
  read(name: string): string;
  names(): string[];
}

/** Calls `use` in a folder with the editor, what it will save, and other files. */
function atDesk(
  files: Record<string, string>,
  use: (scene: Scene) => Promise<void>,
): Promise<void> {
  return withFiles({ ...files, "my editor": EDITOR }, async (cwd) => {
    await Deno.chmod(`${cwd}/my editor`, 0o755);
    await Deno.mkdir(`${cwd}/tmp`);
    await use({
      cwd,
      env: { VISUAL: "", EDITOR: `'${cwd}/my editor' --wait`, TMPDIR: `${cwd}/tmp` },
      read: (name) => Deno.readTextFileSync(`${cwd}/${name}`),
      names: () =>
        [...Deno.readDirSync(cwd)].map(({ name }) => name)
          .filter((name) => !/^(args|found.*|save.*|my editor|tmp)$/.test(name)),
    });
  });
}

/** A test without a terminal: the program runs to its end. */
function unattended(
  name: string,
  args: string[],
  files: Record<string, string>,
  check: (result: Result, scene: Scene) => void,
): void {
  Deno.test({
    name,
    ignore: Deno.build.os === "windows",
    fn: () =>
      atDesk(
        files,
        async (scene) => check(await run(args, { ...scene, stdin: "" }), scene),
      ),
  });
}

/** A test in front of a terminal. */
function attended(
  name: string,
  args: string[],
  files: Record<string, string>,
  use: (terminal: Terminal, scene: Scene) => Promise<void>,
): void {
  const { ignore } = needs("python3", "sh");
  Deno.test({
    name,
    ignore: ignore || Deno.build.os === "windows",
    fn: () =>
      atDesk(files, async (scene) => {
        await using terminal = new Terminal(args, scene);
        await use(terminal, scene);
      }),
  });
}

for (const args of [["-e"], ["--open-editor"], ["up", "-e"], ["manager", "-e"]]) {
  unattended(
    `"norouter ${args.join(" ")} FILE" edits the manifest, then checks and starts it`,
    [...args, "mesh.yaml"],
    { "mesh.yaml": "hosts: {}\n", "save.1": WRONG },
    ({ status, stderr }, { read }) => {
      assert.equal(read("args"), "--wait mesh.yaml\n");
      assert.equal(read("found.1"), "hosts: {}\n");
      assert.match(stderr, /^info +Editing mesh.yaml with my editor --wait\n/);
      assert.match(stderr, /\nmesh.yaml:1:8: error: /);
      assert.equal(status, 1);
    },
  );
}

unattended(
  "a manifest that is not there begins as the example",
  ["-e", "mesh.yaml"],
  { "save.1": WRONG },
  ({ status, stderr }, { read, names }) => {
    assert.equal(read("found.1"), EXAMPLE);
    assert.match(stderr, /mesh.yaml:1:8: error: /);
    assert.equal(status, 1);
    assert.deepEqual(names(), ["mesh.yaml"]);
  },
);

unattended(
  "an example that was not saved leaves nothing behind, and starts nothing",
  ["-e", "mesh.yaml"],
  {},
  ({ status, stderr }, { names }) => {
    assert.match(
      stderr,
      /The example was not saved as a manifest, so no mesh is started/,
    );
    assert.equal(status, 0);
    assert.deepEqual(names(), []);
  },
);

unattended(
  "without FILE it is a temporary one, kept once something was saved",
  ["-e"],
  { "save.1": WRONG },
  ({ status, stderr }, { read }) => {
    assert.equal(read("found.1"), EXAMPLE);
    const path = /The manifest is kept; to go on: norouter -e (\S+\.yaml)\n/.exec(stderr);
    assert.equal(Deno.readTextFileSync(path![1]!), WRONG);
    assert.equal(Deno.statSync(path![1]!).mode! & 0o777, 0o600);
    assert.equal(status, 1);
  },
);

unattended(
  "a temporary manifest that was not saved does not stay",
  ["-e"],
  {},
  ({ status, stderr }, { cwd }) => {
    assert.match(stderr, /The example was not saved/);
    assert.equal(status, 0);
    assert.deepEqual([...Deno.readDirSync(`${cwd}/tmp`)], []);
  },
);

unattended(
  "a mesh without a host that becomes ready ends, as nobody can be asked",
  ["-e", "mesh.yaml"],
  { "mesh.yaml": FAILING },
  ({ status, stderr }) => {
    assert.match(stderr, /status 3.*\n.*0 of 1 hosts are up, without broken\n/);
    assert.match(stderr, /Ending the mesh, since no host became ready/);
    assert.doesNotMatch(stderr, /Press Enter/);
    assert.equal(status, 1);
  },
);

unattended(
  "a folder that is not there is named",
  ["-e", "no/such/mesh.yaml"],
  {},
  ({ status, stderr }) => {
    assert.match(
      stderr,
      /^error +Cannot make the manifest no\/such\/mesh.yaml: its folder does not exist\n$/,
    );
    assert.equal(status, 1);
  },
);

Deno.test({
  name: "an editor that fails is named with its status, and nothing is started",
  ignore: Deno.build.os === "windows",
  fn: () =>
    atDesk({ "mesh.yaml": GOOD }, async ({ cwd, env }) => {
      const failing = { ...env, VISUAL: `sh -c "exit 7"` };
      const { status, stderr } = await run(["-e", "mesh.yaml"], { cwd, env: failing });
      assert.match(stderr, /\nerror +The editor "sh -c exit 7" exited with status 7\n$/);
      assert.equal(status, 1);
    }),
});

Deno.test({
  name: "without any editor the error says what to set",
  ignore: Deno.build.os === "windows",
  fn: () =>
    atDesk({ "mesh.yaml": GOOD }, async ({ cwd }) => {
      const env = { VISUAL: "", EDITOR: "gone", PATH: cwd };
      const { status, stderr } = await run(["-e", "mesh.yaml"], { cwd, env });
      assert.match(
        stderr,
        /^warn +\$EDITOR is "gone": there is no program "gone"\nerror +No editor was found; set \$EDITOR/,
      );
      assert.equal(status, 1);
    }),
});

attended(
  "after an error in the manifest, Enter opens the editor again",
  ["-e", "mesh.yaml"],
  { "save.1": WRONG, "save.2": GOOD },
  async (terminal, { read }) => {
    await terminal.shows(/mesh.yaml:1:8: error: /);
    await terminal.shows(/Press Enter to open the editor again, Ctrl-C to give up/);
    await terminal.type("\n");
    await terminal.shows(/Editing mesh.yaml/);
    await terminal.shows(/Every host is ready/);
    await terminal.type("\x03");
    await terminal.shows(/Ending the mesh \(SIGINT\)/);
    assert.equal(await terminal.end(), 0);
    assert.equal(read("found.2"), WRONG);
    assert.doesNotMatch(terminal.screen, /Press Enter.*Press Enter/s);
  },
);

attended(
  "after an error in the manifest, Ctrl-C gives up",
  ["-e", "mesh.yaml"],
  { "save.1": WRONG },
  async (terminal, { names }) => {
    await terminal.shows(/Press Enter/);
    await terminal.type("\x03");
    assert.equal(await terminal.end(), 1);
    assert.deepEqual(names(), ["mesh.yaml"]);
  },
);

attended(
  "after an error in the manifest, the end of input gives up",
  ["-e", "mesh.yaml"],
  { "save.1": WRONG },
  async (terminal) => {
    await terminal.shows(/Press Enter/);
    await terminal.type("\x04");
    assert.equal(await terminal.end(), 1);
  },
);

attended(
  "a mesh without a host that becomes ready ends, and the editor opens again",
  ["-e", "mesh.yaml"],
  { "save.1": FAILING, "save.2": FAILING + "# again\n", "save.3": GOOD },
  async (terminal) => {
    for (let i = 0; i < 2; i++) {
      await terminal.shows(/0 of 1 hosts are up/);
      await terminal.shows(/Press Enter/);
      await terminal.type("\n");
    }
    await terminal.shows(/Every host is ready/);
    await terminal.type("\x03");
    assert.equal(await terminal.end(), 0);
  },
);

attended(
  "a mesh that lacks a host goes on until Ctrl-C, and then the editor opens again",
  ["-e", "mesh.yaml"],
  { "save.1": HALF, "save.2": GOOD },
  async (terminal) => {
    await terminal.shows(/1 of 2 hosts are up, without broken/);
    await terminal.shows(/Ctrl-C ends the mesh, to edit the manifest again/);
    await terminal.type("\x03");
    await terminal.shows(/Press Enter/);
    await terminal.type("\n");
    await terminal.shows(/Every host is ready/);
    await terminal.type("\x03");
    assert.equal(await terminal.end(), 0);
  },
);

Deno.test({
  name: "Ctrl-C is the editor's business while it is open",
  ignore: needs("python3", "sh").ignore || Deno.build.os === "windows",
  fn: () =>
    atDesk({ "mesh.yaml": WRONG }, async ({ cwd, env }) => {
      const script =
        `trap "caught=1" INT; echo open; until [ "$caught" ]; do sleep 0.05; done; echo closed`;
      const patient = { ...env, EDITOR: `sh -c '${script}'` };
      await using terminal = new Terminal(["-e", "mesh.yaml"], { cwd, env: patient });
      await terminal.shows(/\nopen\r/);
      await terminal.type("\x03");
      await terminal.shows(/closed\r/);
      await terminal.shows(/Press Enter/);
      await terminal.type("\x03");
      assert.equal(await terminal.end(), 1);
    }),
});

Deno.test({
  name: "a Ctrl-C that comes with the editor's end is the editor's, too",
  ignore: needs("python3", "sh").ignore || Deno.build.os === "windows",
  fn: () =>
    atDesk({ "mesh.yaml": WRONG }, async ({ cwd, env }) => {
      const hasty = { ...env, EDITOR: `sh -c 'kill -INT $PPID'` };
      await using terminal = new Terminal(["-e", "mesh.yaml"], { cwd, env: hasty });
      for (let i = 0; i < 3; i++) {
        await terminal.shows(/Press Enter/);
        await terminal.type("\n");
      }
      await terminal.shows(/Press Enter/);
      await terminal.type("\x04");
      assert.equal(await terminal.end(), 1);
    }),
});
