/**
 * `deno task release`: all artefacts of a version in `dist/`, with `SHA256SUMS` and `NOTES.md`,
 * the part of CHANGELOG.md about it.
 *
 * Portable executables and folders come out the same, byte for byte, from the same inputs.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import config from "../deno.json" with { type: "json" };
import { run } from "../stack/lwip/debian.ts";
import { compile, NoRuntimeError, TARGETS } from "./compile.ts";
import { buildPortable } from "./portable.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
/** Any time will do, if always the same. */
const TIME = "2026-01-01 00:00:00Z";

/** The part of a changelog about a version: the text below its heading. */
export function notesOf(changelog: string, version: string): string {
  const parts = changelog.split(/^## /m);
  const part = parts.find((each) => each.split(/[\s,]/, 1)[0] === version);
  if (part === undefined) throw new Error(`CHANGELOG.md has no heading "## ${version}"`);
  return part.slice(part.indexOf("\n")).trim() + "\n";
}

/** The lines of `sha256sum` for files of a folder. */
export async function sumsOf(folder: string, names: readonly string[]): Promise<string> {
  const lines: string[] = [];
  for (const name of [...names].sort()) {
    const bytes = await Deno.readFile(`${folder}/${name}`);
    const digest = await crypto.subtle.digest("SHA-256", bytes);
    lines.push(`${new Uint8Array(digest).toHex()}  ${name}\n`);
  }
  return lines.join("");
}

/** A folder as an archive whose bytes depend on nothing but its files. */
async function archive(output: string, name: string): Promise<string> {
  const file = `${name}.tar.gz`;
  const options = ["--sort=name", `--mtime=${TIME}`, "--owner=0", "--group=0"];
  const folders = `${output}/folders`;
  await run(
    ["tar", ...options, "--numeric-owner", "-cf", `${output}/${name}.tar`, name],
    { cwd: folders },
  );
  await run(["gzip", "-9", "-n", "-f", `${output}/${name}.tar`], { cwd: folders });
  return file;
}

if (import.meta.main) {
  const { output, portable } = new Command("deno task release")
    .description("Makes all artefacts of a release.")
    .option("--output <folder>", "where they go", `${root}dist`)
    .option(
      "--portable",
      "only the portable executables: needs no runtime of deno compile",
    )
    .parse(Deno.args, { from: "user" })
    .opts<{ output: string; portable?: true }>();
  const notes = notesOf(await Deno.readTextFile(`${root}CHANGELOG.md`), config.version);
  const names: string[] = [];
  for (const architecture of ["x64", "arm64"] as const) {
    await buildPortable(architecture, output, console.error);
    const name = `norouter-linux-${architecture}`;
    names.push(name, await archive(output, name));
  }
  if (!portable) {
    for (const [target, name] of Object.entries(TARGETS)) {
      try {
        await compile(target, output);
        names.push(name);
      } catch (error) {
        if (!(error instanceof NoRuntimeError)) throw error;
        console.error(`${error.message}\nWith --portable the others are made alone.`);
        Deno.exit(3);
      }
    }
  }
  await Deno.writeTextFile(`${output}/SHA256SUMS`, await sumsOf(output, names));
  await Deno.writeTextFile(`${output}/NOTES.md`, notes);
  for (const name of [...names, "SHA256SUMS", "NOTES.md"]) {
    const { size } = await Deno.stat(`${output}/${name}`);
    console.error(`${output}/${name}: ${(size / 1e6).toFixed(1)} MB`);
  }
}
