/**
 * Folders that become images: with busybox alone, and with some of this machine's
 * programs and the glibc files that they need.
 *
 * @module
 */
import { run } from "../scene/process.ts";

/** Where a program of this machine is. */
async function pathOf(program: string): Promise<string> {
  return (await run(["sh", "-c", `command -v ${program}`])).trim();
}

async function emptyRoot(root: string): Promise<void> {
  await Deno.mkdir(`${root}/bin`, { recursive: true });
  for (const name of ["etc", "root", "tmp", "usr/local/bin", "var/tmp"]) {
    await Deno.mkdir(`${root}/${name}`, { recursive: true });
  }
  await Deno.chmod(`${root}/tmp`, 0o1777);
  await Deno.chmod(`${root}/var/tmp`, 0o1777);
  await Deno.writeTextFile(`${root}/etc/passwd`, "root:x:0:0::/root:/bin/sh\n");
}

/** A root with busybox under all of its names, and no C library. */
export async function busyboxRoot(root: string): Promise<void> {
  await emptyRoot(root);
  await Deno.copyFile(await pathOf("busybox"), `${root}/bin/busybox`);
  await run(["chroot", root, "/bin/busybox", "--install", "-s", "/bin"]);
}

/** A root with programs of this machine in /bin, `sh` being dash, and their libraries. */
export async function glibcRoot(
  root: string,
  programs: readonly string[],
): Promise<void> {
  await emptyRoot(root);
  const libraries = new Set<string>();
  for (const program of ["dash", ...programs]) {
    const path = await Deno.realPath(await pathOf(program));
    const name = program.replace(/.*\//, "");
    await Deno.copyFile(path, `${root}/bin/${name}`);
    for (const [library] of (await run(["ldd", path])).matchAll(/\/\S+(?= \()/g)) {
      libraries.add(library);
    }
  }
  for (const library of libraries) {
    const there = `${root}${library}`;
    await Deno.mkdir(there.slice(0, there.lastIndexOf("/")), { recursive: true });
    await Deno.copyFile(library, there);
  }
  await Deno.symlink("dash", `${root}/bin/sh`);
}
