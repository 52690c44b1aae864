/**
 * Reading and writing a file without interruption, though agents of one machine begin and
 * end together.
 *
 * The lock is flock(2)'s, on the file itself: the lock goes with the process, leaves
 * nothing behind, and works where nothing else can be written. An agent that replaces the
 * file by `rename` holds the lock of the old file, so the next agent looks whether the
 * file that it has locked is still at the path.
 *
 * @module
 */
/** Milliseconds to wait for the lock; then the action goes on without. */
const PATIENCE = 300;
const EVERY = 10;

/** Runs `action` while no other agent locks the same path, a file or a folder. */
export async function whileLocked<T>(path: string, action: () => Promise<T>): Promise<T> {
  // On Windows a lock would keep out all who read the file.
  if (Deno.build.os === "windows") return await action();
  using _lock = await lock(path);
  return await action();
}

/** Nothing if there is no such file, or no lock to be had. */
async function lock(path: string): Promise<Deno.FsFile | undefined> {
  const end = performance.now() + PATIENCE;
  for (;;) {
    const file = await Deno.open(path).catch(() => undefined);
    if (!file) return undefined;
    try {
      const isLocked = await file.tryLock(true);
      const [mine, now] = await Promise.all([file.stat(), Deno.stat(path)]);
      if (isLocked && mine.ino === now.ino && mine.dev === now.dev) return file;
    } catch { /* the file was removed just now, or its disk has no locks */ }
    file.close();
    if (performance.now() > end) return undefined;
    await new Promise((resolve) => setTimeout(resolve, EVERY));
  }
}
