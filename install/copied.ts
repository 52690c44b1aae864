/**
 * An agent that was copied to a host without a shell: whether others could exchange it,
 * and whether the files are the same. The agent's own runtime looks, for there is no
 * other program.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { HostFiles, OpenContext } from "../transports/mod.ts";

/** Bytes that are read at once. */
const CHUNK = 1 << 20;

/** The files of a folder that are run, in order; of folders all files by their names. */
const RUN = ["ld.so", "deno", "lib", "app"];

/**
 * A program for `deno eval`: prints the sum of the folder `home`, and removes the
 * folders of other versions beside `home` from which nothing runs.
 */
export function lookScript(home: string): string {
  return `
const { createHash } = await import("node:crypto");
const home = ${JSON.stringify(home)}, hash = createHash("sha256");
Deno.statSync(home + ".ok");
const list = (path) => [...Deno.readDirSync(path)].map(({ name }) => name).sort();
const add = (path) => {
  using file = Deno.openSync(path);
  const bytes = new Uint8Array(${CHUNK});
  for (let got; (got = file.readSync(bytes)) !== null;) hash.update(bytes.subarray(0, got));
};
for (const name of ${JSON.stringify(RUN)}) {
  const path = home + "/" + name;
  let about;
  try { about = Deno.statSync(path); } catch { continue; }
  if (about.isDirectory) for (const each of list(path)) add(path + "/" + each);
  else add(path);
}
console.log("sum " + hash.digest("hex"));
try {
  const at = home.lastIndexOf("/"), place = home.slice(0, at), own = home.slice(at + 1);
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

/** Sums of folders of this machine by their paths, which change only with the program. */
const sums = new Map<string, Promise<string>>();

/** The same sum of a folder here. */
export function sumOfFolder(folder: string): Promise<string> {
  const known = sums.get(folder);
  if (known) return known;
  const sum = sumUp(folder);
  sums.set(folder, sum);
  sum.catch(() => sums.delete(folder));
  return sum;
}

async function sumUp(folder: string): Promise<string> {
  const hash = createHash("sha256");
  const add = async (path: string) => {
    using file = await Deno.open(path);
    for await (const chunk of file.readable) hash.update(chunk);
  };
  for (const name of RUN) {
    const path = `${folder}/${name}`;
    const about = await Deno.stat(path).catch(() => undefined);
    if (about?.isDirectory) {
      const names = await Array.fromAsync(Deno.readDir(path), ({ name }) => name);
      for (const each of names.sort()) await add(`${path}/${each}`);
    } else if (about) await add(path);
  }
  return hash.digest("hex");
}

/**
 * Rejects if others than root could exchange the folder, or a folder above, as far as the
 * way of copying tells. Absent folders will be made.
 */
export async function assertGuarded<Options>(
  files: HostFiles<Options>,
  { options, home, context }: {
    readonly options: Options;
    readonly home: string;
    readonly context: OpenContext;
  },
): Promise<void> {
  if (!files.look) return;
  const parts = home.split("/").slice(1);
  const folders = ["/", ...parts.map((_, at) => `/${parts.slice(0, at + 1).join("/")}`)];
  const found = await Promise.all(
    folders.map((folder) => files.look!(options, folder, context)),
  );
  for (const [at, about] of found.entries()) {
    if (!about) continue;
    const { kind, mode, uid } = about;
    const isPassable = (mode & 0o1000) !== 0 && folders[at] !== home;
    if (kind === "folder" && uid === 0 && ((mode & 0o022) === 0 || isPassable)) continue;
    const what = kind === "folder" ? `is of user ${uid}` : `is a ${kind} of user ${uid}`;
    throw new Error(
      `the agent cannot be kept in ${home}: others may change it: ${
        folders[at]
      } ${what}, ` +
        `with mode ${mode.toString(8).padStart(4, "0")}`,
    );
  }
}
