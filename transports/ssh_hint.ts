/**
 * Advice for the user about ssh's failures, by the client's messages and the keys given
 * to the client.
 *
 * @module
 */
import type { LinkExit } from "./mod.ts";

/** The client's own failures have this status; others are the remote command's. */
const OWN_STATUS = 255;
/** Keys are shorter. */
const MOST_KEY_BYTES = 64 * 1024;
/** The beginning of a key in OpenSSH's form, before the name of its cipher. */
const OPENSSH_MAGIC = "openssh-key-v1\0";

/** How ssh was started. */
export interface SshAttempt {
  /** Files with keys, as ssh got them. */
  readonly identity?: readonly string[] | undefined;
  /** Whether nobody can answer questions. */
  readonly isBatch?: boolean | undefined;
  /** The command that shows the same question. */
  readonly byHand: string;
}

const HINTS:
  readonly (readonly [RegExp, (attempt: SshAttempt, said: string) => string])[] = [
    [
      /REMOTE HOST IDENTIFICATION HAS CHANGED/,
      () =>
        "another key than the one in known_hosts: a new machine, or somebody in between; " +
        "make sure before you remove the old one",
    ],
    [
      /Host key verification failed|No .* host key is known/i,
      ({ byHand }) =>
        `its key is not in known_hosts: run ${byHand} once in a terminal and ` +
        `compare the fingerprint`,
    ],
    [
      /Too many authentication failures/,
      () =>
        `ssh offered too many keys: name the right one with "identity", and ` +
        `options: {IdentitiesOnly: yes}`,
    ],
    [/Permission denied/, denied],
  ];

/** Advice about an end of ssh, if the failure is ssh's own. */
export function sshHint(
  { status, stderr }: LinkExit,
  attempt: SshAttempt,
): string | undefined {
  if (status !== OWN_STATUS) return undefined;
  const said = stderr.join("\n");
  return HINTS.find(([pattern]) => pattern.test(said))?.[1](attempt, said);
}

/**
 * See {@linkcode Transport.otherCommand}: sshd runs the command that the account is made
 * for.
 */
export function otherCommand({ status, stderr }: LinkExit): string | undefined {
  if (status === undefined || status === OWN_STATUS) return undefined;
  // A shell that is missing is another matter.
  if (stderr.some((line) => /\bsh: .*not found/.test(line))) return undefined;
  return `the host ran another command than the one it was told, as by ForceCommand or ` +
    `"command=" of its key, or has no login shell: if that command is an agent, say ` +
    `"install: never"`;
}

/**
 * Three texts: a key that is not there, a key that cannot be read, and a key that is not
 * known.
 */
function denied({ identity = [], isBatch, byHand }: SshAttempt, said: string): string {
  const missing = /Identity file (.*) not accessible: (.*?)\.?$/m.exec(said);
  if (missing) {
    return `the key ${JSON.stringify(missing[1])} cannot be read: ${missing[2]}; ` +
      `"identity" begins in the manifest's folder`;
  }
  const asked = isBatch ? "there is no terminal to ask for a password; " : "";
  const locked = identity.find(hasPassphrase);
  if (locked && isBatch) {
    return `the key ${
      JSON.stringify(locked)
    } has a passphrase, and there is no terminal to ` +
      `ask for it: add the key to an ssh-agent, by ssh-add`;
  }
  const [key] = identity;
  if (key !== undefined) {
    return `${asked}the machine does not take the key ${JSON.stringify(key)}: add its ` +
      `".pub" to ~/.ssh/authorized_keys there, until ${byHand} logs in by itself`;
  }
  return `${asked}name a key with "identity", or add one to an ssh-agent, until ` +
    `${byHand} logs in by itself`;
}

/** Whether a key can be used only with a passphrase, as far as its file tells. */
function hasPassphrase(path: string): boolean {
  try {
    if (Deno.statSync(path).size > MOST_KEY_BYTES) return false;
    const text = Deno.readTextFileSync(path);
    if (/ENCRYPTED/.test(text)) return true;
    const body = /-----BEGIN OPENSSH PRIVATE KEY-----([^-]*)-----END/.exec(text)?.[1];
    if (body === undefined) return false;
    const bytes = atob(body.replace(/\s/g, ""));
    const cipher = bytes.slice(OPENSSH_MAGIC.length + 4);
    return bytes.startsWith(OPENSSH_MAGIC) && !cipher.startsWith("none");
  } catch {
    return false;
  }
}
