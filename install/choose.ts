/**
 * The file that a host gets, by its words about itself.
 *
 * @module
 */
import {
  type AgentFile,
  type AgentFiles,
  AGENTS_VARIABLE,
  architectureOf,
} from "./agents.ts";

/** Deno on a host is used from this version on; older versions leak sockets. */
const LEAST_DENO = [2, 9, 5] as const;

/** Characters of a host's word that a message shows; the word may have any length. */
const MOST_SHOWN = 60;

/** The file to send, and its kind. */
export interface Chosen {
  /** An `agent` runs by itself, an `app` by the host's deno. */
  readonly kind: "agent" | "app";
  readonly file: AgentFile;
}

/**
 * Chooses for a host's words: its system, its machine, both as of `uname`, and the
 * version of its deno or `-`.
 *
 * @throws {Error} if there is nothing for the host, saying which files there are.
 */
export function chooseFor(words: readonly string[], files: AgentFiles): Chosen {
  const [system = "unknown", machine = "unknown", deno = "-"] = words.map(shown);
  if (files.pack && isNewEnough(deno)) return { kind: "app", file: files.pack };
  const architecture = architectureOf(machine);
  if (system !== "Linux" || !architecture) {
    throw new Error(
      `no agent for ${system} on ${machine}: there is one for Linux on x86_64 and aarch64, ` +
        `and for any host with deno ${LEAST_DENO.join(".")} or later` +
        (deno === "-" ? "" : `; it has ${deno}`) +
        (files.pack ? "" : `, where this program is a release`),
    );
  }
  const file = files[architecture];
  if (file) return { kind: "agent", file };
  const name = `norouter-linux-${architecture}`;
  const ownDeno = isNewEnough(deno) ? ` (a release would use its deno ${deno})` : "";
  throw new Error(
    `the host needs ${name}, which is not at hand${ownDeno}: put that file beside this ` +
      `program or into a folder that ${AGENTS_VARIABLE} names; a checkout makes it by ` +
      `"deno task portable ${architecture}"`,
  );
}

/**
 * As of semantic versions: `2.9.5`, `3.0.0`, `2.10.0+0a1b2c3`; other text is no version.
 */
function isNewEnough(version: string): boolean {
  const found = /^(\d+)\.(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number);
  if (!found) return false;
  const at = LEAST_DENO.findIndex((least, index) => found[index] !== least);
  return at < 0 || found[at]! > LEAST_DENO[at]!;
}

function shown(word: string): string {
  return word.length > MOST_SHOWN ? `${word.slice(0, MOST_SHOWN)}…` : word;
}
