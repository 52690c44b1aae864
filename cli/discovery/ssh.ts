/**
 * Hosts of the user's ssh configuration.
 *
 * They are not contacted, so nobody knows whether they are up.
 *
 * @module
 */
import { join } from "node:path";
import { parseSshDestination } from "../../transports/ssh_destination.ts";
import { ask } from "./client.ts";
import { type Candidate, oneLine, type Source, SourceError } from "./source.ts";
import { readSshConfig, type SshConfig, type SshHost } from "./ssh_config.ts";

/** ssh. */
export const sshSource: Source = {
  name: "ssh",
  async list({ signal }) {
    await ask(["ssh", "-V"], signal); // a configuration alone reaches nobody
    const { hosts, problems } = read();
    return {
      targets: hosts.filter(({ alias }) => isDestination(alias)).map(targetOf),
      problems: problems.map((reason) => ({ kind: "failed", reason })),
    };
  },
};

function read(): SshConfig {
  const home = Deno.env.get(Deno.build.os === "windows" ? "USERPROFILE" : "HOME");
  if (!home) throw new SourceError("no home folder, so no configuration", "missing");
  const folder = join(home, ".ssh");
  const path = join(folder, "config");
  try {
    return readSshConfig(path, { home, folder });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new SourceError(`there is no ${path}`, "missing");
    }
    throw new SourceError(`${path}: ${(error as Error).message}`);
  }
}

/**
 * Characters that ssh takes in no host's name, because commands of its users might meet a
 * shell.
 */
// deno-lint-ignore no-control-regex -- control characters are among them
const FORBIDDEN = /[\s\x00-\x1f\x7f'`"$\\;&<>|(){}]/;

/** Whether ssh takes the name, and the manifest's `ssh: ALIAS` means this very host. */
function isDestination(alias: string): boolean {
  if (FORBIDDEN.test(alias)) return false;
  try {
    const { name, user, port } = parseSshDestination(alias);
    return name === alias && user === undefined && port === undefined;
  } catch {
    return false;
  }
}

function targetOf({ alias, hostName, user, port }: SshHost): Candidate {
  const name = hostName ?? alias;
  return {
    source: "ssh",
    id: alias,
    base: alias,
    spec: alias,
    state: "",
    isRunning: true,
    about: oneLine(`${user ? `${user}@` : ""}${name}${port ? `:${port}` : ""}`),
    ports: [],
  };
}
