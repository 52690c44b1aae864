/**
 * The files that a portable executable carries beside the program: deno, and deno's C
 * library.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { Debian, run } from "../stack/lwip/debian.ts";

/** An architecture, as in the name of an artefact. */
export type Architecture = "x64" | "arm64";

/** The deno that each architecture gets: the newest on npm. */
export const DENO_VERSIONS: Readonly<Record<Architecture, string>> = {
  x64: "2.9.6",
  arm64: "2.9.5",
};

/** The source of the libraries: any C library will do, as the executable carries one. */
const SUITE = "bookworm";
const DEBIAN: Readonly<Record<Architecture, { name: string; triple: string }>> = {
  x64: { name: "amd64", triple: "x86_64-linux-gnu" },
  arm64: { name: "arm64", triple: "aarch64-linux-gnu" },
};
const PACKAGES = [
  "libc6",
  "libgcc-s1",
  "gcc-12-base",
  "zstd",
  "zlib1g",
  "liblz4-1",
  "liblzma5",
];

/** Libraries that deno needs beside those of {@linkcode ZSTD_LIBRARIES}. */
export const DENO_LIBRARIES = [
  "libdl.so.2",
  "libgcc_s.so.1",
  "libm.so.6",
  "libpthread.so.0",
  "librt.so.1",
  // Not linked, but opened by the C library when names are looked up.
  "libnss_dns.so.2",
  "libnss_files.so.2",
  "libresolv.so.2",
];
/** Libraries that zstd needs; the first stays, as deno needs it too. */
export const ZSTD_LIBRARIES = ["libc.so.6", "libz.so.1", "liblz4.so.1", "liblzma.so.5"];

/** A file to be carried. */
export interface Carried {
  /** Below the folder of the program. */
  readonly name: string;
  /** Where the file is now. */
  readonly path: string;
}

/** All carried files of a runtime, for an architecture. */
export interface Runtime {
  readonly deno: Carried;
  /** glibc's loader, which starts the others. */
  readonly loader: Carried;
  readonly zstd: Carried;
  readonly libraries: readonly Carried[];
  readonly licences: readonly Carried[];
  /** Debian's packages with their versions, for people. */
  readonly packages: readonly string[];
}

/** The text that deno's packages of npm come without. */
const DENO_LICENCE = new URL("./deno-licence.txt", import.meta.url);
const cache = fileURLToPath(new URL("../.cache/", import.meta.url));

/** Gets the files, from the cache of an earlier time if there. */
export async function runtimeFor(
  architecture: Architecture,
  log: (line: string) => void,
): Promise<Runtime> {
  const { triple } = DEBIAN[architecture];
  const root = await debianFiles(architecture, log);
  const version = DENO_VERSIONS[architecture];
  log(`Deno ${version} for ${architecture}`);
  const deno = await packageFolder(`@deno/linux-${architecture}-glibc`, version);
  const library = async (name: string): Promise<Carried> => {
    for (const folder of [`${root}/lib/${triple}`, `${root}/usr/lib/${triple}`]) {
      try {
        return { name: `lib/${name}`, path: await Deno.realPath(`${folder}/${name}`) };
      } catch { /* in the other one */ }
    }
    throw new Error(`None of ${PACKAGES.join(", ")} of ${architecture} has ${name}`);
  };
  const loader = architecture === "x64"
    ? "ld-linux-x86-64.so.2"
    : "ld-linux-aarch64.so.1";
  return {
    deno: { name: "deno", path: `${deno}deno` },
    loader: { ...await library(loader), name: "ld.so" },
    zstd: { name: "zstd", path: `${root}/usr/bin/zstd` },
    libraries: await Promise.all([...ZSTD_LIBRARIES, ...DENO_LIBRARIES].map(library)),
    licences: [
      { name: "licences/deno", path: fileURLToPath(DENO_LICENCE) },
      ...PACKAGES.map((name) => ({
        name: `licences/${name}`,
        path: `${root}/usr/share/doc/${name}/copyright`,
      })),
    ],
    packages: (await Deno.readTextFile(`${root}/packages`)).trim().split("\n"),
  };
}

/** Unpacked packages of Debian, with their versions in the file `packages`. */
async function debianFiles(
  architecture: Architecture,
  log: (line: string) => void,
): Promise<string> {
  const root = `${cache}debian-${architecture}`;
  try {
    await Deno.stat(`${root}/packages`);
    return root;
  } catch { /* not there yet */ }
  log(`Getting ${PACKAGES.join(", ")} of Debian ${SUITE} for ${architecture}`);
  const work = await Deno.makeTempDir({ prefix: "norouter-debian-" });
  try {
    const debian = await Debian.setUp(work, {
      suite: SUITE,
      kind: "deb",
      architecture: DEBIAN[architecture].name,
    });
    await debian.get("download", ...PACKAGES);
    const names: string[] = [];
    for await (const { name } of Deno.readDir(work)) {
      if (name.endsWith(".deb")) names.push(name);
    }
    for (const name of names.sort()) {
      await run(["dpkg-deb", "--extract", name, `${work}/root`], { cwd: work });
    }
    await Deno.writeTextFile(
      `${work}/root/packages`,
      names.map((name) => `${decodeURIComponent(name.replace(/\.deb$/, ""))}\n`).join(""),
    );
    await Deno.mkdir(cache, { recursive: true });
    await run(["cp", "-a", `${work}/root`, `${root}.${Deno.pid}`], { cwd: work });
    await Deno.remove(root, { recursive: true }).catch(() => {});
    await Deno.rename(`${root}.${Deno.pid}`, root);
  } finally {
    await Deno.remove(work, { recursive: true }).catch(() => {});
  }
  return root;
}

/** The folder of a package of npm. */
async function packageFolder(name: string, version: string): Promise<string> {
  const specifier = `npm:${name}@${version}/package.json`;
  await import(specifier, { with: { type: "json" } });
  return fileURLToPath(new URL("./", import.meta.resolve(specifier)));
}
