/**
 * What answers, loaded when somebody asks.
 *
 * @module
 */

import { mustHaveDescriptors } from "./enough_descriptors.ts";
import type { Answers } from "./exchange.ts";

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
