/**
 * The cases that failed once: a JSON file each, `tests/corpus/TARGET/HASH.json`.
 *
 * @module
 */
import { createHash } from "node:crypto";

/** Where they are. */
export const CORPUS: URL = new URL("../../corpus/", import.meta.url);
/** Characters of the hash in a file's name. */
const HASH_CHARACTERS = 12;

/** Files of a target's kept cases, in the order of their names. */
export function keptCases(target: string): string[] {
  try {
    return [...Deno.readDirSync(new URL(`${target}/`, CORPUS))]
      .map(({ name }) => new URL(`${target}/${name}`, CORPUS).pathname)
      .filter((path) => path.endsWith(".json"))
      .sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Names of the folders there, which have to be targets. */
export function corpusFolders(): string[] {
  return [...Deno.readDirSync(CORPUS)].filter(({ isDirectory }) => isDirectory)
    .map(({ name }) => name);
}

/** Keeps a case, equal cases once; gives its path. */
export function keepCase(target: string, input: unknown, corpus: URL = CORPUS): string {
  const text = JSON.stringify(input, null, 1) + "\n";
  const hash = createHash("sha256").update(text).digest("hex").slice(0, HASH_CHARACTERS);
  const folder = new URL(`${target}/`, corpus);
  Deno.mkdirSync(folder, { recursive: true });
  const { pathname } = new URL(`${hash}.json`, folder);
  Deno.writeTextFileSync(pathname, text);
  return pathname;
}
