/**
 * Places: the folders by which an agent without a link is found.
 *
 * ```text
 * /tmp/norouter-1000/keep-0123456789abcdef/
 *   pid    "PROCESS STARTTIME": the keeper
 *   of     "MESH HOST": what it belongs to, the host percent-encoded
 *   door   a FIFO that takes lines, see door.ts
 *   sock   a unix socket, see socket.ts
 * ```
 *
 * Nothing is trusted that others could have made: the outer folder belongs to this user
 * alone, is no link, and lies where nobody else can rename it. A folder is filled under
 * another name first, so whoever finds one finds it complete.
 *
 * A keeper looks now and then whether its texts are as it wrote them. A keeper that was
 * killed leaves its folder behind. Whoever starts later removes it, if
 * the process is gone and nobody has the door open: the process may only look gone, where
 * containers share a place.
 *
 * @module
 */

import { messageOf } from "../../wire/text.ts";
import { ENXIO, type Libc, O_NONBLOCK, O_WRONLY, SystemError } from "./libc.ts";
import { PLACES, privateFolder } from "./private_folder.ts";
import { startOf } from "./processes.ts";

/** Folders that are looked at in one place. */
const MOST_FOLDERS = 1000;

/** A keeper that somebody else runs. */
export interface Found {
  readonly folder: string;
  readonly pid: number;
  readonly start: string;
  /** Its mesh and host, as in the file. */
  readonly of: string;
}

/** The line that names a mesh and a host. */
export function nameOf(mesh: string, host: string): string {
  return `${mesh} ${encodeURIComponent(host.toWellFormed())}`;
}

/** Keepers of this user that live. Folders of others that do not are removed. */
export function livingKeepers(libc: Libc): Found[] {
  const found: Found[] = [];
  for (const place of PLACES) {
    try {
      const folder = privateFolder(place, { make: false });
      const entries = Deno.readDirSync(folder).filter(({ isDirectory }) => isDirectory);
      for (const { name } of entries.take(MOST_FOLDERS)) {
        const [, kind, whose] = /^(keep|new)-([0-9a-f]+)$/.exec(name) ?? [];
        const isBeingMade = kind === "new" && startOf(Number(whose)) !== undefined;
        if (kind === undefined || isBeingMade) continue;
        const keeper = keeperIn(`${folder}/${name}`, libc);
        if (keeper && kind === "keep") found.push(keeper);
      }
    } catch {
      // No folder there, or none that is ours alone.
    }
  }
  return found;
}

/** The folder of the keeper `id`, in the places where one may be; undefined if none. */
export function findFolder(id: string): string | undefined {
  for (const place of PLACES) {
    try {
      const folder = `${privateFolder(place, { make: false })}/keep-${id}`;
      if (Deno.lstatSync(folder).isDirectory) return folder;
    } catch {
      // Not in this place.
    }
  }
}

/** The keeper of a folder, or undefined if it is dead, and the folder removed. */
function keeperIn(folder: string, libc: Libc): Found | undefined {
  const [pid, start = ""] = wordsOf(`${folder}/pid`);
  const number = Number(pid);
  if (Number.isSafeInteger(number) && number > 0 && startOf(number) === start) {
    return { folder, pid: number, start, of: wordsOf(`${folder}/of`).join(" ") };
  }
  if (!isOpen(`${folder}/door`, libc)) removeFolder(folder);
}

function wordsOf(path: string): string[] {
  try {
    return Deno.readTextFileSync(path).trimEnd().split(" ");
  } catch {
    return [];
  }
}

/** Whether somebody reads a FIFO. */
function isOpen(path: string, libc: Libc): boolean {
  try {
    libc.close(libc.open(path, O_WRONLY | O_NONBLOCK));
    return true;
  } catch (error) {
    return error instanceof SystemError && error.errno !== ENXIO && exists(path);
  }
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Removes a folder of ours; never throws. */
function removeFolder(folder: string): void {
  try {
    Deno.removeSync(folder, { recursive: true });
  } catch {
    // Somebody else was faster.
  }
}

function isKind(path: string, kind: "isFile" | "isFifo" | "isSocket"): boolean {
  try {
    return Boolean(Deno.lstatSync(path)[kind]);
  } catch {
    return false;
  }
}

/** Whether a file has this text; anything but a file is not opened. */
function hasText(path: string, text: string): boolean {
  try {
    const { isFile, size } = Deno.lstatSync(path);
    return isFile && size === text.length && Deno.readTextFileSync(path) === text;
  } catch {
    return false;
  }
}

/** Puts a file in the place of whatever is there. Never throws: the next look tries again. */
function replace(path: string, text: string): void {
  const beside = `${path}.new`;
  try {
    removeFolder(beside);
    Deno.writeTextFileSync(beside, text, { createNew: true });
    if (!isKind(path, "isFile")) removeFolder(path);
    Deno.renameSync(beside, path);
  } catch {
    // Such as on a full disk.
  }
}

/** The folder of this process's keeper. */
export class Place {
  #folder: string;
  readonly #inode: number | null;
  /** Its files of text, by their names. */
  readonly #texts: Readonly<Record<string, string>>;

  /** Makes a folder that nobody finds until `publish`. @throws {Error} why there is none. */
  constructor(of: string) {
    this.#texts = { pid: `${Deno.pid} ${startOf("self")}\n`, of: `${of}\n` };
    const errors: string[] = [];
    // Another agent that ends may just have removed the folder around it: then once more.
    for (const place of [...PLACES, ...PLACES]) {
      let made: string | undefined;
      try {
        this.#folder = `${privateFolder(place, { make: true })}/new-${Deno.pid}`;
        removeFolder(this.#folder); // of a process that had this number before
        Deno.mkdirSync(this.#folder, { mode: 0o700 });
        made = this.#folder;
        for (const [name, text] of Object.entries(this.#texts)) {
          Deno.writeTextFileSync(`${made}/${name}`, text);
        }
        this.#inode = Deno.lstatSync(this.#folder).ino;
        return;
      } catch (error) {
        errors.push(messageOf(error));
        if (made !== undefined) removeFolder(made); // such as on a full disk
      }
    }
    throw new Error(`no private folder: ${errors.at(-1)}`);
  }

  /** Where it is now. */
  get folder(): string {
    return this.#folder;
  }

  /** Gives the folder its name, by which relays find it. @throws {Error} if there is one. */
  publish(id: string): void {
    const name = this.#folder.replace(/new-\d+$/, `keep-${id}`);
    if (exists(name)) throw new Error("another agent of this name runs");
    Deno.renameSync(this.#folder, name);
    this.#folder = name;
  }

  /**
   * Puts right what others have made of its texts: an agent that nobody takes for a living
   * one would neither be gone back to nor be asked to end. False if relays cannot come any
   * more, for the folder is gone, or both entrances are.
   */
  mend(): boolean {
    if (!this.#isThere()) return false;
    for (const [name, text] of Object.entries(this.#texts)) {
      const path = `${this.#folder}/${name}`;
      if (!hasText(path, text)) replace(path, text);
    }
    return isKind(`${this.#folder}/door`, "isFifo") ||
      isKind(`${this.#folder}/sock`, "isSocket");
  }

  #isThere(): boolean {
    try {
      return Deno.lstatSync(this.#folder).ino === this.#inode;
    } catch {
      return false;
    }
  }

  /** Removes it, and the folder around it if there is no other. */
  remove(): void {
    if (this.#isThere()) removeFolder(this.#folder);
    try {
      Deno.removeSync(this.#folder.slice(0, this.#folder.lastIndexOf("/")));
    } catch {
      // There is another.
    }
  }
}
