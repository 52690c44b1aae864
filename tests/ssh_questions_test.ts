// Several ssh that ask on the terminal: one question at a time, and no answer is shown.
import assert from "node:assert/strict";
import { NOROUTER } from "./harness/scene/mesh.ts";
import type { Namespace } from "./harness/scene/namespace.ts";
import { run } from "./harness/scene/process.ts";
import { e2e, type Scene } from "./harness/scene/scene.ts";
import { SSH_NEEDS, SshMachine } from "./harness/engines/sshd.ts";
import { Terminal } from "./harness/scene/terminal.ts";
import { until } from "./harness/scene/wait.ts";

const NEEDS = { needs: [...SSH_NEEDS, "script"] };

/** A machine whose hosts each want a key with a passphrase of its own, and their manifest. */
async function locked(
  scene: Scene,
  secrets: Readonly<Record<string, string>>,
  more: Readonly<Record<string, unknown>> = {},
): Promise<{ near: SshMachine; path: string; keys: Record<string, string> }> {
  const near = await SshMachine.make(scene);
  const sshd = await near.sshd();
  await near.trust(sshd);
  const { denoDir } = JSON.parse(await run([Deno.execPath(), "info", "--json"]));
  const keys: Record<string, string> = {};
  const hosts: Record<string, unknown> = { local: { vip: "127.0.42.100" } };
  for (const [at, [name, secret]] of Object.entries(secrets).entries()) {
    keys[name] = await near.key(`key-${name}`, secret);
    await near.authorize(keys[name]);
    const far: Namespace = await scene.namespace();
    hosts[name] = {
      vip: `127.0.42.${101 + at}`,
      connectTimeout: "4s",
      ssh: {
        host: `127.0.0.1:${sshd.port}`,
        identity: keys[name],
        options: { IdentitiesOnly: true },
        agent: ["env", `DENO_DIR=${denoDir}`, ...far.command(...NOROUTER)],
      },
    };
  }
  const path = `${await scene.folder()}/questions.yaml`;
  const manifest = {
    hostTemplate: { stateDir: { disable: true } },
    hosts: { ...hosts, ...more },
  };
  await Deno.writeTextFile(path, JSON.stringify(manifest));
  return { near, path, keys };
}

/** The command lines of the ssh that use its keys. */
function clientsOf({ home }: SshMachine): string[] {
  return [...Deno.readDirSync("/proc")].flatMap(({ name }) => {
    try {
      const words = Deno.readTextFileSync(`/proc/${name}/cmdline`).split("\0");
      return words[0]?.endsWith("ssh") && words.some((word) => word.startsWith(home))
        ? [words.join(" ")]
        : [];
    } catch {
      return []; // no process, or one that has ended
    }
  });
}

/** The host whose question came last. */
function asked(screen: string): string | undefined {
  return [...screen.matchAll(/Enter passphrase for key '\S*\/key-(\w+)'/g)].at(-1)?.[1];
}

/** Ways to be started: by a terminal itself, and by a shell that continues what stopped. */
const STARTS: Readonly<Record<string, readonly string[]>> = {
  "a session of its own": [],
  "a shell with jobs": [
    ...["bash", "-c", `set -m; "$@"; s=$?; stty -a; exit $s`, "bash"],
  ],
};

for (const [start, around] of Object.entries(STARTS)) {
  e2e(
    `in ${start}, two keys are asked for one after the other, and no answer is shown`,
    async (scene) => {
      const secrets: Record<string, string> = { office: "open sesame", lab: "barley" };
      const far = await scene.namespace();
      // It asks nothing, and waits for nobody; only its line does.
      const plain = { vip: "127.0.42.109", cmd: far.command(...NOROUTER) };
      const { near, path } = await locked(scene, secrets, { plain });
      await using terminal = new Terminal([...around, ...NOROUTER, path], near.machine);
      const seen: string[] = [];
      for (let turn = 0; turn < 2; turn++) {
        await terminal.shows(/(office|lab) +asks on the terminal\r?\n/);
        await terminal.shows(/Enter passphrase for key '[^']*': /);
        const { screen } = terminal;
        const name = asked(screen)!;
        const said = [...screen.matchAll(/(\w+) +asks on the terminal/g)].at(-1)?.[1];
        assert.equal(said, name, screen);
        assert.ok(!seen.includes(name), screen);
        seen.push(name);
        // Whoever answers may take longer than the hosts have.
        const late = performance.now() + 5000;
        await until("the hosts' time to be over", () => performance.now() > late);
        assert.equal(terminal.screen, screen, "something covers the question");
        // One that is wrong is asked for again, in the same turn.
        await terminal.type("wrong" + name);
        await terminal.shows(/Enter passphrase for key '[^']*': /);
        assert.equal(asked(terminal.screen), name, terminal.screen);
        await terminal.type(secrets[name]!);
      }
      await terminal.shows(/Every host is ready: 4/);
      assert.doesNotMatch(terminal.screen, /sesame|barley|wrong/);
      assert.doesNotMatch(terminal.screen, /no answer within|trying again/);
      const ready = /plain\s+Ready at \S+ after ([\d.]+) (m?s)/.exec(terminal.screen)!;
      assert.ok(ready[2] === "ms" || Number(ready[1]) < 4, ready[0]);
      assert.equal((await terminal.interrupt()).code, 0);
      if (around.length > 0) assert.match(terminal.screen, / echo /);
    },
    NEEDS,
  );

  e2e(
    `in ${start}, Ctrl-C at a question ends all that ask, and wait for it`,
    async (scene) => {
      const { near, path } = await locked(scene, { office: "a", lab: "b", shop: "c" });
      await using terminal = new Terminal([...around, ...NOROUTER, path], near.machine);
      await terminal.shows(
        /asks on the terminal\r?\n[^]*Enter passphrase for key '[^']*': /,
      );
      const begun = performance.now();
      const { code } = await terminal.interrupt();
      assert.equal(code, 0, terminal.screen);
      assert.ok(performance.now() - begun < 5000);
      assert.match(terminal.screen, /Ending the mesh \(SIGINT\)/);
      assert.deepEqual(clientsOf(near), []);
    },
    NEEDS,
  );
}
