/**
 * An agent that was copied to a host without a shell: whether others could change it, as the
 * way of copying tells. Nothing over there has to be run for that.
 *
 * Each folder from `/` down, and all that is run or loaded, has to be root's, and nobody else
 * may write there. A folder where others may write is refused: whatever is put there, they
 * may exchange. So is a link, which a copy would follow. A file in a folder of root alone is
 * *loose* if others may change it, and a copy exchanges it.
 *
 * @module
 */
import type { HostFiles, OpenContext, PathInfo } from "../transports/mod.ts";
import { RUN_FILES, RUN_FOLDERS } from "./copied.ts";

/** Where and how to look. */
export interface Guarding<Options> {
  readonly files: HostFiles<Options>;
  readonly options: Options;
  /** The folder of the agent. */
  readonly home: string;
  readonly context: OpenContext;
}

/** An entry that was found, by its path; without `about` it is absent. */
interface Found {
  readonly path: string;
  readonly about: PathInfo | undefined;
}

/**
 * What a copy has to put right before the agent there may be run: a file is missing, or
 * others may change it. Undefined if nothing, or if the way of copying tells nothing.
 *
 * @throws {Error} if others may change a folder, which no copy puts right, or nobody can
 * tell.
 */
export async function looseIn<Options>(
  guarding: Guarding<Options>,
): Promise<string | undefined> {
  const { files, options, home, context } = guarding;
  const { look } = files;
  if (!look) return undefined;
  const lookAt = async (path: string): Promise<Found> => ({
    path,
    about: await look.call(files, options, path, context),
  });
  const parts = home.split("/").slice(1);
  const above = ["/", ...parts.map((_, at) => `/${parts.slice(0, at + 1).join("/")}`)];
  const [folders, inside, trees] = await Promise.all([
    Promise.all(above.map(lookAt)),
    Promise.all(RUN_FILES.map((name) => lookAt(`${home}/${name}`))),
    Promise.all(RUN_FOLDERS.map((name) => treeAt(`${home}/${name}`, guarding, lookAt))),
  ]);
  const tops = trees.map(([top]) => top!);
  for (const found of [...folders, ...tops]) assertFolder(found, home);
  const below = trees.flatMap((tree) => tree.slice(1));
  for (const found of [...inside, ...below]) {
    if (found.about && found.about.kind !== "file") assertFolder(found, home);
  }
  const missing = [...folders, ...inside, ...tops].find(({ about }) => !about);
  if (missing) return `${missing.path} is missing`;
  const loose = [...inside, ...below].find(({ about }) =>
    about?.kind === "file" && isLoose(about)
  );
  return loose && `others may change it: ${inWords(loose)}`;
}

/**
 * Rejects unless the agent is there and nobody but root can change it.
 *
 * @throws {Error} that says what to do.
 */
export async function assertGuarded<Options>(
  guarding: Guarding<Options>,
): Promise<void> {
  const loose = await looseIn(guarding);
  if (loose !== undefined) throw refusal(guarding.home, loose);
}

/** A folder and all below; the first is the folder itself. */
async function treeAt<Options>(
  path: string,
  { files, options, context }: Guarding<Options>,
  lookAt: (path: string) => Promise<Found>,
): Promise<Found[]> {
  if (!files.lookBelow) return [await lookAt(path)];
  const entries = await files.lookBelow(options, path, context);
  const base = path.slice(0, path.lastIndexOf("/"));
  const found = entries.map(({ path: name, ...about }) => ({
    path: `${base}/${name.replace(/^\.\//, "").replace(/\/$/, "")}`,
    about,
  }));
  return found.length > 0 ? found : [{ path, about: undefined }];
}

/** @throws {Error} if others may change a folder that is there, or it is none. */
function assertFolder(found: Found, home: string): void {
  const { path, about } = found;
  if (!about) return;
  const { kind, mode, uid } = about;
  // A sticky folder on the way will do, as /tmp is.
  const isPassable = (mode & 0o1000) !== 0 && !isIn(path, home);
  if (kind === "folder" && uid === 0 && ((mode & 0o022) === 0 || isPassable)) return;
  throw refusal(home, `others may change it: ${inWords(found)}`);
}

function isIn(path: string, home: string): boolean {
  return path === home || path.startsWith(`${home}/`);
}

function isLoose({ mode, uid }: PathInfo): boolean {
  return uid !== 0 || (mode & 0o022) !== 0;
}

function inWords({ path, about }: Found): string {
  const { kind, mode, uid } = about!;
  const what = kind === "link" ? `is a link of user ${uid}` : `is of user ${uid}`;
  return `${path} ${what}, with mode ${mode.toString(8).padStart(4, "0")}`;
}

/** Says what to do about an agent that others may change. */
export function refusal(home: string, what: string): Error {
  return new Error(
    `the agent cannot be kept in ${home}: ${what} (make it root's, with mode 0755 or 0644; ` +
      `or remove it; or name another folder in "installPath")`,
  );
}
