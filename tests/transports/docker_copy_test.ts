/**
 * Containers without a shell, to which the agent is copied: only where nobody else can
 * exchange it, and only what was copied runs.
 *
 * @module
 */
import assert from "node:assert/strict";
import { dockerTest } from "../harness/engines/docker.ts";
import { Centre } from "../harness/engines/reached.ts";
import { ReachedMesh } from "../harness/engines/reached_mesh.ts";
import { SSH_NEEDS } from "../harness/engines/sshd.ts";
import { NOROUTER, readyLine } from "../harness/scene/mesh.ts";
import { run } from "../harness/scene/process.ts";

const OLD = "norouter-agent-00000000000000aa";

dockerTest(
  "a container without a shell keeps the agent where others cannot change it, checked each time",
  async (docker, scene, { folder }) => {
    const base = await scene.folder();
    for (const path of ["bin", "open", "open/in", `keep/${OLD}/lib`, "keep"]) {
      await Deno.mkdir(`${base}/root/${path}`, { recursive: true });
    }
    await Deno.writeTextFile(`${base}/root/keep/${OLD}.ok`, "old");
    await Deno.chmod(`${base}/root/open`, 0o777);
    const busybox = (await run(["which", "busybox"])).trim();
    await Deno.copyFile(busybox, `${base}/root/bin/busybox`);
    const image = await docker.image(`${base}/root`);
    const container = await docker.container(image, ["/bin/busybox", "sleep", "600"]);
    await Deno.mkdir(`${base}/agents`);
    await Deno.rename(folder, `${base}/agents/norouter-linux-x64`);

    const path = `${base}/mesh.yaml`;
    const start = async (installPath: string) => {
      const manifest = {
        hostTemplate: { stateDir: { disable: true }, loopback: { disable: true } },
        hosts: {
          local: { vip: "127.0.42.100", http: { listen: "127.0.0.1:18080" } },
          bare: {
            vip: "127.0.42.101",
            docker: { container: container.name, program: docker.command() },
            ports: ["8080:127.0.0.1:80"],
            installPath,
          },
        },
      };
      await Deno.writeTextFile(path, JSON.stringify(manifest));
      const namespace = await scene.namespace();
      const env = { NO_COLOR: "1", NOROUTER_AGENTS: `${base}/agents` };
      return scene.start("manager", [...NOROUTER, path], { env, namespace });
    };
    const end = async (manager: Awaited<ReturnType<typeof start>>) => {
      manager.signal("SIGTERM");
      await manager.end();
    };

    const refused = await start("/open/in");
    await refused.line(
      /cannot be kept in \/open\/in\/norouter-agent-\w+: others may change it: \/open is of user 0, with mode 0777/,
    );
    await end(refused);

    const copies = /copying the agent to \/keep\/norouter-agent-[0-9a-f]{16},/;
    for (const what of ["cold", "warm", "damaged"]) {
      if (what === "damaged") {
        const [name] = (await container.exec("/bin/busybox", "ls", "/keep")).split("\n");
        await Deno.writeTextFile(`${base}/cli.js`, "throw new Error('another');\n");
        const there = `${container.name}:/keep/${name}/app/cli.js`;
        await run(docker.command("cp", `${base}/cli.js`, there));
      }
      const manager = await start("/keep");
      await manager.line(readyLine("bare"), { limitMs: 60_000 });
      assert.equal(copies.test(manager.since()), what !== "warm", what);
      await end(manager);
    }
    assert.doesNotMatch(await container.exec("/bin/busybox", "ls", "/keep"), /0000aa/);
  },
  { needs: ["busybox"], limitMs: 240_000 },
);

dockerTest(
  "on the way back to a container without a shell nothing is run that others may change",
  async (docker, scene, { folder }) => {
    const centre = await Centre.make(scene);
    const base = await scene.folder();
    await Deno.mkdir(`${base}/root/bin`, { recursive: true });
    const busybox = (await run(["which", "busybox"])).trim();
    await Deno.copyFile(busybox, `${base}/root/bin/busybox`);
    const image = await docker.image(`${base}/root`);
    const container = await docker.container(image, ["/bin/busybox", "sleep", "600"]);
    const inside = (...words: string[]) => container.exec("/bin/busybox", ...words);

    // Modes of the manager's side that let others in.
    const agents = `${base}/agents/norouter-linux-x64`;
    await Deno.mkdir(`${base}/agents`);
    await Deno.rename(folder, agents);
    for (const name of ["app", "lib"]) await Deno.chmod(`${agents}/${name}`, 0o777);
    await Deno.copyFile(`${agents}/app/cli.js`, `${base}/cli.js`); // which is shared
    await Deno.chmod(`${base}/cli.js`, 0o666);
    await Deno.rename(`${base}/cli.js`, `${agents}/app/cli.js`);

    const mesh = await ReachedMesh.start(scene, centre, {
      ways: [await centre.container(docker, container, "bare")],
      program: ["env", `NOROUTER_AGENTS=${base}/agents`, ...NOROUTER],
    });
    await mesh.ready();
    const [name] = /norouter-agent-[0-9a-f]{16}$/m.exec(await inside("ls", "/"))!;
    const home = `/${name}`;
    const modes = async () => {
      const paths = ["", "/app", "/lib", "/ld.so", "/app/cli.js"];
      const all = paths.map((path) => home + path);
      return (await inside("stat", "-c", "%a %u", ...all)).trim().split("\n");
    };
    const plain = ["755 0", "755 0", "755 0", "755 0", "644 0"];
    assert.deepEqual(await modes(), plain);

    const flow = await mesh.flow("local", "bare");
    const ready = mesh.manager.mark;
    for (let time = 0; time < 2; time++) {
      const { resumed, ms } = await mesh.strike("bare");
      assert.equal(resumed, true);
      console.log(`attached after ${ms} ms`);
    }
    const copies = /copying the agent to/;
    assert.doesNotMatch(mesh.manager.since(ready), copies);

    await inside("chown", "1000", `${home}/app/cli.js`);
    const { mark } = mesh.manager;
    assert.equal((await mesh.strike("bare")).resumed, true);
    assert.match(mesh.manager.since(mark), copies);
    assert.deepEqual(await modes(), plain);

    await inside("chmod", "777", `${home}/lib`);
    const refused = mesh.manager.mark;
    const back = mesh.strike("bare");
    await mesh.manager.line(
      /others may change it: \/norouter-agent-\w+\/lib is of user 0, with mode 0777 \(make it root's/,
      { after: refused },
    );
    await inside("chmod", "755", `${home}/lib`);
    assert.equal((await back).resumed, true);
    await flow.areWhole();
    await mesh.end();
  },
  { needs: [...SSH_NEEDS, "busybox", "nsenter", "setsid"], limitMs: 240_000 },
);
