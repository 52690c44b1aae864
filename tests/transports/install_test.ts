/**
 * Agents that install themselves, end to end: the manager of this checkout, a real sshd,
 * and behind it a machine on which there is neither Deno nor NoRouter.
 *
 * @module
 */
import assert from "node:assert/strict";
import { curl } from "../harness/web/curl.ts";
import { executableIn } from "../harness/packages/executable.ts";
import { NOROUTER, readyLine } from "../harness/scene/mesh.ts";
import { descendants } from "../harness/scene/proc.ts";
import { kill, type Process } from "../harness/scene/process.ts";
import { e2e, type Scene } from "../harness/scene/scene.ts";
import { SSH_NEEDS, SshMachine } from "../harness/engines/sshd.ts";
import { withoutTerminal } from "../harness/scene/terminal.ts";
import { until } from "../harness/scene/wait.ts";

const NEEDS = { needs: [...SSH_NEEDS, "curl", "setsid"], limitMs: 400_000 };

/** What the agent's file and the installer need there. */
const TOOLS = [
  ...["sh", "cat", "chmod", "dd", "df", "find", "head", "id", "ls", "mkdir", "mv"],
  ...["readlink", "rm", "sha256sum", "sleep", "tr", "uname", "wc"],
];

/** The machine behind sshd, and what this one sends to it. */
class Far {
  readonly near: SshMachine;
  readonly home: string;
  readonly ssh: Readonly<Record<string, unknown>>;
  readonly #scene: Scene;
  readonly #agents: string;

  private constructor(
    scene: Scene,
    near: SshMachine,
    { home, ssh, agents }: Pick<Far, "home" | "ssh"> & { agents: string },
  ) {
    this.#scene = scene;
    this.near = near;
    this.home = home;
    this.ssh = ssh;
    this.#agents = agents;
  }

  /** `config` is of sshd; the default starts a shell with the tools and a home of its own. */
  static async make(scene: Scene, config?: string): Promise<Far> {
    const folder = await scene.folder();
    const [tools, home, agents] = ["tools", "far", "agents"].map((name) =>
      `${folder}/${name}`
    );
    for (const path of [tools!, home!, agents!]) await Deno.mkdir(path);
    await Deno.chmod(home!, 0o700);
    for (const tool of TOOLS) await Deno.symlink(pathOf(tool), `${tools}/${tool}`);
    // One that says that there is no Deno, wherever else the machine has it.
    await Deno.writeTextFile(`${tools}/deno`, "#!/bin/sh\nexit 127\n", { mode: 0o755 });
    const { file } = await executableIn(folder);
    await Deno.rename(file, `${agents}/norouter-linux-${ARCHITECTURE}`);

    const near = await SshMachine.make(scene);
    const sshd = await near.sshd({
      config: `${config ?? ""}\nSetEnv PATH=${tools} HOME=${home}`,
    });
    await near.trust(sshd);
    const identity = await near.key("mine");
    await near.authorize(identity);
    await scene.server(near.machine, "http", 80, "far");
    const ssh = { host: `root@127.0.0.1:${sshd.port}`, identity };
    return new Far(scene, near, { home: home!, ssh, agents: agents! });
  }

  /** A manager whose host `far` is behind ssh. */
  async manager(more: Record<string, unknown> = {}): Promise<Process> {
    const manifest = {
      hostTemplate: { stateDir: { disable: true } },
      hosts: {
        local: { vip: "127.0.42.100" },
        far: {
          vip: "127.0.42.101",
          ports: ["8080:127.0.0.1:80"],
          ssh: this.ssh,
          loopback: { disable: true }, // it has local's network
          ...more,
        },
      },
    };
    const path = `${await this.#scene.folder()}/mesh.yaml`;
    await Deno.writeTextFile(path, JSON.stringify(manifest));
    return this.#scene.start("manager", [...NOROUTER, path], {
      namespace: withoutTerminal(this.near.machine),
      env: { NO_COLOR: "1", NOROUTER_AGENTS: this.#agents },
    });
  }

  /** What is kept there. */
  async kept(place = ".cache/norouter"): Promise<string[]> {
    const names = await Array.fromAsync(Deno.readDir(`${this.home}/${place}`));
    return names.map(({ name }) => name.replace(/[0-9a-f]{16}/, "HASH")).sort();
  }

  async assertReached(): Promise<void> {
    const answer = await curl(this.near.machine, "http://127.0.42.101:8080/x");
    assert.equal(answer, "far /x");
  }
}

const ARCHITECTURE = Deno.build.arch === "aarch64" ? "arm64" : "x64";

function pathOf(program: string): string {
  for (const folder of ["/usr/bin", "/bin", "/usr/sbin", "/sbin"]) {
    try {
      if (Deno.statSync(`${folder}/${program}`).isFile) return `${folder}/${program}`;
    } catch { /* not here */ }
  }
  throw new Error(`no ${program} on this machine`);
}

async function ended(manager: Process): Promise<void> {
  manager.signal("SIGTERM");
  assert.equal((await manager.end()).code, 0);
}

e2e(
  "an agent installs itself behind ssh, is found later, and carries curl",
  async (scene) => {
    const far = await Far.make(scene);
    const seconds: string[] = [];
    for (const what of ["cold", "warm"]) {
      const began = performance.now();
      const manager = await far.manager();
      await manager.line(readyLine("far"), { limitMs: 60_000 });
      seconds.push(`${((performance.now() - began) / 1000).toFixed(2)} s`);
      assert.equal(/agent was sent: \d+\.\d MB/.test(manager.since()), what === "cold");
      await far.assertReached();
      await ended(manager);
    }
    assert.match((await far.kept()).join(), /^HASH,agent-HASH-\d+$/);
    console.log(
      `ready behind ssh with nothing installed in ${seconds[0]}, then in ${seconds[1]}`,
    );
  },
  NEEDS,
);

e2e("a banner and a login that talks are shown, and do no harm", async (scene) => {
  const folder = await scene.folder();
  await Deno.writeTextFile(`${folder}/banner`, "Authorized users only\n");
  const far = await Far.make(scene, `Banner ${folder}/banner`);
  // sshd's shell for a command is bash, which reads this.
  await Deno.writeTextFile(
    `${far.home}/.bashrc`,
    `echo "Welcome to $USER"; echo "loaded" >&2; printf '\\033]0;title\\007'\n`,
  );
  const manager = await far.manager({ installPath: "~/my agents" });
  await manager.line(readyLine("far"), { limitMs: 60_000 });
  await manager.line(/far .*Welcome to root/);
  await manager.line(/far .*Authorized users only/);
  await manager.line(/far .*loaded/);
  await far.assertReached();
  assert.match((await far.kept("my agents")).join(), /^HASH,agent-HASH-\d+$/);
  await ended(manager);
}, NEEDS);

e2e(
  "a link that is cut while the agent is sent begins anew, and leaves nothing",
  async (scene) => {
    const far = await Far.make(scene);
    // The first who is sent the agent takes a part, and then nothing comes.
    const tools = `${await scene.folder()}/tools`;
    await Deno.remove(`${tools}/head`);
    await Deno.writeTextFile(
      `${tools}/head`,
      `#!/bin/sh
if [ "$2" -gt 100000 ] && mkdir "$HOME/cut" 2>/dev/null; then dd bs=65536 count=1 2>/dev/null; exec cat >/dev/null; fi
exec ${pathOf("head")} "$@"
`,
      { mode: 0o755 },
    );
    const manager = await far.manager();
    await until("a part to be there", () => {
      return Array.from(Deno.readDirSync(far.home), ({ name }) => name).includes("cut");
    }, { limitMs: 60_000 });
    const [part] = await far.kept();
    assert.match(part!, /^part-/);
    const clients = descendants(manager.pid).filter((pid) =>
      Deno.readTextFileSync(`/proc/${pid}/comm`) === "ssh\n"
    );
    assert.equal(clients.length, 1);
    kill(clients[0]!, "SIGKILL");
    await manager.line(/link to "far".*SIGKILL/);
    await manager.line(readyLine("far"), { limitMs: 60_000 });
    await far.assertReached();
    await ended(manager);
    assert.match((await far.kept()).join(), /^HASH,agent-HASH-\d+$/);
  },
  NEEDS,
);
