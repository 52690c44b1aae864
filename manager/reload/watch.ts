/**
 * Watching files: whoever wants to know is told soon after something may have happened to
 * them, and looks for himself.
 *
 * The *folders* of the files are watched, since most programs put another file in the place
 * of the former, which a watch of the file would not survive; with a chain of links, the
 * folders of all of its links, as a ConfigMap of Kubernetes swaps a link beside the file.
 * A look comes when nothing has happened for {@linkcode QUIET_MS}, but no later than
 * {@linkcode LATEST_MS}, so that a file that is being written is mostly whole.
 *
 * Where the system's watch fails or sees nothing, as on network file systems, and where a
 * folder itself is exchanged, the look every {@linkcode POLL_MS} at the times of the files
 * notices.
 *
 * @module
 */

import { dirname, resolve } from "node:path";
import { messageOf } from "../../wire/text.ts";

/** Milliseconds without news before a look. */
const QUIET_MS = 100;
/** Milliseconds after the first news until a look, at most. */
const LATEST_MS = 1000;
/** Milliseconds between looks at the times of the files. */
const POLL_MS = 5000;
/** Milliseconds until the next look at a file that is not there. */
const MISSING_MS = 1000;
/** Links that are followed. */
const MOST_LINKS = 16;

/** Who wants to know. */
export interface WatchHooks {
  /** The files, as paths. Asked again before each watch. */
  readonly files: () => readonly string[];
  /** Looks at the files; whether to look again soon. Never rejects. */
  readonly look: () => Promise<boolean>;
  /** Told once if the system cannot watch, so that changes are noticed later. */
  readonly onTrouble?: (message: string) => void;
}

/** Watches until disposed of. Begins with a look. */
export class Watch implements Disposable {
  readonly #hooks: WatchHooks;
  #watcher: Deno.FsWatcher | undefined;
  /** Folders and their identities, as watched. */
  #watched = "";
  /** The times of the files at the last poll. */
  #times = "";
  #timer: ReturnType<typeof setTimeout> | undefined;
  #firstNews = 0;
  readonly #poll: ReturnType<typeof setInterval>;
  #isLooking = false;
  #isDue = false;
  #isOver = false;
  #isTroubleTold = false;

  constructor(hooks: WatchHooks) {
    this.#hooks = hooks;
    this.#times = timesOf(hooks.files());
    this.#watch();
    this.#poll = setInterval(() => this.#compare(), POLL_MS);
    Deno.unrefTimer(this.#poll);
    this.#news();
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    clearInterval(this.#poll);
    this.#unwatch();
  }

  #watch(): void {
    const folders = foldersOf(this.#hooks.files());
    const watched = folders.map((folder) => `${folder} ${identityOf(folder)}`).join("\n");
    if (watched === this.#watched) return;
    this.#unwatch();
    this.#watched = watched;
    const there = folders.filter((folder) => identityOf(folder) !== undefined);
    if (there.length === 0) return;
    try {
      this.#watcher = Deno.watchFs(there, { recursive: false });
    } catch (error) {
      if (this.#isTroubleTold) return;
      this.#isTroubleTold = true;
      this.#hooks.onTrouble?.(messageOf(error));
      return;
    }
    this.#follow(this.#watcher);
  }

  async #follow(watcher: Deno.FsWatcher): Promise<void> {
    try {
      for await (const { kind } of watcher) if (kind !== "access") this.#news();
    } catch {
      // The poll goes on.
    }
  }

  #unwatch(): void {
    try {
      this.#watcher?.close();
    } catch {
      // It has ended.
    }
    this.#watcher = undefined;
  }

  #compare(): void {
    this.#watch();
    const times = timesOf(this.#hooks.files());
    if (times === this.#times) return;
    this.#times = times;
    this.#news();
  }

  #news(): void {
    if (this.#isOver) return;
    const now = performance.now();
    if (this.#timer === undefined) this.#firstNews = now;
    const wait = Math.min(QUIET_MS, this.#firstNews + LATEST_MS - now);
    this.#lookIn(Math.max(0, wait));
  }

  #lookIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#look();
    }, ms);
  }

  async #look(): Promise<void> {
    this.#isDue = true;
    if (this.#isLooking) return;
    this.#isLooking = true;
    while (this.#isDue && !this.#isOver) {
      this.#isDue = false;
      const isAgain = await this.#hooks.look();
      if (this.#isOver) break;
      this.#watch();
      if (isAgain && this.#timer === undefined) this.#lookIn(MISSING_MS);
    }
    this.#isLooking = false;
  }
}

/** The folders in which something happens when a file is changed or exchanged. */
function foldersOf(files: readonly string[]): string[] {
  const folders = new Set<string>();
  for (const file of files) {
    let path = resolve(file);
    for (let links = 0; links <= MOST_LINKS; links++) {
      folders.add(dirname(path));
      try {
        path = resolve(dirname(path), Deno.readLinkSync(path));
      } catch {
        break; // no link, or not there
      }
    }
  }
  return [...folders];
}

/** Tells a folder from another of its name; undefined if there is none. */
function identityOf(folder: string): string | undefined {
  try {
    const { dev, ino, isDirectory } = Deno.statSync(folder);
    return isDirectory ? `${dev}:${ino}` : undefined;
  } catch {
    return undefined;
  }
}

function timesOf(files: readonly string[]): string {
  return files.map((file) => {
    try {
      const { mtime, ino, size } = Deno.statSync(file);
      return `${mtime?.getTime()} ${ino} ${size}`;
    } catch {
      return "-";
    }
  }).join("\n");
}
