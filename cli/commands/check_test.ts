/**
 * `norouter check`, as users run it, also on everything we show as an example.
 *
 * @module
 */
import assert from "node:assert/strict";
import { run, type RunOptions, withFiles } from "../_run.ts";

const RIGHT = `hosts: { local: {}, web: { docker: web, ports: ["1:a:1"] } }`;

/** Checks a manifest called mesh.yaml. */
function check(text: string, args: string[] = [], options: RunOptions = {}) {
  return withFiles(
    { "mesh.yaml": text },
    (cwd) => run(["check", "mesh.yaml", ...args], { cwd, ...options }),
  );
}

Deno.test("a manifest that is right is OK, with the number of its hosts", async () => {
  assert.deepEqual(await check(RIGHT), {
    status: 0,
    stdout: "mesh.yaml: OK, 2 hosts\n",
    stderr: "",
  });
});

Deno.test("a manifest with errors fails the check with all of them", async () => {
  const { status, stdout, stderr } = await check("hosts:\n  a: { vip: x, ports: [y] }\n");
  assert.equal(status, 1);
  assert.equal(stdout, "");
  assert.match(
    stderr,
    /^mesh.yaml:2:13: error: vip "x" .*\nmesh.yaml:2:24: error: "y" .*\n$/,
  );
});

Deno.test("an unknown field fails the check", async () => {
  const { status, stderr } = await check("hosts: { a: { prots: [] } }");
  assert.equal(status, 1);
  assert.equal(
    stderr,
    `mesh.yaml:1:15: error: unknown field "prots" in host "a"; did you mean "ports"?\n`,
  );
});

Deno.test("a proxy without a password beyond loopback fails the check", async () => {
  const { status, stderr } = await check("hosts: { a: { http: { listen: ':80' } } }");
  assert.equal(status, 1);
  assert.match(stderr, /^mesh.yaml:1:31: error: ":80" lets whoever/m);
});

Deno.test("a password is in no output, whatever is wrong beside it", async () => {
  const text = `hosts:
  a: { http: { listen: ":1", auth: { username: "", password: hunter2 } }, prots: [] }
`;
  for (const args of [[], ["--log-format", "json"]]) {
    const { status, stdout, stderr } = await check(text, args);
    assert.equal(status, 1);
    assert.match(stderr, /username/);
    assert.doesNotMatch(stdout + stderr, /hunter2/);
  }
  const right = text.replace('""', "u").replace(", prots: []", "");
  const { status, stdout, stderr } = await check(right, ["--log-format", "json"]);
  assert.deepEqual([status, stdout, stderr], [0, "mesh.yaml: OK, 1 host\n", ""]);
});

Deno.test("other warnings are printed and pass", async () => {
  const { status, stdout, stderr } = await check("hosts: { a: {}, b: { docker: b } }");
  assert.match(
    stderr,
    /^mesh.yaml:1:17: warning: nothing is published in this mesh: .* ports: \["8080:127/,
  );
  assert.equal(stdout, "mesh.yaml: OK, 2 hosts\n");
  assert.equal(status, 0);
});

Deno.test("several manifests are checked one after the other, and all have to be right", async () => {
  const files = {
    "a.yaml": RIGHT,
    "b.yaml": "hosts: { a: { vip: x } }",
    "c.yaml": RIGHT,
  };
  const checked = await withFiles(
    files,
    (cwd) => run(["check", ...Object.keys(files)], { cwd }),
  );
  assert.equal(checked.status, 1);
  assert.equal(checked.stdout, "a.yaml: OK, 2 hosts\nc.yaml: OK, 2 hosts\n");
  assert.match(checked.stderr, /^b\.yaml:1:20: error: vip "x" .*\n$/);
});

Deno.test("wrong usage for machines is one object a line", async () => {
  const table: [string[], string][] = [
    [["check"], "norouter: missing required argument 'FILE'"],
    [["chekc"], 'norouter: unknown command "chekc"; did you mean "check"?'],
    [["check", "--bogus", "a"], "norouter: unknown option '--bogus'"],
  ];
  for (const [args, message] of table) {
    const { status, stdout, stderr } = await run(["--log-format", "json", ...args]);
    assert.deepEqual([status, stdout], [2, ""]);
    const { time: _, ...event } = JSON.parse(stderr);
    const expected = { level: "error", type: "usage", message };
    assert.deepEqual({ ...event, message: event.message.split("\n")[0] }, expected);
  }
});

Deno.test("diagnostics for machines are one object a line", async () => {
  const { stderr } = await check("hosts: { a: { vip: x } }", ["--log-format", "json"]);
  const { time: _, ...fields } = JSON.parse(stderr);
  assert.deepEqual(fields, {
    level: "error",
    type: "manifest",
    message: `vip "x" is not an IPv4 address, like "127.0.42.100"`,
    file: "mesh.yaml",
    line: 1,
    column: 20,
  });
});

Deno.test("a plug-in is run if the command line allows it, at each place it may stand", async () => {
  const far = `export default { name: "far", open() {}, describe: () => "far", parse() {
    throw Object.assign(new Error("wanted more"), { path: [] });
  } }`;
  const mesh = "hosts: { a: { transport: ./far.js, with: { n: 1 } } }\n";
  await withFiles({ "mesh.yaml": mesh, "far.js": far }, async (cwd) => {
    const plain = await run(["check", "mesh.yaml"], { cwd });
    assert.match(plain.stderr, /^mesh.yaml:1:26: warning: the plug-in \S+ was not run/);
    assert.deepEqual([plain.status, plain.stdout], [0, "mesh.yaml: OK, 1 host\n"]);
    const allow = ["--allow-plugin", "./far.js"];
    for (
      const args of [
        ["check", ...allow, "mesh.yaml"],
        ["check", "mesh.yaml", ...allow],
        [...allow, "check", "mesh.yaml", "--allow-plugin=./other.js"],
        ["mesh.yaml"], // starting it trusts it
      ]
    ) {
      const { status, stderr } = await run(args, { cwd });
      assert.equal(stderr, `mesh.yaml:1:42: error: "with": wanted more\n`);
      assert.equal(status, 1);
    }
  });
});

Deno.test("a manifest is checked from standard input", async () => {
  const right = await run(["check", "-"], { stdin: RIGHT });
  assert.equal(right.stdout, "<stdin>: OK, 2 hosts\n");
  const wrong = await run(["check", "-"], { stdin: "hosts: []" });
  assert.match(wrong.stderr, /^<stdin>:1:8: error: /);
});

Deno.test("a manifest that is not there fails the check", async () => {
  const { status, stderr } = await run(["check", "no/such.yaml"]);
  assert.equal(status, 1);
  assert.equal(
    stderr,
    "no/such.yaml: error: cannot read the manifest: there is no such file\n",
  );
});

for (const name of ["show-example", "show-ex"]) {
  Deno.test(`what ${name} prints passes the check`, async () => {
    const example = await run([name]);
    assert.equal(example.status, 0);
    assert.match(
      example.stdout,
      /^# yaml-language-server: \$schema=norouter\.schema\.json\n/,
    );
    assert.deepEqual(await run(["check", "-"], { stdin: example.stdout }), {
      status: 0,
      stdout: "<stdin>: OK, 7 hosts\n",
      stderr: "",
    });
  });
}

const examples = new URL("../../examples/", import.meta.url);
for (const { name } of Deno.readDirSync(examples)) {
  if (!name.endsWith(".yaml")) continue;
  Deno.test(`examples/${name} passes the check`, async () => {
    const allowed = name === "plugin.yaml" ? ["--allow-plugin", "./chroot.ts"] : [];
    const { status, stderr } = await run(["check", ...allowed, name], { cwd: examples });
    assert.equal(stderr, "");
    assert.equal(status, 0);
  });
}
