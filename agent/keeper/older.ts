/**
 * Older keepers of the same mesh and host: asked to end before a new one begins, so that a
 * manager that was started again finds its ports free.
 *
 * @module
 */

import type { Libc } from "./libc.ts";
import { type Found, livingKeepers } from "./place.ts";
import { startOf } from "./processes.ts";

/** Milliseconds for an answer and the end. */
const MOST_MS = 1000;
/** Milliseconds between two looks. */
const LOOK_MS = 10;

/** Asks keepers of `of` to end, and waits for those that do. Never rejects. */
export async function endOlder(of: string, libc: Libc): Promise<void> {
  const older = livingKeepers(libc).filter((each) => {
    return each.of === of && each.pid !== Deno.pid;
  });
  const until = performance.now() + MOST_MS;
  await Promise.all(older.map((each) => end(each, { of, libc, until })));
}

async function end(
  { folder, pid, start }: Found,
  { of, libc, until }: {
    readonly of: string;
    readonly libc: Libc;
    readonly until: number;
  },
): Promise<void> {
  const isNow = () => performance.now() < until;
  let socket: number;
  try {
    socket = libc.connect(`${folder}/sock`);
  } catch {
    return; // it is ending, or nobody can reach it
  }
  try {
    libc.send(socket, { text: `end ${of}\n`, descriptors: [] });
    while (isNow() && startOf(pid) === start) {
      const answer = libc.receive(socket);
      if (answer?.text.startsWith("no ")) return;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  } catch {
    // The same.
  } finally {
    libc.close(socket);
  }
}
