/**
 * curl, the client that everybody has.
 *
 * @module
 */
import type { Namespace } from "../scene/namespace.ts";
import { run } from "../scene/process.ts";

/** The body that curl gets from `url` in a namespace; fails unless curl is content. */
export function curl(namespace: Namespace, url: string): Promise<string> {
  return run(["curl", "-sS", "--max-time", "20", url], { namespace });
}
