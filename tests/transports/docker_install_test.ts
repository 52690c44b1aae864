/**
 * Hosts on which nothing was installed: the agent is sent to containers and to a machine
 * behind ssh, by a manager that is itself only the portable executable.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type Container, dockerTest } from "../harness/engines/docker.ts";
import { busyboxRoot } from "../harness/engines/image_root.ts";
import { readyLine } from "../harness/scene/mesh.ts";
import type { Process } from "../harness/scene/process.ts";
import { run } from "../harness/scene/process.ts";
import type { Scene } from "../harness/scene/scene.ts";
import { SSH_NEEDS, SshMachine } from "../harness/engines/sshd.ts";
import { withoutTerminal } from "../harness/scene/terminal.ts";
import { until } from "../harness/scene/wait.ts";

/** What the script needs of a host behind ssh; there is no Deno. */
const TOOLS = [
  "sh",
  "cat",
  "chmod",
  "dd",
  "head",
  "id",
  "kill",
  "ls",
  "mkdir",
  "mv",
  "rm",
];
const MORE_TOOLS = ["sha256sum", "sleep", "tail", "tr", "uname", "wc"];

/** The manager is the executable, in the namespace and with the home of a test. */
function startManager(
  scene: Scene,
  near: SshMachine,
  file: string,
  manifest: string,
): Process {
  return scene.start("manager", [file, manifest], {
    namespace: withoutTerminal(near.machine),
    env: { NO_COLOR: "1", HOME: near.home, NOROUTER_CACHE: `${near.home}/cache` },
  });
}

async function ended(manager: Process): Promise<void> {
  manager.signal("SIGTERM");
  assert.equal((await manager.end()).code, 0);
}

function get(container: Container, url: string): Promise<string> {
  return container.exec("wget", "-qO-", url);
}

dockerTest(
  "one command joins this machine, two containers and a machine behind ssh that have nothing",
  async (docker, scene, { file }) => {
    const base = await scene.folder();
    await busyboxRoot(`${base}/busybox`);
    await Deno.mkdir(`${base}/busybox/www`);
    await Deno.writeTextFile(`${base}/busybox/www/name`, "busybox");
    // A web server, and no shell.
    await Deno.mkdir(`${base}/bare/www`, { recursive: true });
    await Deno.copyFile(`${base}/busybox/bin/busybox`, `${base}/bare/www/busybox`);
    await Deno.writeTextFile(`${base}/bare/www/name`, "bare");
    const serve = ["httpd", "-f", "-p", "127.0.0.1:8000", "-h", "/www"];
    const busybox = await docker.container(await docker.image(`${base}/busybox`), serve);
    const bare = await docker.container(
      await docker.image(`${base}/bare`),
      ["/www/busybox", ...serve],
      { options: ["--user=1000:1000"] },
    );

    const near = await SshMachine.make(scene);
    const tools = `${base}/tools`;
    await Deno.mkdir(tools);
    for (const tool of [...TOOLS, ...MORE_TOOLS]) {
      const path = (await run(["sh", "-c", `command -v ${tool}`])).trim();
      const real = path.startsWith("/") ? path : `/bin/${tool}`; // one of the shell's own
      await Deno.symlink(real, `${tools}/${tool}`);
    }
    const sshd = await near.sshd({ config: `SetEnv PATH=${tools} HOME=${base}/far` });
    await Deno.mkdir(`${base}/far`, { mode: 0o700 });
    await near.trust(sshd);
    const key = await near.key("mine");
    await near.authorize(key);
    await scene.server(near.machine, "http", 8000, "far");

    const program = docker.command();
    const manifest = {
      hostTemplate: { stateDir: { disable: true } },
      hosts: {
        local: { vip: "127.0.42.100" },
        busybox: {
          vip: "127.0.42.101",
          docker: { container: busybox.name, program },
          ports: ["8080:127.0.0.1:8000"],
        },
        bare: {
          vip: "127.0.42.102",
          docker: { container: bare.name, program },
          installPath: "/opt/agents", // neither folder is there
          ports: ["8080:127.0.0.1:8000"],
        },
        far: {
          vip: "127.0.42.103",
          ssh: { host: `root@127.0.0.1:${sshd.port}`, identity: key },
          loopback: { disable: true }, // the same machine as local
          ports: ["8080:127.0.0.1:8000"],
        },
      },
    };
    const path = `${base}/mesh.yaml`;
    await Deno.writeTextFile(path, JSON.stringify(manifest));

    const times: number[] = [];
    for (const what of ["cold", "warm"]) {
      const began = performance.now();
      const manager = startManager(scene, near, file, path);
      for (const name of Object.keys(manifest.hosts)) await manager.line(readyLine(name));
      await manager.line(/Every host is ready: 4/);
      times.push(performance.now() - began);
      const said = manager.since();
      assert.equal(/agent was sent/.test(said), what === "cold", said);
      const copying = /copying the agent to \/opt\/agents\/norouter-agent-[0-9a-f]{16},/;
      assert.equal(copying.test(said), what === "cold", said);

      const curl = (url: string) =>
        run(near.machine.command("curl", "-sS", "-m", "20", "--fail", url));
      assert.equal(await curl("http://127.0.42.101:8080/name"), "busybox");
      assert.equal(await curl("http://127.0.42.102:8080/name"), "bare");
      assert.equal(await curl("http://127.0.42.103:8080/x"), "far /x");
      assert.equal(await get(busybox, "http://127.0.42.102:8080/name"), "bare");
      assert.equal(await get(busybox, "http://127.0.42.103:8080/y"), "far /y");
      await ended(manager);
    }
    const [cold, warm] = times.map((ms) => `${(ms / 1000).toFixed(1)} s`);
    console.log(
      `four hosts with nothing installed are ready in ${cold}, later in ${warm}`,
    );
  },
  { needs: ["curl", "busybox", "chroot", ...SSH_NEEDS], limitMs: 120_000 },
);

dockerTest(
  "a container of another user, read-only but for a tmpfs, is joined, and again once restarted",
  async (docker, scene, { file }) => {
    const base = await scene.folder();
    await busyboxRoot(`${base}/busybox`);
    await Deno.mkdir(`${base}/busybox/www`);
    await Deno.writeTextFile(`${base}/busybox/www/name`, "busybox");
    const container = await docker.container(
      await docker.image(`${base}/busybox`),
      ["httpd", "-f", "-p", "127.0.0.1:8000", "-h", "/www"],
      { options: ["--read-only", "--user=1000:1000", "--tmpfs=/tmp:exec,mode=1777"] },
    );
    const near = await SshMachine.make(scene);
    const manifest = {
      hostTemplate: { stateDir: { disable: true } },
      hosts: {
        local: { vip: "127.0.42.100" },
        web: {
          vip: "127.0.42.101",
          docker: { container: container.name, user: 1000, program: docker.command() },
          ports: ["8080:127.0.0.1:8000"],
        },
      },
    };
    const path = `${base}/mesh.yaml`;
    await Deno.writeTextFile(path, JSON.stringify(manifest));
    const manager = startManager(scene, near, file, path);
    await manager.line(readyLine("web"));
    const url = "http://127.0.42.101:8080/name";
    const curl = near.machine.command("curl", "-sS", "-m", "20", "--fail", url);
    assert.equal(await run(curl), "busybox");
    assert.match(await container.exec("ls", "/tmp/norouter-1000"), /agent-/);

    await run(docker.command("stop", "--time=1", container.name));
    await manager.line(/web .*(The link to "web" ended|Cannot open a link to "web")/);
    await run(docker.command("start", container.name));
    await manager.line(/web .*Ready again/);
    await until("an answer", async () => {
      return await run(curl).catch(() => "") === "busybox";
    });
    await ended(manager);
  },
  { needs: ["curl", "busybox", "chroot", ...SSH_NEEDS], limitMs: 120_000 },
);
