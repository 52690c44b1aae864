/**
 * `ssh -L` to a real sshd on the same loopback interface, fresh keys, no compression.
 *
 * @module
 */
import { descendants } from "../../tests/harness/scene/proc.ts";
import { Process, run } from "../../tests/harness/scene/process.ts";
import { forwards, prepareSsh, sshCommand, startSshd } from "../ssh_server.ts";
import { type Tool, wallClock } from "../tool.ts";
import { ECHO_PORT, IPERF_PORT } from "../world.ts";

const WAY = "ssh -L";
const ADDRESS = "127.0.0.1";
const PORTS = [[22_001, IPERF_PORT], [22_007, ECHO_PORT]] as const;

export const ssh: Tool = {
  name: "ssh",
  ways: ({ near }) => [{
    name: WAY,
    client: near,
    address: ADDRESS,
    iperfPort: PORTS[0][0],
    echoPort: PORTS[1][0],
  }],

  async prepare({ folder, near }) {
    await prepareSsh(folder, ADDRESS);
    await using _sshd = await startSshd(folder, ADDRESS, near);
    const talk = await run([...sshCommand(folder, ADDRESS, "-v"), "true"], {
      namespace: near,
    });
    const cipher = talk.match(/client->server cipher: (\S+)/)?.[1] ?? "unknown";
    const version = talk.match(/OpenSSH_\S+/)?.[0] ?? "unknown";
    return { ssh: version, "ssh cipher": cipher };
  },

  async start({ near, folder }) {
    await using stack = new AsyncDisposableStack();
    // sshd is there already when a user starts ssh, so its start does not count.
    const sshd = stack.use(await startSshd(folder, ADDRESS, near));
    const startedAt = wallClock();
    const command = sshCommand(folder, ADDRESS, ...forwards(PORTS));
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
