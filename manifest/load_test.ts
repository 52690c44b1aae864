/**
 * Files that can be read as a manifest, and the many that cannot.
 *
 * @module
 */
import assert from "node:assert/strict";
import { transports } from "./_said.ts";
import { formatDiagnostic, ManifestError } from "./source/diagnostic.ts";
import { loadManifest, readManifestBytes } from "./load.ts";

/** What loading says of a file of that name, or "fine". */
async function saidOf(path: string): Promise<string> {
  try {
    const { warnings } = await loadManifest(path, { transports });
    return warnings.map(formatDiagnostic).join("\n") || "fine";
  } catch (error) {
    assert.ok(error instanceof ManifestError, String(error));
    return error.message;
  }
}

/** The same for a file with these contents, as if it lay in the current directory. */
async function saidOfContents(parts: (string | number[])[]): Promise<string> {
  const directory = await Deno.makeTempDir();
  try {
    const bytes = parts.flatMap((part) =>
      typeof part === "string" ? [...new TextEncoder().encode(part)] : part
    );
    await Deno.writeFile(`${directory}/mesh.yaml`, new Uint8Array(bytes));
    return (await saidOf(`${directory}/mesh.yaml`)).replaceAll(`${directory}/`, "");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("a manifest is loaded from a file", async () => {
  assert.equal(await saidOfContents(["hosts: { a: {} } # héhé 😀\n"]), "fine");
});

Deno.test("a byte order mark of UTF-8 is skipped", async () => {
  assert.equal(await saidOfContents([[0xef, 0xbb, 0xbf], "hosts: { a: {} }\n"]), "fine");
});

Deno.test("a byte that is not UTF-8 is located", async () => {
  assert.equal(
    await saidOfContents(["hosts:\n  é: {", [0xff], "}\n  b: {}\n"]),
    "mesh.yaml:2:7: error: the byte 0xff here is not part of UTF-8 text",
  );
});

Deno.test("a byte that is not UTF-8 is a warning in a comment, and an error elsewhere", async () => {
  const table: [(string | number[])[], string, string][] = [
    [["# caf", [0xe9], "\nhosts: { a: {} }\n"], "1:6", "warning 0xe9"],
    [[[0xef, 0xbb, 0xbf], "# ", [0xe9], "\nhosts: { a: {} }\n"], "1:3", "warning 0xe9"],
    [["hosts: { a: {} } # 😀 é ", [0xfc, 0xe9]], "1:25", "warning 0xfc"],
    [["# é ", [0xe2, 0x82], "\nhosts: { a: {} }\n"], "1:5", "warning 0xe2"],
    // Of several the one that matters is told.
    [
      ["# ", [0xe9], "\nhosts:\n  é: { cmd: 'a # ", [0xff], "' }\n"],
      "3:18",
      "error 0xff",
    ],
    [["hosts:\n  a: { cmd: a#", [0xe9], " }\n"], "2:15", "error 0xe9"],
    [["hosts:\n  a:\n    cmd: |\n      # ", [0xe9], "\n"], "4:9", "error 0xe9"],
    [['hosts:\n  a:\n    cmd: "x\n      # ', [0xe9], '"\n'], "4:9", "error 0xe9"],
    [["hosts: &", [0xe9], " { a: {} }\n"], "1:9", "error 0xe9"],
  ];
  for (const [parts, place, said] of table) {
    const [severity, byte] = said.split(" ");
    const is = `the byte ${byte} here is not part of UTF-8 text`;
    const rest = severity === "warning" ? "; it stands in a comment and is left out" : "";
    assert.equal(
      await saidOfContents(parts),
      `mesh.yaml:${place}: ${severity}: ${is}${rest}`,
    );
  }
});

Deno.test("a character cut off at the end is located", async () => {
  assert.equal(
    await saidOfContents(["a: ", [0xe2, 0x82]]),
    "mesh.yaml:1:4: error: the byte 0xe2 here is not part of UTF-8 text",
  );
});

Deno.test("UTF-16 is called by its name", async () => {
  assert.equal(
    await saidOfContents([[0xff, 0xfe, 0x68, 0]]),
    "mesh.yaml: error: the manifest is UTF-16 text; wanted UTF-8",
  );
});

Deno.test("a missing file is an error without a line", async () => {
  assert.equal(
    await saidOf("no/such.yaml"),
    "no/such.yaml: error: cannot read the manifest: there is no such file",
  );
});

Deno.test("a directory is an error without a line", async () => {
  const path = await Deno.makeTempDir();
  assert.equal(
    await saidOf(path),
    `${path}: error: cannot read the manifest: it is a directory`,
  );
  await Deno.remove(path);
});

Deno.test("a manifest may come from a named pipe, whose writer is waited for", {
  ignore: Deno.build.os === "windows",
}, async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/pipe`;
    await new Deno.Command("mkfifo", { args: [path] }).output();
    const bytes = readManifestBytes(path);
    const args = ["-c", 'printf "hosts: {}" > "$0"', path];
    const writer = await new Deno.Command("sh", { args }).output();
    assert(writer.success);
    assert.equal(new TextDecoder().decode(await bytes), "hosts: {}");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a file larger than 2 MiB is refused", async () => {
  const path = await Deno.makeTempFile();
  await Deno.truncate(path, 16 * 2 ** 20 + 1);
  assert.equal(await saidOf(path), `${path}: error: the manifest is larger than 2 MiB`);
  await Deno.remove(path);
});

Deno.test({
  name: "a file without an end is refused",
  ignore: Deno.build.os === "windows",
  fn: async () => assert.match(await saidOf("/dev/zero"), /larger than 2 MiB$/),
});
