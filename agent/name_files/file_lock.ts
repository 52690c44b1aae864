/**
 * Reading and writing a file in one go, though agents of one machine begin and end together.
 *
 * The lock is flock(2)'s, on the file itself: it goes with the process, leaves nothing
 * behind, and works where nothing else can be written. Whoever replaces the file by `rename`
 * does so while it holds the lock of the old one, so the next one looks whether what it has
 * locked is still the file.
 *
 * @module
 */
/** Milliseconds that somebody else may hold it; then one goes on without. */
const PATIENCE = 300;
const EVERY = 10;

/** Does something while no other agent does so with the same path, a file or a folder. */
export async function whileLocked<T>(path: string, action: () => Promise<T>): Promise<T> {
  // On Windows a lock would keep out all who read the file.
  if (Deno.build.os === "windows") return await action();
  using _lock = await lock(path);
  return await action();
}

/** Nothing if there is no such file, or it cannot be locked. */
async function lock(path: string): Promise<Deno.FsFile | undefined> {
  const end = performance.now() + PATIENCE;
  for (;;) {
    const file = await Deno.open(path).catch(() => undefined);
    if (!file) return undefined;
    try {
      const isLocked = await file.tryLock(true);
      const [mine, now] = await Promise.all([file.stat(), Deno.stat(path)]);
      if (isLocked && mine.ino === now.ino && mine.dev === now.dev) return file;
    } catch { /* it was removed just now, or its disk has no locks */ }
    file.close();
    if (performance.now() > end) return undefined;
    await new Promise((resolve) => setTimeout(resolve, EVERY));
  }
}
