/**
 * Parts of the program that are loaded when somebody asks: only while there are descriptors
 * for that. Deno remembers for good that it could not read a module, and may end the process
 * where it cannot begin to compile one.
 *
 * @module
 */

import type { Answers } from "./exchange.ts";

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

async function load() {
  mustHaveDescriptors();
  const [{ answer, refuse }, { exchange }] = await Promise.all([
    import("./routes.ts"),
    import("./exchange.ts"),
    import("./schemas.ts"),
  ]);
  return { answer, refuse: refuse satisfies Answers["refuse"], exchange };
}

let loaded: ReturnType<typeof load> | undefined;

/** What answers. @throws {Error} if it cannot be loaded now. */
export function loadAnswers(): ReturnType<typeof load> {
  if (loaded) return loaded;
  const loading = loaded = load();
  loading.catch(() => loaded = undefined);
  return loading;
}
