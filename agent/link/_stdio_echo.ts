/**
 * Writes what comes on standard input to standard output, by a port, for a test. Arguments:
 * bytes of a read, reads that are asked for ahead of the one that is waited for, and
 * milliseconds of rest after every tenth.
 */
import { stdioPort } from "./stdio.ts";

const [bytes = 0, ahead = 0, restMs = 0] = Deno.args.map(Number);
const port = stdioPort();

const read = (into = new Uint8Array(bytes)) => ({ into, done: port.read(into) });

const reads = Array.from({ length: 1 + ahead }, () => read());
for (let count = 1;; count++) {
  const { into, done } = reads.shift()!;
  const got = await done;
  if (got === null) break;
  await port.write(into.subarray(0, got));
  if (restMs > 0 && count % 10 === 0) {
    await new Promise((resolve) => setTimeout(resolve, restMs));
  }
  reads.push(read(into));
}
const { rss } = Deno.memoryUsage();
console.error(JSON.stringify({ rss }));
port.close();
