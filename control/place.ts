/**
 * Places of control sockets: a folder for each running mesh, within the private folder of
 * the user.
 *
 * ```text
 * /tmp/norouter-1000/mesh/
 *   lock      locked by its manager as long as that runs; tells who it is, as JSON
 *   control   the unix socket
 * ```
 *
 * The lock goes with the process, however it ends. So whoever can lock the folder of a mesh
 * knows that its manager is gone, and takes over what that has left, or removes it: whoever
 * looks for meshes does so with what dead ones left.
 *
 * @module
 */

import { resolve } from "node:path";
import { PLACES, privateFolder } from "../agent/keeper/private_folder.ts";
import { messageOf } from "../wire/text.ts";
import { controlName, isMeshFolder, otherNames } from "./mesh_name.ts";

/** Bytes of the path of a unix socket (`sun_path` of Linux, without the zero). */
const MOST_PATH = 107;
/** Attempts to lock a folder that its last owner is removing. */
const ATTEMPTS = 5;
/** Milliseconds between attempts to lock a folder at which somebody may be looking. */
const PAUSE_MS = 2;

/** A mesh that runs, as its manager says. */
export interface MeshEntry {
  readonly name: string;
  /** The manifest's absolute path; `-` for standard input. */
  readonly manifest: string;
  readonly pid: number;
}

/** A mesh that was found. */
export interface FoundMesh extends MeshEntry {
  /** The path of its socket. */
  readonly socket: string;
}

/** The folder of this process's mesh. */
export class ControlPlace {
  readonly #folder: string;
  readonly #lock: Deno.FsFile;
  /** The name that the mesh got. */
  readonly name: string;

  private constructor(folder: string, name: string, lock: Deno.FsFile) {
    this.#folder = folder;
    this.#lock = lock;
    this.name = name;
  }

  /**
   * Takes a folder for the mesh of a manifest, of the name wished for or another if a mesh
   * that runs has that.
   *
   * @throws {Error} why there is none.
   */
  static take(manifest: string, wish?: string): ControlPlace {
    const wanted = controlName(manifest, wish);
    const where = absolute(manifest);
    const errors: string[] = [];
    for (const place of PLACES) {
      for (const name of [wanted, ...otherNames(wanted, manifest)]) {
        try {
          const taken = takeFolder(place, { name, manifest: where, pid: Deno.pid });
          if (taken) return new ControlPlace(taken.folder, name, taken.lock);
        } catch (error) {
          errors.push(messageOf(error));
          break;
        }
      }
    }
    throw new Error(errors[0] ?? "too many meshes of that name run");
  }

  /** Where the socket is to be. */
  get socket(): string {
    return `${this.#folder}/control`;
  }

  /** Removes the folder. Never throws. */
  release(): void {
    for (const path of [this.socket, `${this.#folder}/lock`, this.#folder]) remove(path);
    remove(this.#folder.slice(0, this.#folder.lastIndexOf("/")));
    this.#lock.close();
  }
}

/** The path of a manifest, for those who are in another folder; `-` stays. */
export function absolute(manifest: string): string {
  try {
    return manifest === "-" ? manifest : resolve(manifest);
  } catch {
    return manifest; // the folder of this process is gone
  }
}

/** Why folders in which meshes of this user may run are left alone; mostly nothing. */
export function unusablePlaces(): string[] {
  const why: string[] = [];
  for (const place of PLACES) {
    try {
      privateFolder(place, { make: false });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) why.push(messageOf(error));
    }
  }
  return why;
}

/** The meshes of this user that run, by name. What dead ones left is removed. */
export function runningMeshes(): FoundMesh[] {
  const found: FoundMesh[] = [];
  for (const place of PLACES) {
    let folder: string;
    let names: string[];
    try {
      folder = privateFolder(place, { make: false });
      names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
    } catch {
      continue; // no folder there, or none that is ours alone
    }
    for (const name of names) {
      if (!isMeshFolder(name)) continue;
      const entry = entryOf(`${folder}/${name}`);
      if (!entry) removeDead(`${folder}/${name}`);
      else found.push({ ...entry, name, socket: `${folder}/${name}/control` });
    }
  }
  return found;
}

/** Undefined if a mesh that runs has the folder. */
function takeFolder(
  place: string,
  entry: MeshEntry,
): { folder: string; lock: Deno.FsFile } | undefined {
  for (let attempt = 1;; attempt++) {
    const folder = `${privateFolder(place, { make: true })}/${entry.name}`;
    if (new TextEncoder().encode(`${folder}/control`).length > MOST_PATH) {
      throw new Error(`the path of ${folder}/control is too long for a socket`);
    }
    let lock: Deno.FsFile | undefined;
    try {
      makeFolder(folder);
      lock = openLock(folder, { create: true });
      if (!isLocked(lock)) {
        lock.close();
        return undefined;
      }
      if (!isAt(lock, `${folder}/lock`)) throw new Deno.errors.NotFound();
      lock.truncateSync(0);
      lock.writeSync(new TextEncoder().encode(JSON.stringify(entry) + "\n"));
      remove(`${folder}/control`);
      return { folder, lock };
    } catch (error) {
      lock?.close();
      // Its last owner is just removing it.
      if (error instanceof Deno.errors.NotFound && attempt < ATTEMPTS) continue;
      throw error;
    }
  }
}

function makeFolder(folder: string): void {
  try {
    Deno.mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    if (!Deno.lstatSync(folder).isDirectory) throw new Error(`${folder} is no folder`);
  }
}

/** Locks a file that is no link: the folder is private, so nobody else put one there. */
function openLock(folder: string, { create }: { create: boolean }): Deno.FsFile {
  return Deno.openSync(`${folder}/lock`, {
    read: true,
    write: true,
    create,
    ...(create && { mode: 0o600 }),
  });
}

/** Whether the lock is ours. Whoever only looks has it for a moment. */
function isLocked(lock: Deno.FsFile): boolean {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let attempt = 1;; attempt++) {
    if (lock.tryLockSync(true)) return true;
    if (attempt === ATTEMPTS) return false;
    Atomics.wait(pause, 0, 0, PAUSE_MS);
  }
}

/** Whether the file is the one of that path, which may have been removed meanwhile. */
function isAt(file: Deno.FsFile, path: string): boolean {
  const [own, there] = [file.statSync(), Deno.statSync(path)];
  return own.ino === there.ino && own.dev === there.dev;
}

/** The mesh that has the folder; undefined if none runs there. */
function entryOf(folder: string): MeshEntry | undefined {
  try {
    using lock = openLock(folder, { create: false });
    // A shared lock, which does not make others of us believe that somebody is there.
    if (lock.tryLockSync(false)) return undefined;
    const entry = JSON.parse(Deno.readTextFileSync(`${folder}/lock`)) as MeshEntry;
    return Number.isSafeInteger(entry.pid) ? entry : undefined;
  } catch {
    return undefined; // the folder of an agent, or half made or removed
  }
}

/**
 * Removes the folder of a manager that is gone. Not one whose manager just starts: that has
 * no lock yet, or one that is locked; and if the lock is taken away between its opening and
 * its locking, the manager sees so, and begins anew.
 */
function removeDead(folder: string): void {
  try {
    const { isDirectory, uid, mode } = Deno.lstatSync(folder);
    if (!isDirectory || uid !== Deno.uid() || (mode! & 0o777) !== 0o700) return;
    using lock = openLock(folder, { create: false });
    if (!lock.tryLockSync(true) || !isAt(lock, `${folder}/lock`)) return;
    const left = [...Deno.readDirSync(folder)].map(({ name }) => name);
    if (left.some((name) => name !== "lock" && name !== "control")) return;
    for (const path of [`${folder}/control`, `${folder}/lock`, folder]) remove(path);
  } catch {
    // Half made or removed by another, or no folder of a mesh.
  }
}

function remove(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // Gone, or there is something else in it.
  }
}
