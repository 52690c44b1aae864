/**
 * Progress of an upload, in words.
 *
 * @module
 */

import type { Progress } from "../../transports/mod.ts";

/** Such as `sending the agent: 12.0 of 36.7 MB, 4.1 MB/s, 6 s left`. */
export function describeProgress({ what, done, total, ms }: Progress): string {
  const size = megabytes(total);
  if (done >= total) return `${what} was sent: ${size} MB in ${(ms / 1000).toFixed(1)} s`;
  if (done === 0 || ms < 500) return `sending ${what}: ${megabytes(done)} of ${size} MB`;
  const rate = done / ms * 1000;
  return `sending ${what}: ${megabytes(done)} of ${size} MB, ${megabytes(rate)} MB/s, ` +
    `${Math.ceil((total - done) / rate)} s left`;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
