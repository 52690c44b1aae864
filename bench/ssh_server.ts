/**
 * A real sshd for the benchmark, with fresh keys and no compression, and its clients.
 *
 * @module
 */
import type { Namespace } from "../tests/harness/scene/namespace.ts";
import { Process, run } from "../tests/harness/scene/process.ts";
import { listening } from "./world.ts";

export const SSH_PORT = 22_022;
/** sshd insists on being started by its full path, and on this folder of its own. */
const SSHD = "/usr/sbin/sshd";
const SSHD_FOLDER = "/run/sshd";

/** Makes keys and a configuration in `folder`, for a server on `address`. */
export async function prepareSsh(folder: string, address: string): Promise<void> {
  await Deno.mkdir(SSHD_FOLDER, { recursive: true, mode: 0o755 });
  await Deno.writeTextFile(
    `${folder}/sshd_config`,
    `
Port ${SSH_PORT}
ListenAddress ${address}
HostKey ${folder}/host_key
AuthorizedKeysFile ${folder}/user_key.pub
PidFile none
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
Compression no
AllowTcpForwarding yes
LogLevel ERROR
`,
  );
  for (const key of ["host_key", "user_key"]) {
    const path = `${folder}/${key}`;
    await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path]);
  }
}

/** Starts the server; it listens. */
export async function startSshd(
  folder: string,
  address: string,
  namespace: Namespace,
): Promise<Process> {
  const command = [SSHD, "-D", "-e", "-f", `${folder}/sshd_config`];
  const sshd = new Process("sshd", command, { namespace });
  await listening(namespace, SSH_PORT, address);
  return sshd;
}

/** The client's command, without the remote command. */
export function sshCommand(
  folder: string,
  address: string,
  ...options: string[]
): string[] {
  return [
    ...["ssh", "-F", "none", "-T", "-p", `${SSH_PORT}`, "-i", `${folder}/user_key`],
    ...["-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "Compression=no"],
    ...["-o", "StrictHostKeyChecking=accept-new"],
    ...["-o", `UserKnownHostsFile=${folder}/known_hosts`],
    ...options,
    `${Deno.env.get("USER") ?? "root"}@${address}`,
  ];
}

/** Options that forward local ports to ports of the server's 127.0.0.1, and do no more. */
export function forwards(ports: readonly (readonly [here: number, there: number])[]) {
  const each = ports.flatMap(([here, there]) => [
    ...["-L", `127.0.0.1:${here}:127.0.0.1:${there}`],
  ]);
  return ["-N", "-o", "ExitOnForwardFailure=yes", ...each];
}
