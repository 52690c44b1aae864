/**
 * `ssh -L` to a real sshd on the same loopback interface, fresh keys, no compression.
 *
 * @module
 */
import { descendants } from "../../tests/harness/scene/proc.ts";
import { Process, run } from "../../tests/harness/scene/process.ts";
import { type Tool, wallClock } from "../tool.ts";
import { ECHO_PORT, IPERF_PORT, listening, type World } from "../world.ts";

const WAY = "ssh -L";
const SSHD_PORT = 22_022;
const PORTS = [[22_001, IPERF_PORT], [22_007, ECHO_PORT]] as const;
/** sshd insists on being started by its full path, and on this folder of its own. */
const SSHD = "/usr/sbin/sshd";
const SSHD_FOLDER = "/run/sshd";

function sshdConfig(folder: string): string {
  return `
Port ${SSHD_PORT}
ListenAddress 127.0.0.1
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
`;
}

/** The client's command, without the remote command. */
function client(folder: string, ...options: string[]): string[] {
  return [
    ...["ssh", "-F", "none", "-T", "-p", `${SSHD_PORT}`, "-i", `${folder}/user_key`],
    ...["-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "Compression=no"],
    ...["-o", "StrictHostKeyChecking=accept-new"],
    ...["-o", `UserKnownHostsFile=${folder}/known_hosts`],
    ...options,
    `${Deno.env.get("USER") ?? "root"}@127.0.0.1`,
  ];
}

function startSshd({ near, folder }: World): Process {
  const command = [SSHD, "-D", "-e", "-f", `${folder}/sshd_config`];
  return new Process("sshd", command, { namespace: near });
}

export const ssh: Tool = {
  name: "ssh",
  ways: ({ near }) => [{
    name: WAY,
    client: near,
    address: "127.0.0.1",
    iperfPort: PORTS[0][0],
    echoPort: PORTS[1][0],
  }],

  async prepare(world) {
    const { folder, near } = world;
    await Deno.mkdir(SSHD_FOLDER, { recursive: true, mode: 0o755 });
    await Deno.writeTextFile(`${folder}/sshd_config`, sshdConfig(folder));
    for (const key of ["host_key", "user_key"]) {
      await run([
        "ssh-keygen",
        "-q",
        "-t",
        "ed25519",
        "-N",
        "",
        "-f",
        `${folder}/${key}`,
      ]);
    }
    await using _sshd = startSshd(world);
    await listening(near, SSHD_PORT);
    const talk = await run([...client(folder, "-v"), "true"], { namespace: near });
    const cipher = talk.match(/client->server cipher: (\S+)/)?.[1] ?? "unknown";
    const version = talk.match(/OpenSSH_\S+/)?.[0] ?? "unknown";
    return { ssh: version, "ssh cipher": cipher };
  },

  async start(world) {
    const { near, folder } = world;
    await using stack = new AsyncDisposableStack();
    const sshd = stack.use(startSshd(world));
    // sshd is there already when a user starts ssh, so its start does not count.
    await listening(near, SSHD_PORT);
    const forwards = PORTS.flatMap((
      [from, to],
    ) => ["-L", `127.0.0.1:${from}:127.0.0.1:${to}`]);
    const command = client(folder, "-N", "-o", "ExitOnForwardFailure=yes", ...forwards);
    const startedAt = wallClock();
    const forwarder = stack.use(new Process("ssh -L", command, { namespace: near }));
    const all = stack.move();
    return {
      startedAt,
      parts: () => [
        { way: WAY, end: "near", pid: forwarder.pid },
        ...descendants(sshd.pid).map((pid) => ({ way: WAY, end: "far" as const, pid })),
      ],
      [Symbol.asyncDispose]: () => all.disposeAsync(),
    };
  },
};
