/**
 * The last words to a client that is turned away.
 *
 * @module
 */
import type { ByteStream } from "./stream.ts";
import { turns } from "./turns.ts";

/** How long is waited for the client to take them. */
export const LINGER_MS = 1000;
/**
 * Bytes from the client that are read meanwhile; unread, they would turn the words into a
 * reset.
 */
export const LINGER_BYTES = 16 * 1024 * 1024;

/**
 * Writes `words`, lets the client read them and all that was written before, and closes
 * the stream. Never rejects.
 */
export async function farewell(
  stream: ByteStream,
  words: Uint8Array = new Uint8Array(),
): Promise<void> {
  const timer = setTimeout(() => stream.reset(), LINGER_MS);
  try {
    await stream.write(words);
    await stream.closeWrite();
    const unread = new Uint8Array(16_384);
    for (let left = LINGER_BYTES; left > 0;) {
      const got = await stream.read(unread);
      if (got === null) break;
      left -= got;
      const turn = turns.next();
      if (turn) await turn;
    }
  } catch {
    /* the client left already */
  } finally {
    clearTimeout(timer);
    stream.close();
  }
}
