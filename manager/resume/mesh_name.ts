/**
 * The name of a mesh, by which agents tell whether another agent of their host is of the same.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { resolve } from "node:path";

/** Hexadecimal digits of a name. */
const DIGITS = 16;

/** Names of chance begin so, and no other: users cannot type it. */
const CHANCE = "\0";

/** What a mesh is called: by a name of its own, or by the path of its manifest. */
export type Named = { readonly name: string } | { readonly path: string };

/**
 * The name of a mesh: the same whenever that mesh is started by the same user of the same
 * machine, and another for others. Tells nobody what it is made of.
 */
export function meshName(named: Named): string {
  const own = "name" in named ? ["name", named.name] : ["path", resolve(named.path)];
  const parts = [machine(), user(), ...own];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(
    0,
    DIGITS,
  );
}

/** A name of chance, for a mesh that has no other: nothing else is the same mesh. */
export function chanceName(): string {
  return `${CHANCE}${crypto.randomUUID()}`;
}

/**
 * What people call the mesh: its name, or the path of its manifest; undefined for a name of
 * chance.
 */
export function meshTitle(named: Named): string | undefined {
  if ("path" in named) return resolve(named.path);
  return named.name.startsWith(CHANCE) ? undefined : named.name;
}

function machine(): string {
  for (const path of ["/etc/machine-id", "/var/lib/dbus/machine-id"]) {
    try {
      const id = Deno.readTextFileSync(path).trim();
      if (id !== "") return id;
    } catch {
      // Another system, or not allowed: the name of the machine has to do.
    }
  }
  return attempt(() => Deno.hostname());
}

function user(): string {
  return attempt(() => String(Deno.uid()));
}

/** Without the right to know, the path alone tells meshes apart. */
function attempt(read: () => string): string {
  try {
    return read();
  } catch {
    return "";
  }
}
