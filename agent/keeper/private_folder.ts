/**
 * The private folder of a user: `/tmp/norouter-1000`, or in another place that all have.
 *
 * It belongs to this user alone, is no link, and lies where nobody else can rename it.
 *
 * @module
 */

/** Where the folders are, the first that can be had. */
export const PLACES = ["/tmp", "/var/tmp", "/dev/shm"] as const;

/** Others may rename what lies in a folder: writable by them, and without the sticky bit. */
const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;
const NOT_PRIVATE = 0o077;

/** The private folder of this user in a place. @throws {Error} why there is none. */
export function privateFolder(place: string, { make }: { make: boolean }): string {
  const { mode, uid, isDirectory } = Deno.statSync(place);
  const own = Deno.uid();
  if (!isDirectory) throw new Error(`${place} is no folder`);
  const isOthers = uid !== 0 && uid !== own;
  if (isOthers || (mode! & WRITABLE_BY_OTHERS) !== 0 && (mode! & STICKY) === 0) {
    throw new Error(`others can change ${place}`);
  }
  const folder = `${place}/norouter-${own}`;
  if (make) {
    try {
      Deno.mkdirSync(folder, { mode: 0o700 });
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
  }
  const found = Deno.lstatSync(folder);
  if (!found.isDirectory || found.uid !== own) {
    throw new Error(`${folder} is not a folder of this user`);
  }
  if ((found.mode! & NOT_PRIVATE) !== 0) {
    if (!make) {
      const mode = (found.mode! & 0o7777).toString(8).padStart(4, "0");
      throw new Error(
        `${folder} is open to others (its mode is ${mode}); ` +
          `"chmod 700 ${folder}" makes it private again`,
      );
    }
    Deno.chmodSync(folder, 0o700);
  }
  return folder;
}
