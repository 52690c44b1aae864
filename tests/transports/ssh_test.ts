/**
 * Hosts behind a real sshd: every way in, and what is said when there is none.
 *
 * @module
 */
import assert from "node:assert/strict";
import { ssh } from "../../transports/ssh.ts";
import { curl } from "../harness/web/curl.ts";
import { type Manager, NOROUTER } from "../harness/scene/mesh.ts";
import type { Namespace } from "../harness/scene/namespace.ts";
import { run } from "../harness/scene/process.ts";
import { e2e, type Scene } from "../harness/scene/scene.ts";
import { SSH_NEEDS, type Sshd, SshMachine } from "../harness/engines/sshd.ts";
import { Terminal, withoutTerminal } from "../harness/scene/terminal.ts";
import { until } from "../harness/scene/wait.ts";

const NEEDS = { needs: [...SSH_NEEDS, "curl", "setsid"] };

/**
 * What starts an agent in another namespace, for a user who has another home. The shells in
 * between are those of sshd.
 */
async function agentIn(namespace: Namespace): Promise<string[]> {
  const { denoDir } = JSON.parse(await run([Deno.execPath(), "info", "--json"]));
  return ["env", `DENO_DIR=${denoDir}`, ...namespace.command(...NOROUTER)];
}

/** A manifest of this machine and one behind ssh. */
function manifestOf(spec: unknown, more: Record<string, unknown> = {}): string {
  return JSON.stringify({
    hostTemplate: { stateDir: { disable: true } },
    hosts: {
      local: { vip: "127.0.42.100" },
      vm: { vip: "127.0.42.101", ports: ["8080:127.0.0.1:80"], ssh: spec, ...more },
    },
  });
}

/** Starts a manager without a terminal whose host `vm` is behind ssh. */
async function managerOf(
  scene: Scene,
  { machine }: SshMachine,
  ...manifest: Parameters<typeof manifestOf>
): Promise<Manager> {
  return await scene.manager(manifestOf(...manifest), withoutTerminal(machine));
}

/** Fails unless `vm` can be reached. */
async function assertReached(
  scene: Scene,
  { machine }: SshMachine,
  far: Namespace,
): Promise<void> {
  await scene.server(far, "http", 80, "vm");
  assert.equal(await curl(machine, "http://127.0.42.101:8080/x"), "vm /x");
}

/** A machine with a server that it may log in to with its key. */
async function opened(
  scene: Scene,
  options?: Parameters<SshMachine["sshd"]>[0],
): Promise<{ near: SshMachine; far: Namespace; sshd: Sshd; key: string }> {
  const near = await SshMachine.make(scene);
  const far = await scene.namespace();
  const sshd = await near.sshd(options);
  await near.trust(sshd);
  const key = await near.key("mine");
  await near.authorize(key);
  return { near, far, sshd, key };
}

e2e(
  "a machine is reached by an alias of the user's own ssh configuration",
  async (scene) => {
    const { near, far, sshd, key } = await opened(scene);
    await near.write(
      "config",
      `Host box\n  HostName 127.0.0.1\n  Port ${sshd.port}\n  IdentityFile ${key}\n`,
    );
    const agent = await agentIn(far);
    const manager = await managerOf(scene, near, { host: "box", agent });
    await manager.ready("vm");
    await assertReached(scene, near, far);
  },
  NEEDS,
);

e2e(
  "a machine is reached by a key, a port and options of the manifest",
  async (scene) => {
    const { near, far, sshd, key } = await opened(scene);
    await Deno.rename(`${near.home}/.ssh/known_hosts`, `${near.home}/elsewhere`);
    const config = await near.write(
      "mine.config",
      `UserKnownHostsFile ${near.home}/elsewhere\n`,
    );
    const manager = await managerOf(scene, near, {
      host: `ssh://root@127.0.0.1:${sshd.port}`,
      identity: key,
      config,
      options: { IdentitiesOnly: true, Compression: "yes", ServerAliveInterval: 5 },
      agent: await agentIn(far),
    });
    await manager.ready("vm");
    await assertReached(scene, near, far);
  },
  NEEDS,
);

e2e("a key of an ssh-agent opens a machine", async (scene) => {
  const { near, far, sshd, key } = await opened(scene);
  const socket = `${near.home}/agent`;
  const keys = scene.start("ssh-agent", ["ssh-agent", "-D", "-a", socket]);
  await keys.line(/SSH_AUTH_SOCK/);
  await run(["ssh-add", "-q", key], { env: { SSH_AUTH_SOCK: socket } });
  await Deno.remove(key);
  const manager = await managerOf(scene, near, {
    host: `127.0.0.1:${sshd.port}`,
    options: { IdentityAgent: socket },
    agent: await agentIn(far),
  });
  await manager.ready("vm");
  await assertReached(scene, near, far);
}, { needs: [...NEEDS.needs, "ssh-agent", "ssh-add"] });

e2e("a machine is reached through another one", async (scene) => {
  const config = "LogLevel DEBUG1\n"; // tells of forwardings
  const { near, far, sshd: gate, key } = await opened(scene, { config });
  const inner = await near.sshd();
  await near.trust(inner);
  // What the jump host needs stands in the configuration.
  await near.write(
    "config",
    `Host gate\n  HostName 127.0.0.1\n  Port ${gate.port}\n` +
      `Host *\n  IdentityFile ${key}\n`,
  );
  const manager = await managerOf(scene, near, {
    host: `127.0.0.1:${inner.port}`,
    jump: "gate",
    agent: await agentIn(far),
  });
  await manager.ready("vm");
  await gate.process.line(
    new RegExp(`server_request_direct_tcpip: .*target 127.0.0.1 port ${inner.port}`),
  );
  await assertReached(scene, near, far);
}, NEEDS);

e2e("a banner and a chatty login shell are shown, and the host works", async (scene) => {
  const banner = `${await scene.folder()}/banner`;
  await Deno.writeTextFile(banner, "Authorized use only\n");
  const { near, far, sshd, key } = await opened(scene, { config: `Banner ${banner}\n` });
  // A B is the first byte of each frame.
  await Deno.writeTextFile(`${near.home}/.bashrc`, "echo 'Bonjour, Big Box'\n");
  const manager = await managerOf(scene, near, {
    host: `127.0.0.1:${sshd.port}`,
    identity: key,
    agent: await agentIn(far),
  });
  await manager.line(/vm.*Authorized use only/);
  await manager.line(/vm.*Bonjour, Big Box/);
  await manager.ready("vm");
  await assertReached(scene, near, far);
}, NEEDS);

e2e("a ForceCommand that starts an agent is one", async (scene) => {
  const far = await scene.namespace();
  const agent = [...await agentIn(far), "agent", "--automated"].join(" ");
  const { near, sshd, key } = await opened(scene, { config: `ForceCommand ${agent}\n` });
  const spec = { host: `127.0.0.1:${sshd.port}`, identity: key };
  const manager = await managerOf(scene, near, spec, { install: "never" });
  await manager.ready("vm");
  await assertReached(scene, near, far);
}, NEEDS);

e2e("a ForceCommand that starts something else is named by its words", async (scene) => {
  const config = "ForceCommand echo 'This account is for sftp only' >&2; exit 1\n";
  const { near, sshd, key } = await opened(scene, { config });
  const spec = { host: `127.0.0.1:${sshd.port}`, identity: key };
  for (const install of ["never", "auto"]) {
    await using manager = await managerOf(scene, near, spec, { install });
    await manager.line(
      /Cannot open a link to "vm": ssh exited with status 1: This account is for sftp only/,
    );
  }
}, NEEDS);

e2e("an agent that is not there is told with what to do", async (scene) => {
  const { near, sshd, key } = await opened(scene);
  const spec = { host: `127.0.0.1:${sshd.port}`, identity: key };
  const manager = await managerOf(scene, near, spec, { install: "never" });
  await manager.line(
    /"vm": ssh exited with status 127: .*norouter: command not found.* \("norouter" cannot be/,
  );
}, NEEDS);

e2e(
  "a key that is refused ends at once with advice, without a terminal: three texts",
  async (scene) => {
    const { near, sshd } = await opened(scene);
    const locked = await near.key("locked", "open sesame");
    await near.authorize(locked);
    const folder = await scene.folder();
    const keys: readonly (readonly [identity: string, said: RegExp])[] = [
      [
        await near.key("other"),
        /there is no terminal to ask for a password; the machine does not take the key ".*\/other": add its ".pub" to/,
      ],
      [`${folder}/nowhere`, /the key ".*\/nowhere" cannot be read: No such file/],
      [locked, /the key ".*\/locked" has a passphrase, and there is no terminal/],
    ];
    for (const [identity, said] of keys) {
      const spec = { host: `127.0.0.1:${sshd.port}`, identity };
      for (const install of ["never", "auto"]) {
        await using manager = await managerOf(scene, near, spec, { install });
        // No wait for an answer, which ends after connectTimeout.
        await manager.line(
          new RegExp(
            `"vm": ssh exited with status 255: .*Permission denied.*${said.source}`,
          ),
          { limitMs: 15_000 },
        );
      }
    }
  },
  NEEDS,
);

e2e("config and identity begin in the manifest's folder", async (scene) => {
  const { near, far, sshd, key } = await opened(scene);
  const folder = `${await scene.folder()}/mesh`;
  await Deno.mkdir(`${folder}/keys`, { recursive: true });
  await Deno.rename(key, `${folder}/keys/mine`);
  await Deno.writeTextFile(
    `${folder}/ssh.config`,
    `Host box\n  HostName 127.0.0.1\n  Port ${sshd.port}\n`,
  );
  const agent = await agentIn(far);
  const spec = { host: "box", config: "ssh.config", identity: "keys/mine", agent };
  await Deno.writeTextFile(`${folder}/mesh.yaml`, manifestOf(spec));
  const manager = scene.start("manager", [...NOROUTER, `${folder}/mesh.yaml`], {
    namespace: withoutTerminal(near.machine),
    env: { NO_COLOR: "1" },
  });
  await manager.line(/Ready: vm|vm\s+Ready at/);
  await assertReached(scene, near, far);
}, NEEDS);

const OTHER = /another command than the one.*"install: never"/.source;
for (
  const [what, command, said] of [
    ["ends", "exit 0", `ssh exited with status 0.*${OTHER}`],
    ["is an agent", undefined, `ssh exited with status 1.*${OTHER}`],
    ["sends all back", "cat", `what is sent comes back.*${OTHER}`],
    ["says nothing", "sleep 60", `has not said a word for 6 s: .*${OTHER}`],
  ] as const
) {
  e2e(`a ForceCommand that ${what} is told long before connectTimeout`, async (scene) => {
    const far = await scene.namespace();
    const agent = [...await agentIn(far), "agent", "--automated"].join(" ");
    const config = `ForceCommand ${command ?? agent}\n`;
    const { near, sshd, key } = await opened(scene, { config });
    const spec = { host: `127.0.0.1:${sshd.port}`, identity: key };
    const manager = await managerOf(scene, near, spec, { connectTimeout: "5m" });
    await manager.line(new RegExp(said));
  }, NEEDS);
}

e2e("an unknown host key ends at once with advice, without a terminal", async (scene) => {
  const { near, sshd, key } = await opened(scene);
  await Deno.remove(`${near.home}/.ssh/known_hosts`);
  const spec = { host: `127.0.0.1:${sshd.port}`, identity: key };
  const manager = await managerOf(scene, near, spec);
  await manager.line(
    /Host key verification failed.*run ssh -T -p \d+ -i .* 127.0.0.1 -- true once/,
    { limitMs: 15_000 },
  );
  assert.doesNotMatch(manager.transcript, /no answer within/);
}, NEEDS);

e2e("a host key that is not the known one is told as what it is", async (scene) => {
  const { near, sshd, key } = await opened(scene);
  const { knownHost } = await near.sshd();
  const other = knownHost.replace(/^\S+/, `[127.0.0.1]:${sshd.port}`);
  await near.write("known_hosts", other + "\n");
  const spec = { host: `127.0.0.1:${sshd.port}`, identity: key };
  const manager = await managerOf(scene, near, spec);
  await manager.line(/Cannot open a link.*another key than the one in known_hosts/);
}, NEEDS);

e2e(
  "with a terminal, ssh asks for host key and passphrase, and is answered",
  async (scene) => {
    const { near, far, sshd } = await opened(scene);
    await Deno.remove(`${near.home}/.ssh/known_hosts`);
    const key = await near.key("locked", "open sesame");
    await near.authorize(key);
    const path = `${await scene.folder()}/terminal.yaml`;
    await Deno.writeTextFile(
      path,
      manifestOf({
        host: `127.0.0.1:${sshd.port}`,
        identity: key,
        options: { IdentitiesOnly: true },
        agent: await agentIn(far),
      }, { connectTimeout: "4s" }),
    );
    await using terminal = new Terminal([...NOROUTER, path], near.machine);
    await terminal.shows(/continue connecting \(yes\/no.*\)\? /);
    // Whoever answers may take longer than the host has.
    const late = performance.now() + 6000;
    await until("the host's time to be over", () => performance.now() > late);
    await terminal.type("yes");
    await terminal.shows(/Enter passphrase for key .*: /);
    assert.doesNotMatch(terminal.screen, /no answer within/);
    await terminal.type("open sesame");
    await terminal.shows(/vm\s+Ready at/);
    await assertReached(scene, near, far);
    assert.equal((await terminal.interrupt()).code, 0);
  },
  { needs: [...NEEDS.needs, "script"] },
);

e2e(
  "words reach the machine as they are, and so do their status and bytes",
  async (scene) => {
    const { near, sshd, key } = await opened(scene);
    const options = ssh.parse({
      host: `127.0.0.1:${sshd.port}`,
      identity: key,
      program: near.machine.command("ssh"),
    });
    const words = [
      "a b",
      "",
      "'",
      '"',
      "$HOME",
      "*",
      "\\",
      "é",
      "!x",
      "-n",
      "a\nb",
      "~",
      ";",
    ];
    const context = { host: "vm", signal: new AbortController().signal, log: () => {} };
    const link = await ssh.exec(options, ["printf", "%s\\0", ...words], context);
    await link.writable.close().catch(() => {});
    const output = await new Response(link.readable).text();
    assert.deepEqual(output.split("\0"), [...words, ""]);
    assert.equal((await link.closed).ok, true);

    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    const echo = await ssh.exec(options, ["sh", "-c", "cat; exit 7"], context);
    const writer = echo.writable.getWriter();
    await writer.write(bytes);
    await writer.close();
    assert.deepEqual(
      new Uint8Array(await new Response(echo.readable).arrayBuffer()),
      bytes,
    );
    assert.equal((await echo.closed).status, 7);
  },
  NEEDS,
);

/** Sends so many MB to a port, and waits until as many were read there. */
const UPLOAD = `
import socket, sys
c = socket.create_connection((sys.argv[1], int(sys.argv[2])))
for _ in range(int(sys.argv[3])): c.sendall(bytes(1000000))
c.shutdown(socket.SHUT_WR)
print(c.recv(100).decode())
`;
const COUNT = `
import socket
s = socket.create_server(("127.0.0.1", 80))
print("listening", flush=True)
while True:
    c, _ = s.accept()
    got = 0
    while part := c.recv(1000000): got += len(part)
    c.sendall(str(got).encode())
    c.close()
`;

e2e(
  "an upload is quick where a program without TCP_NODELAY leads to the host",
  async (scene) => {
    const { near, far, sshd, key } = await opened(scene);
    const options = { ProxyCommand: `socat - TCP:127.0.0.1:${sshd.port}` };
    const manager = await managerOf(scene, near, {
      host: `127.0.0.1:${sshd.port}`,
      identity: key,
      options,
      agent: await agentIn(far),
    });
    await manager.ready("vm");
    const python = ["python3", "-u", "-c"];
    const server = scene.start("server", [...python, COUNT], { namespace: far });
    await server.line(/listening/);
    // A window that yields to the delay would take a minute.
    const upload = [...python, UPLOAD, "127.0.42.101", "8080", "40"];
    const client = scene.start("client", upload, { namespace: near.machine });
    await client.line(/^40000000$/, { limitMs: 40_000 });
  },
  { needs: [...NEEDS.needs, "python3", "socat"], limitMs: 80_000 },
);
