/**
 * The program in its carried form: bundled, with the stack and the licences of its parts.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { build } from "../stack/lwip/build.ts";
import { LWIP_VERSION } from "../stack/lwip/version.ts";
import { run } from "../stack/lwip/debian.ts";
import type { Architecture, Carried } from "./runtime.ts";

const root = fileURLToPath(new URL("../", import.meta.url));

/** The built commit, with a mark if files were changed since; or "unknown commit". */
export async function commitOf(): Promise<string> {
  const git = async (...args: string[]) => {
    const { success, stdout } = await new Deno.Command("git", { args, cwd: root })
      .output();
    if (!success) throw new Error(`git ${args[0]} failed`);
    return new TextDecoder().decode(stdout).trim();
  };
  try {
    const commit = await git("rev-parse", "--short=12", "HEAD");
    const changes = await git("status", "--porcelain", "--untracked-files=no");
    return changes === "" ? commit : `${commit}, changed`;
  } catch {
    return "unknown commit";
  }
}

/** Bundles the program into `folder`/app and gives its files. */
export async function bundle(
  folder: string,
  log: (line: string) => void,
): Promise<Carried[]> {
  await build({ log });
  const app = `${folder}/app`;
  await run([
    Deno.execPath(),
    "bundle",
    "--quiet",
    "--minify",
    "--code-splitting",
    "--outdir",
    app,
    "cli.ts",
  ], { cwd: root });
  await Deno.copyFile(`${root}stack/lwip.wasm`, `${app}/lwip.wasm`);
  const facts = { commit: await commitOf() };
  await Deno.writeTextFile(`${app}/build.json`, JSON.stringify(facts));
  const names: string[] = [];
  for await (const { name } of Deno.readDir(app)) names.push(name);
  return names.sort().map((name) => ({ name: `app/${name}`, path: `${app}/${name}` }));
}

/** Licence texts: ours, lwIP's in NOTICE, and those of the packages of npm in the bundle. */
export async function licences(
  folder: string,
  runtime: { packages: readonly string[]; architecture: Architecture },
): Promise<Carried[]> {
  const found: Carried[] = [
    { name: "licences/norouter", path: `${root}LICENSE` },
    { name: "licences/NOTICE", path: `${root}NOTICE` },
  ];
  for (const { name, path } of await npmPackages()) {
    for await (const entry of Deno.readDir(path)) {
      if (!/^(licen[cs]e|copying)/i.test(entry.name)) continue;
      const flat = name.replace("/", "-");
      found.push({ name: `licences/${flat}`, path: `${path}/${entry.name}` });
    }
  }
  const text = `This folder has the licence of each part:

norouter   the program, under the Apache License 2.0; NOTICE is about lwIP ${LWIP_VERSION}, in it
deno       the runtime, MIT
libc6      the GNU C library, LGPL 2.1 or later, unchanged from Debian, as are the parts below;
           you may exchange the files in lib/ and ld.so for builds of your own

Debian's packages, whose sources are at https://snapshot.debian.org/ under these versions:

${runtime.packages.map((name) => `  ${name}\n`).join("")}
The others are packages of npm that the program contains.
`;
  const readme = `${folder}/licences-readme-${runtime.architecture}`;
  await Deno.writeTextFile(readme, text);
  return [...found, { name: "licences/README", path: readme }];
}

async function npmPackages(): Promise<{ name: string; path: string }[]> {
  const info = async (...args: string[]) => {
    const command = { args: ["info", "--json", ...args], cwd: root };
    const { stdout } = await new Deno.Command(Deno.execPath(), command).output();
    return JSON.parse(new TextDecoder().decode(stdout));
  };
  const graph = await info("cli.ts") as {
    npmPackages: Record<string, { name: string; version: string; registryUrl: string }>;
  };
  const { npmCache } = await info() as { npmCache: string };
  return Object.values(graph.npmPackages).map(({ name, version, registryUrl }) => {
    const host = new URL(registryUrl).host;
    return { name, path: `${npmCache}/${host}/${name}/${version}` };
  }).sort((a, b) => a.name < b.name ? -1 : 1);
}
