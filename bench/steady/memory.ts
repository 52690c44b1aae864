/**
 * The memory that some work asks for in JavaScript: buffers, their bytes, and views.
 *
 * Typed arrays are replaced by versions that count for as long as the work lasts, so
 * nothing else may run meanwhile. Objects and promises cannot be counted from here.
 *
 * @module
 */
import type { Counts } from "./counter.ts";

/** Bytes of a buffer that is worth being used again; see wire/lease.ts. */
const LARGE = 64 * 1024;

/** Runs `work` and counts what was allocated meanwhile. */
export async function allocatedBy(work: () => Promise<void>): Promise<Counts> {
  const counts = { "buffers": 0, "large buffers": 0, "bytes of buffers": 0, "views": 0 };
  const allocate = (bytes: number) => {
    counts["buffers"]++;
    if (bytes >= LARGE) counts["large buffers"]++;
    counts["bytes of buffers"] += bytes;
  };
  const originals = { ArrayBuffer, Uint8Array };
  const { subarray, slice } = Uint8Array.prototype;
  const replaced = {
    ArrayBuffer: new Proxy(ArrayBuffer, {
      construct(target, [bytes, ...rest]) {
        allocate(bytes);
        return new target(bytes, ...rest);
      },
    }),
    Uint8Array: new Proxy(Uint8Array, {
      construct(target, args: [number]) {
        const made = new target(...args);
        if ((args[0] as unknown) instanceof originals.ArrayBuffer) counts["views"]++;
        else allocate(made.length);
        return made;
      },
    }),
  };
  Object.assign(globalThis, replaced);
  Object.assign(Uint8Array.prototype, {
    subarray(this: Uint8Array, ...range: [number, number]) {
      counts["views"]++;
      return subarray.apply(this, range);
    },
    slice(this: Uint8Array, ...range: [number, number]) {
      const made = slice.apply(this, range);
      allocate(made.length);
      return made;
    },
  });
  try {
    await work();
  } finally {
    Object.assign(globalThis, originals);
    Object.assign(Uint8Array.prototype, { subarray, slice });
  }
  return counts;
}
