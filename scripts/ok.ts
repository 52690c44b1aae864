/**
 * Proves all: format, lint, types, docs, folder order, publishing, and every test.
 *
 * @module
 */

const root = new URL("../", import.meta.url);
const STEPS: [string, string[]][] = [
  ["stack", ["run", "--allow-all", "stack/lwip/build.ts"]],
  ["format", ["fmt", "--check"]],
  ["lint", ["lint"]],
  ["types", ["check", "."]],
  [
    "docs",
    ["doc", "--lint", "cli.ts", "mod.ts", "transports/mod.ts", "transports/testing.ts"],
  ],
  [
    "examples in the docs",
    [
      "test",
      "--allow-all",
      "--doc",
      "mod.ts",
      "transports/mod.ts",
      "transports/testing.ts",
    ],
  ],
  ["order of folders", ["run", "--allow-all", "scripts/order.ts"]],
  ["publishing", ["publish", "--dry-run", "--allow-dirty"]],
];

const failed: string[] = [];
for (const [name, args] of STEPS) {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: root,
    env: { NO_COLOR: "1" },
  }).output();
  console.error(`${success ? "ok    " : "FAILED"} ${name}`);
  if (success) continue;
  failed.push(name);
  await Deno.stderr.write(stdout);
  await Deno.stderr.write(stderr);
}
const tests = await new Deno.Command(Deno.execPath(), {
  args: ["run", "--allow-all", "scripts/run_tests.ts", ...Deno.args],
  cwd: root,
  stdin: "inherit",
  stdout: "inherit",
  stderr: "inherit",
}).output();
if (!tests.success) failed.push("tests");
if (failed.length > 0) console.error(`Not ok: ${failed.join(", ")}`);
Deno.exit(failed.length === 0 ? 0 : 1);
