/**
 * The documentation says what is so: its manifests are right, its messages exist, its
 * links lead somewhere, and nothing that the program has is left out.
 *
 * A block of YAML there is always a whole manifest; what is none is in another kind of
 * block. In a message `…` stands for what differs.
 *
 * @module
 */
import assert from "node:assert/strict";
import { helpOf } from "../cli/help.ts";
import { programOf } from "../cli/main.ts";
import { formatDiagnostic, ManifestError } from "../manifest/source/diagnostic.ts";
import { parseManifest } from "../manifest/parse.ts";
import { SHARED_FIELDS } from "../manifest/shared.ts";
import { builtinTransports } from "../transports/registry.ts";

const ROOT = new URL("../", import.meta.url);

function read(path: string): string {
  return Deno.readTextFileSync(new URL(path, ROOT));
}

const PAGES: ReadonlyMap<string, string> = new Map(
  ["README.md", ...filesIn("docs/", ".md")].map((path) => [path, read(path)]),
);

function filesIn(folder: string, ending: string): string[] {
  return [...Deno.readDirSync(new URL(folder, ROOT))]
    .map(({ name }) => folder + name).filter((path) => path.endsWith(ending)).sort();
}

/** The files of a folder and of the folders in it. */
function treeOf(folder: string, ending: string): string[] {
  const folders = [...Deno.readDirSync(new URL(folder, ROOT))]
    .filter(({ isDirectory }) => isDirectory).map(({ name }) => `${folder}${name}/`);
  return [
    ...filesIn(folder, ending),
    ...folders.sort().flatMap((inner) => treeOf(inner, ending)),
  ];
}

/** The blocks of a page in one language, each as it stands with the number of its line. */
function blocks(page: string, language: string): { text: string; line: number }[] {
  const fence = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms");
  return [...page.matchAll(fence)].map((match) => ({
    text: match[1]!,
    line: page.slice(0, match.index).split("\n").length + 1,
  }));
}

/** A page without its blocks, where `#` would be no heading. */
function prose(page: string): string {
  return page.replace(/^```.*?^```$/gms, "");
}

function headings(page: string): string[] {
  return [...prose(page).matchAll(/^#+ (.*)$/gm)].map((match) => match[1]!);
}

/** What `norouter check` says of a manifest. */
function complaints(text: string, path: string): string[] {
  const options = {
    path,
    transports: builtinTransports,
    env: () => "open sesame",
    findPlugin: () => ({ name: "a plug-in", parse: (spec: unknown) => spec }),
  };
  try {
    return parseManifest(text, options).warnings.map(formatDiagnostic);
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    return error.diagnostics.map(formatDiagnostic);
  }
}

Deno.test("every manifest in the documentation passes the check without a word", () => {
  let count = 0;
  for (const [path, page] of PAGES) {
    for (const { text, line } of blocks(page, "yaml")) {
      assert.deepEqual(complaints(text, `${path}:${line}, in its block`), []);
      count++;
    }
  }
  assert.ok(count > 10, `only ${count} manifests were found`);
});

Deno.test("every message that troubleshooting explains is one of the program's", () => {
  const rooms = ["agent", "cli", "install", "link", "manager", "manifest", "proxy"];
  const sources = squeezed(
    [...rooms, "transports", "wire"].flatMap((room) => treeOf(`${room}/`, ".ts"))
      .concat(["install/", "release/"].flatMap((folder) => filesIn(folder, ".sh")))
      .filter((path) => !/_test\.ts$|\/_/.test(path)).map(read).join("\n"),
  );
  const messages = headings(PAGES.get("docs/troubleshooting.md")!)
    .flatMap((heading) => [...heading.matchAll(/`([^`]+)`/g)].map((match) => match[1]!));
  assert.ok(messages.length > 30, `only ${messages.length} messages were found`);
  for (const message of messages) {
    // Quotes, brackets and colons around what differs may be put there by other lines.
    const pieces = message.split("…").map(trimmed).filter((piece) => piece.length > 3);
    assert.ok(pieces.length > 0, `nothing in "${message}" could be looked for`);
    for (const piece of pieces) {
      assert.ok(isIn(sources, squeezed(piece)), `no source says "${piece}"`);
    }
  }
});

/** Whether a text has a phrase, or both halves of one that is put together elsewhere. */
function isIn(text: string, phrase: string): boolean {
  if (text.includes(phrase)) return true;
  return [...phrase.matchAll(/ /g)].some(({ index }) => {
    const halves = [phrase.slice(0, index), phrase.slice(index)].map(trimmed);
    return halves.every((half) => half.length > 8 && text.includes(half));
  });
}

function trimmed(text: string): string {
  return text.replace(/^[\s"':;,()]+|[\s"':;,()]+$/g, "");
}

/**
 * Texts as if each stood on one line: joined where `+` joins them, quotes unescaped. A
 * hyphen is a space, as where the program shows the name of a failure.
 */
function squeezed(source: string): string {
  return source
    .replace(/["'`]\s*\+\s*["'`]/g, "")
    .replace(/\$\{[^}]*\}/g, "…")
    .replace(/\\(["'`])/g, "$1")
    .replace(/[\s-]+/g, " ");
}

Deno.test("every link between the pages leads to a file and a heading", () => {
  for (const [path, page] of PAGES) {
    for (const [, target = ""] of prose(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [file = "", anchor] = target.split("#");
      const there = file === "" ? path : resolved(file, path);
      assert.ok(exists(there), `${path}: there is no ${there}`);
      if (anchor === undefined) continue;
      const anchors = headings(read(there)).map(anchorOf);
      assert.ok(anchors.includes(anchor), `${path}: no heading for ${target}`);
    }
  }
});

function resolved(file: string, from: string): string {
  return new URL(file, `file:///${from}`).pathname.slice(1);
}

function exists(path: string): boolean {
  try {
    Deno.statSync(new URL(path, ROOT));
    return true;
  } catch {
    return false;
  }
}

/** As GitHub makes them. */
function anchorOf(heading: string): string {
  return heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").replaceAll(" ", "-");
}

Deno.test("the table of contents has every page", () => {
  const contents = PAGES.get("docs/README.md")!;
  for (const path of PAGES.keys()) {
    const name = path.replace("docs/", "");
    if (name === "README.md") continue;
    assert.ok(contents.includes(`(${name})`), `docs/README.md does not name ${name}`);
  }
});

Deno.test("the example of a transport is the file that the tests run", () => {
  const page = PAGES.get("docs/writing-a-transport.md")!;
  const [example] = blocks(page, "ts ignore");
  assert.equal(example!.text, read("examples/chroot.ts"));
});

Deno.test("every field of a manifest has a heading", () => {
  const known = headings(PAGES.get("docs/manifest.md")!);
  const own = ["vip", "aliases", ...builtinTransports.keys()];
  const top = [
    "hosts",
    "hostTemplate",
    "routes",
    "policy",
    "plugins",
    "transport",
    "with",
  ];
  for (const field of [...top, ...SHARED_FIELDS, ...own]) {
    assert.ok(known.includes(`\`${field}\``), `docs/manifest.md has no "${field}"`);
  }
});

Deno.test("every command and every option of the help is explained", () => {
  const page = PAGES.get("docs/commands.md")!;
  const { commands } = programOf(() => {});
  const names = commands.flatMap((command) => [command.name(), ...command.aliases()]);
  const options = ["norouter", ...names].flatMap((name) =>
    [...helpOf(name).matchAll(/(?<![\w-])--?[a-z][a-z-]*/g)].map(([option]) => option)
  );
  assert.ok(names.length > 5 && options.length > 5);
  for (const word of new Set([...names, ...options])) {
    const found = new RegExp(`(?<![\\w-])${word}(?![\\w-])`).test(page);
    assert.ok(found, `docs/commands.md does not explain ${word}`);
  }
});

Deno.test("every room is in the architecture", () => {
  const foldersIn = (folder: string) =>
    [...Deno.readDirSync(new URL(folder, ROOT))]
      .filter(({ name, isDirectory }) => isDirectory && !/^\.|^(dist|docs)$/.test(name))
      .map(({ name }) => `${name}/`);
  const rows = read("ARCHITECTURE.md").split("\n").filter((line) => /^\| `/.test(line));
  const isNamed = (name: string) => rows.some((row) => row.includes(`\`${name}\``));
  const rooms = foldersIn("./");
  assert.ok(rooms.length > 10, `only ${rooms}`);
  for (const room of rooms) {
    assert.ok(isNamed(room), `ARCHITECTURE.md does not name ${room}`);
    if (/^(tests|bench)/.test(room)) continue; // which say by themselves what is in them
    const row = rows.find((row) => row.includes(`\`${room}\``))!;
    for (const inner of foldersIn(room)) {
      const isThere = isNamed(room + inner) || row.includes(`\`${inner}\``);
      assert.ok(isThere, `ARCHITECTURE.md does not name ${room}${inner}`);
    }
  }
});
