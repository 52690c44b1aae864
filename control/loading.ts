/**
 * What answers, loaded when somebody asks.
 *
 * @module
 */

import { mustHaveDescriptors } from "./enough_descriptors.ts";

async function load() {
  mustHaveDescriptors();
  const [{ answer }] = await Promise.all([import("./routes.ts"), import("./schemas.ts")]);
  return { answer };
}

let loaded: ReturnType<typeof load> | undefined;

/** What answers. @throws {Error} if it cannot be loaded now. */
export function loadAnswers(): ReturnType<typeof load> {
  if (loaded) return loaded;
  const loading = loaded = load();
  loading.catch(() => loaded = undefined);
  return loading;
}
