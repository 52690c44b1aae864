/**
 * Hosts files in folders of the test, for the tests of this folder.
 *
 * Never those of this machine.
 *
 * @module
 */

import { type NameFiles, type NameFilesOptions, writeNameFiles } from "./name_files.ts";

const NAMES = {
  local: "127.0.42.100",
  "laptop.example.com": "127.0.42.100",
  web: "127.0.42.101",
};
/** The entries of the names that a scene writes. */
export const ENTRIES =
  "127.0.42.100 local\n127.0.42.100 laptop.example.com\n127.0.42.101 web\n";
/** A hosts file as systems have it. */
export const HOSTS = "127.0.0.1\tlocalhost\n::1 localhost\n";
/** A region with those entries. */
export const REGION = new RegExp(
  `^# <Added-by-NoRouter>\n# of the agent .*\n${ENTRIES}# </Added-by-NoRouter>\n$`,
);

/** What a test has at hand. */
export interface Scene {
  readonly folder: string;
  readonly systemHosts: string;
  readonly warnings: string[];
  /** Writes with the state directory off and the system's hosts file on, unless told else. */
  write(options?: Partial<NameFilesOptions>): Promise<NameFiles>;
  /** The system's hosts file. */
  hosts(): string;
}

/** A test in a folder of its own, with a hosts file for the system's. */
export function scene(
  name: string,
  hosts: string | Uint8Array | undefined,
  use: (scene: Scene) => Promise<void>,
  { ignore = false } = {},
): void {
  const fn = async () => {
    const folder = await Deno.makeTempDir();
    const systemHosts = `${folder}/etc/hosts`;
    const warnings: string[] = [];
    try {
      await Deno.mkdir(`${folder}/etc`);
      if (typeof hosts === "string") await Deno.writeTextFile(systemHosts, hosts);
      else if (hosts) await Deno.writeFile(systemHosts, hosts);
      await use({
        folder,
        systemHosts,
        warnings,
        write: (options = {}) =>
          writeNameFiles({
            names: NAMES,
            stateDir: { disable: true },
            writeEtcHosts: true,
            warn: (message) => warnings.push(message),
            systemHosts,
            ...options,
          }),
        hosts: () => Deno.readTextFileSync(systemHosts),
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  };
  Deno.test({ name, fn, ignore });
}

/** Whether files have modes and owners. */
export const isUnix = Deno.build.os !== "windows";
/** Whether this process may give files away. */
export const isRoot = isUnix && Deno.uid() === 0;

/** The names of what a folder holds, in order. */
export function namesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

/** The lines of a file that are no comments. */
export function entries(text: string): string[] {
  return text.split("\n").filter((line) => !/^(#|$)/.test(line));
}
