/**
 * Ways to a host that do not carry bytes as they are: named as such, and tried again.
 *
 * @module
 */
import { NOROUTER } from "../harness/scene/mesh.ts";
import { e2e } from "../harness/scene/scene.ts";

const PTY = `
import os, pty, select, sys
pid, terminal = pty.fork()
if pid == 0: os.execvp(sys.argv[1], sys.argv[1:])
while True:
    ready, _, _ = select.select([0, terminal], [], [])
    for source, sink in ((0, terminal), (terminal, 1)):
        if source not in ready: continue
        try: data = os.read(source, 65536)
        except OSError: data = b""
        if not data: sys.exit(0)
        os.write(sink, data)
`;

/** Reads what the agent writes, and does something to it. */
/** A terminal for all that is said, with nobody who types: as `docker exec -t` is. */
const SCREEN = `
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0: os.execvp(sys.argv[1], sys.argv[1:])
try:
    while data := os.read(terminal, 65536): os.write(1, data)
except OSError: pass
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;
const FILTER = `
import os, subprocess, sys
agent = subprocess.Popen(sys.argv[2:], stdout=subprocess.PIPE)
while True:
    data = os.read(agent.stdout.fileno(), 65536)
    if not data: break
    data = eval(sys.argv[1], {"data": data, "os": os, "sys": sys})
    os.write(1, data)
`;
const filter = (script: string) => ["python3", "-c", FILTER, script];
const TEXT = `(sleep 1; echo 'clock skew!'; sleep 9) & exec "$@"`;

const WAYS: [what: string, prefix: readonly string[], said: RegExp][] = [
  ["a terminal", ["python3", "-c", PTY], /what is sent comes back, as from a terminal/],
  ["a screen", ["python3", "-c", SCREEN], /status 1: .*standard input is a terminal/],
  [
    "a reason on the standard output",
    ["sh", "-c", "echo 'OCI runtime exec failed: no such file'; exit 126"],
    /exited with status 126: OCI runtime exec failed: no such file/,
  ],
  ["text in between", ["sh", "-c", TEXT, "sh"], /this is text/],
  ["a loss of NUL", filter(`data.replace(bytes([0]), b"")`), /lost or changed/],
  ["a loss of bytes", filter(`data[:50] + data[60:]`), /bytes were lost/],
  ["an end", filter(`os.write(1, data[:50]) and sys.exit(0)`), /ended inside a frame/],
];

for (const [what, prefix, said] of WAYS) {
  e2e(`${what} on the way is named, and the link tried again`, async (scene) => {
    const [near, far] = [await scene.namespace(), await scene.namespace()];
    const agent = [...prefix, ...NOROUTER];
    const manifest = `
hostTemplate: { stateDir: { disable: true }, connectTimeout: 3s }
hosts:
  local: {}
  odd: { cmd: ${JSON.stringify(far.command(...agent))} }
`;
    const manager = await scene.manager(manifest, near);
    await manager.line(new RegExp(`odd .*(${said.source}).*trying again`));
    await manager.line(new RegExp(`odd .*(${said.source}).*(trying again|Ready again)`));
  }, { needs: ["python3"] });
}
