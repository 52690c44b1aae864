/**
 * Watching files: whoever wants to know is told soon after something may have happened to
 * them, and looks for himself.
 *
 * Names are asked about every {@linkcode POLL_MS}, and nothing is opened. The system's
 * notice of changes is not used: that of Deno opens whatever else is in the folder, and a
 * FIFO there, which anybody may make in `/tmp`, keeps its thread, and with it the end of
 * the process, for ever. Network file systems have no such notice either.
 *
 * What is asked about is the file, and with a chain of links each of them, as a ConfigMap
 * of Kubernetes swaps a link beside the file. A look comes when nothing has changed for
 * {@linkcode QUIET_MS}, but no later than {@linkcode LATEST_MS}, so that a file that is
 * being written is mostly whole.
 *
 * One thing happens after the other: a file system that does not answer has one question
 * to answer, not one more each time.
 *
 * @module
 */

import { dirname, isAbsolute } from "node:path";

/** Milliseconds between questions while nothing happens. */
const POLL_MS = 500;
/** Milliseconds without a change before a look. */
const QUIET_MS = 100;
/** Milliseconds after the first change until a look, at most. */
const LATEST_MS = 1000;
/** Milliseconds until the next look at a file that is not there. */
const MISSING_MS = 1000;
/** Links that are followed. */
const MOST_LINKS = 16;

/** Who wants to know. */
export interface WatchHooks {
  /** The files, as paths. Asked again each time. */
  readonly files: () => readonly string[];
  /** Looks at the files; whether to look again soon. Never rejects. */
  readonly look: () => Promise<boolean>;
}

/** Watches until disposed of. Begins with a look. */
export class Watch implements Disposable {
  readonly #hooks: WatchHooks;
  /** What the files were when they were asked about last. */
  #state = "";
  /** Time of the first change that nobody has looked at. */
  #changed: number | undefined;
  /** Time of a look without a change. */
  #due = Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;

  constructor(hooks: WatchHooks) {
    this.#hooks = hooks;
    this.#ask();
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  async #ask(): Promise<void> {
    const state = (await Promise.all(this.#hooks.files().map(stateOf))).join("\n");
    if (this.#isOver) return;
    const now = performance.now();
    if (state !== this.#state) {
      this.#state = state;
      this.#changed ??= now;
      if (now < this.#changed + LATEST_MS) return this.#askIn(QUIET_MS);
    }
    if (this.#changed !== undefined || now >= this.#due) {
      this.#changed = undefined;
      const isAgain = await this.#hooks.look();
      this.#due = isAgain ? performance.now() + MISSING_MS : Infinity;
    }
    this.#askIn(POLL_MS);
  }

  #askIn(ms: number): void {
    if (this.#isOver) return;
    this.#timer = setTimeout(() => this.#ask(), ms);
    Deno.unrefTimer(this.#timer);
  }
}

/** Differs after the file, or a link on the way to it, was changed or exchanged. */
async function stateOf(file: string): Promise<string> {
  const states = [file];
  let path = file;
  try {
    for (let links = 0; links < MOST_LINKS; links++) {
      const info = await Deno.lstat(path);
      states.push(textOf(info));
      if (!info.isSymlink) break;
      const target = await Deno.readLink(path);
      states.push(target);
      path = isAbsolute(target) ? target : `${dirname(path)}/${target}`;
    }
    // Folders on the way may be links, too.
    if (path !== file) states.push(textOf(await Deno.stat(file)));
  } catch (error) {
    states.push((error as Error).name);
  }
  return states.join(" ");
}

function textOf({ mode, dev, ino, size, mtime, ctime }: Deno.FileInfo): string {
  return [mode, dev, ino, size, mtime?.getTime(), ctime?.getTime()].join(":");
}
