/**
 * Machines behind ssh. The user's ssh configuration applies, as the client is the
 * system's.
 *
 * | in the manifest | command |
 * |---|---|
 * | `ssh: me@box` | `ssh -T me@box -- 'norouter agent --automated'` |
 * | `ssh: {host: "box:2222", jump: gate}` | `ssh -T -p 2222 -J gate box -- …` |
 *
 * The client takes its questions (a password, an unknown host's key) to the terminal. A
 * manager without a terminal adds `BatchMode=yes`, so that the client fails at once
 * instead.
 *
 * @module
 */
import { join } from "shlex";
import { execTransport } from "./command/exec.ts";
import { expandHome, fromManifest } from "./command/home.ts";
import { SpecError } from "./mod.ts";
import { parseSshDestination } from "./ssh_destination.ts";
import { otherCommand, sshHint } from "./ssh_hint.ts";
import {
  integer,
  listOf,
  mapOf,
  name,
  type OptionsOf,
  type Reader,
  readSpec,
  refuse,
  text,
} from "./command/spec.ts";
import { hasTerminal } from "./command/terminal.ts";
import { readWords, show } from "./command/words.ts";

const OPTIONS = {
  host: (value: unknown) =>
    parseSshDestination(name(`a host, like "me@box:2222"`)(value)),
  user: name("a user"),
  port: integer("a port", 1, 65_535),
  identity: listOf(text("a file with a key")),
  jump: listOf(jumpHost),
  options: mapOf(`options of ssh, like {ConnectTimeout: 5}`, clientOption),
  config: text("a file"),
  agent: readWords,
  program: readWords,
};

/** The manifest's value, checked; and whether anybody can answer questions. */
export type SshOptions = OptionsOf<typeof OPTIONS, "host"> & {
  /** True where nobody can. Set when a link is opened. */
  readonly isBatch?: boolean;
};

/** Reaches a machine by ssh's command line. */
export const ssh = execTransport<SshOptions>({
  name: "ssh",
  parse(spec, place) {
    const options = readSpec(spec, {
      transport: "ssh",
      options: OPTIONS,
      short: "host",
      example: "ssh: me@box",
      required: ["host"],
      instead: { key: `wanted "identity"`, password: `wanted "identity", a key's file` },
      *rules({ host, user, port }) {
        if (user !== undefined && host.user !== undefined) {
          yield new SpecError(["user"], `"host" names a user already: ${host.user}`);
        }
        if (port !== undefined && host.port !== undefined) {
          yield new SpecError(["port"], `"host" names a port already: ${host.port}`);
        }
      },
    });
    const { config, identity } = options;
    return {
      ...options,
      // The word "none" stands for no file.
      ...(config !== undefined && config !== "none" &&
        { config: fromManifest(config, place) }),
      ...(identity && { identity: identity.map((file) => fromManifest(file, place)) }),
    };
  },
  prepare(options) {
    const { config, identity } = options;
    return {
      ...options,
      isBatch: !hasTerminal(),
      config: config === undefined ? undefined : expandHome(config),
      identity: identity?.map(expandHome),
    };
  },
  command(options, words) {
    const { program = ["ssh"], host, identity = [], jump, config, isBatch } = options;
    const user = options.user ?? host.user;
    const port = options.port ?? host.port;
    const further = (options.options ?? []).flat();
    // Of an option given twice ssh takes the first, so the user's comes before ours.
    if (isBatch) further.push("BatchMode=yes");
    return [
      ...program,
      // Without a terminal over there, which would change the bytes.
      "-T",
      ...config === undefined ? [] : ["-F", config],
      ...port === undefined ? [] : ["-p", `${port}`],
      ...identity.flatMap((file) => ["-i", file]),
      ...jump === undefined ? [] : ["-J", jump.join(",")],
      ...further.flatMap((option) => ["-o", option]),
      user === undefined ? host.name : `${user}@${host.name}`,
      "--",
      // The client joins words by spaces, and the login shell there splits them again.
      join([...words]),
    ];
  },
  hint: (exit, options) => sshHint(exit, { ...options, byHand: byHand(options) }),
  otherCommand,
});

function jumpHost(value: unknown): string {
  const host = name(`a host, like "me@gate:2222"`)(value);
  // Several may be given at once, as to ssh itself.
  for (const each of host.split(",")) parseSshDestination(each);
  return host;
}

/** `Name=value`, once for each value of a list. */
function clientOption(key: string, value: unknown): readonly string[] {
  if (!/^[A-Za-z][A-Za-z0-9]*$/.test(key)) {
    throw new SpecError([], `${show(key)} is no option of ssh`, { isKey: true });
  }
  return listOf(optionValue)(value).map((each) => `${key}=${each}`);
}

const optionValue: Reader<string> = (value) => {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Number.isSafeInteger(value)) return String(value);
  const wanted = "the option's value";
  const found = text(wanted)(value);
  if (/[\r\n]/.test(found)) throw refuse(wanted, value, ", which has lines");
  return found;
};

/**
 * The command that shows the same question; through a jump host, any of the two may ask.
 */
function byHand(options: SshOptions): string {
  return ssh.describe({ ...options, agent: ["true"], isBatch: false });
}
