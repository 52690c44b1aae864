/**
 * What a running mesh is called on this machine: `mesh` for `conf/mesh.yaml`.
 *
 * The name is that of a folder, so other characters than letters, digits, `.`, `_` and `-`
 * become `_`, and a long one is cut.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { basename, resolve } from "node:path";

/** Bytes of a name, so that the path of a socket in its folder fits in 107. */
const MOST_BYTES = 56;
/** Hexadecimal digits of the piece that tells meshes of one name apart. */
const DIGITS = 8;

/** The name of the mesh of a manifest, or the one that was wished for, as a folder's. */
export function controlName(manifest: string, wish?: string): string {
  const plain = wish ?? (manifest === "-" ? "stdin" : basename(manifest));
  const name = (wish === undefined ? plain.replace(/\.ya?ml$/i, "") : plain)
    .normalize("NFC").replace(/[^\p{L}\p{N}._-]/gu, "_").replace(/^[.-]+/, "_");
  const own = name === "" || !isMeshFolder(name) ? `mesh-${name}` : name;
  if (bytesOf(own) <= MOST_BYTES) return own;
  const end = `-${hash(own)}`;
  let cut = own;
  while (bytesOf(cut + end) > MOST_BYTES) cut = [...cut].slice(0, -1).join("");
  return cut + end;
}

/** Whether a folder of this name may be a mesh's: agents that stay have others beside. */
export function isMeshFolder(name: string): boolean {
  return !/^(keep|new)-[0-9a-f]+$/.test(name);
}

/** Further names of the same mesh, for where another one has its name. */
export function* otherNames(name: string, manifest: string): Generator<string> {
  const piece = hash(resolve(manifest));
  yield `${name}-${piece}`;
  for (let number = 2; number < 100; number++) yield `${name}-${piece}-${number}`;
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, DIGITS);
}

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}
