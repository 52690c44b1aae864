/**
 * Whether there are descriptors for loading a part of the program. Without them, Deno
 * remembers for good that it could not read a module, and may end the process where it
 * cannot begin to compile one.
 *
 * @module
 */

/** Descriptors that loading takes, with some to spare. */
const ENOUGH = 16;

/** Throws the system's error if there are not enough descriptors for loading something. */
export function mustHaveDescriptors(): void {
  const files: Deno.FsFile[] = [];
  try {
    while (files.length < ENOUGH) files.push(Deno.openSync("/dev/null"));
  } finally {
    for (const file of files) file.close();
  }
}
