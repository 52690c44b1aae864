/**
 * An agent that was copied to a host without a shell: whether the files are the same. The
 * agent's own runtime looks, for there is no other program; so `guarded.ts` comes first.
 *
 * Only files that belong to the agent are compared: others beside them are of no consequence
 * where nobody but root can put them.
 *
 * @module
 */
import { createHash } from "node:crypto";

/** Bytes that are read at once. */
const CHUNK = 1 << 20;

/** The parts of the folder that are run or loaded: files, and folders of files. */
export const RUN_FILES: readonly string[] = ["ld.so", "deno"];
/** See above. */
export const RUN_FOLDERS: readonly string[] = ["lib", "app"];

/** The SHA-256 of the files that are run or loaded, by their paths in the folder, in order. */
export type Sums = ReadonlyMap<string, string>;

/**
 * A program for `deno eval`: prints the sum of each of the files in the folder `home` on a
 * line of its own, or why there is none, then the first of those and of the folders from `/`
 * down that belongs to another user, for Podman's way of copying tells no owners, and `end`;
 * and removes the folders of other versions
 * beside `home` from which nothing runs.
 */
export function lookScript(home: string, files: readonly string[]): string {
  return `
const { createHash } = await import("node:crypto");
const home = ${JSON.stringify(home)}, bytes = new Uint8Array(${CHUNK});
const sum = (path) => {
  try {
    const hash = createHash("sha256");
    using file = Deno.openSync(path);
    for (let got; (got = file.readSync(bytes)) !== null;) hash.update(bytes.subarray(0, got));
    return hash.digest("hex");
  } catch (error) {
    return error instanceof Deno.errors.NotFound ? "missing" : "unreadable";
  }
};
const lines = ${JSON.stringify(files)}.map((name) => sum(home + "/" + name));
const parts = home.split("/"), me = Deno.uid();
const paths = [
  ...parts.map((_, at) => parts.slice(0, at + 1).join("/") || "/"),
  ...${JSON.stringify(RUN_FOLDERS)}.map((name) => home + "/" + name),
  ...${JSON.stringify(files)}.map((name) => home + "/" + name),
];
for (const path of paths) {
  try {
    const { uid, isDirectory } = Deno.lstatSync(path);
    if (uid === 0 || uid === me) continue;
    lines.push((isDirectory ? "folder " : "file ") + path + " is of user " + uid);
    break;
  } catch {}
}
console.log([sum(home + ".ok").length === 64 ? "whole" : "part", ...lines, "end"].join("\\n"));
try {
  const at = home.lastIndexOf("/"), place = home.slice(0, at), own = home.slice(at + 1);
  const list = (path) => [...Deno.readDirSync(path)].map(({ name }) => name);
  const running = list("/proc").filter((pid) => /^\\d+$/.test(pid)).map((pid) => {
    try { return Deno.readLinkSync("/proc/" + pid + "/exe"); } catch { return ""; }
  });
  for (const name of list(place || "/")) {
    const path = place + "/" + name;
    if (!/^norouter-agent-[0-9a-f]{16}$/.test(name) || name === own) continue;
    if (running.some((exe) => exe.startsWith(path + "/"))) continue;
    for (const each of [path + ".ok", path]) {
      try { Deno.removeSync(each, { recursive: true }); } catch {}
    }
  }
} catch {}
`;
}

/**
 * What the output of {@linkcode lookScript} says to be other than `sums`; undefined if all is
 * the same.
 */
export function differenceIn(output: string, sums: Sums): string | undefined {
  const [mark, ...lines] = output.trimEnd().split("\n");
  if (lines.pop() !== "end") return "the look at it did not come to its end";
  const foreign = lines.length > sums.size ? lines.pop() : undefined;
  if (foreign !== undefined) return foreign.replace(/^(folder|file) /, "");
  const others = [...sums].flatMap(([name, sum], at) => {
    const there = lines[at];
    if (there === sum) return [];
    const isSum = there !== undefined && /^[0-9a-f]{64}$/.test(there);
    return [`${name} is ${isSum ? "another" : there}`];
  });
  const [first] = others;
  if (first === undefined) return mark === "whole" ? undefined : "its copy was cut";
  return others.length === 1 ? first : `${first}, and ${others.length - 1} more`;
}

/** The folder that belongs to another user, by the same output, which no copy changes. */
export function foreignFolderIn(output: string): string | undefined {
  return /^folder (.+)$/m.exec(output)?.[1];
}

/** Sums of folders of this machine by their paths, which change only with the program. */
const known = new Map<string, Promise<Sums>>();

/** The sums of a folder here. */
export function sumsOf(folder: string): Promise<Sums> {
  const before = known.get(folder);
  if (before) return before;
  const sums = sumUp(folder);
  known.set(folder, sums);
  sums.catch(() => known.delete(folder));
  return sums;
}

async function sumUp(folder: string): Promise<Sums> {
  const sums = new Map<string, string>();
  for (const name of await runFiles(folder)) {
    const hash = createHash("sha256");
    using file = await Deno.open(`${folder}/${name}`);
    for await (const chunk of file.readable) hash.update(chunk);
    sums.set(name, hash.digest("hex"));
  }
  return sums;
}

/** The files in a folder here that are run or loaded. */
async function runFiles(folder: string): Promise<string[]> {
  const names = await Promise.all(RUN_FOLDERS.map(async (name) => {
    const inside = await Array.fromAsync(Deno.readDir(`${folder}/${name}`))
      .catch(() => []);
    return inside.filter(({ isDirectory }) => !isDirectory)
      .map((each) => `${name}/${each.name}`).sort();
  }));
  const isThere = (name: string) =>
    Deno.stat(`${folder}/${name}`).then(() => true, () => false);
  const files = await Promise.all(
    RUN_FILES.map(async (name) => await isThere(name) ? [name] : []),
  );
  return [...files, ...names].flat();
}
