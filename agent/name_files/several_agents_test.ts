// Several agents that write their names into the same files.
import assert from "node:assert/strict";
import { entries, HOSTS, isUnix, scene } from "./_scene.ts";
import type { NameFilesOptions } from "./name_files.ts";

for (const last of ["\n", ""]) {
  for (const isFirstFirst of [true, false]) {
    const order = isFirstFirst ? "first" : "last";
    const end = last ? "" : ", in a file without an end of its last line";
    scene(
      `of two agents the one that came ${order} ends, and the other's names stay${end}`,
      "127.0.0.1 localhost" + last,
      async ({ folder, write, hosts, warnings }) => {
        const stateDir = { path: `${folder}/state` };
        const read = (name: string) => Deno.readTextFileSync(`${folder}/state/${name}`);
        const both = [
          await write({ stateDir, names: { web: "127.0.42.1", one: "127.0.42.2" } }),
          await write({ stateDir, names: { web: "127.0.43.1", two: "127.0.43.2" } }),
        ];
        const ones = ["127.0.42.1 web", "127.0.42.2 one"];
        const twos = ["127.0.43.1 web", "127.0.43.2 two"];
        for (const text of [hosts(), read("hosts")]) {
          assert.deepEqual(entries(text), ["127.0.0.1 localhost", ...twos, ...ones]);
          assert.equal(text.split("# <Added-by-NoRouter>").length, 2);
        }
        assert.deepEqual(entries(read("hostaliases")), [
          "web 127.0.43.1.nip.io",
          "two 127.0.43.2.nip.io",
          "one 127.0.42.2.nip.io",
        ]);
        const left = isFirstFirst ? twos : ones;
        await both[isFirstFirst ? 0 : 1]!.restore();
        for (const text of [hosts(), read("hosts")]) {
          assert.deepEqual(entries(text), ["127.0.0.1 localhost", ...left]);
        }
        assert.deepEqual(
          entries(read("hostaliases")),
          left.map((line) => line.replace(/(\S+) (\S+)/, "$2 $1.nip.io")),
        );
        await both[isFirstFirst ? 1 : 0]!.restore();
        assert.equal(hosts(), "127.0.0.1 localhost" + last);
        assert.deepEqual(entries(read("hosts")), ["127.0.0.1 localhost"]);
        assert.equal(read("hostaliases"), "");
        assert.deepEqual(warnings, []);
      },
    );
  }
}

scene(
  "agents that begin and end at the same moment lose nobody's names",
  HOSTS,
  async ({ folder, write, hosts, warnings }) => {
    const stateDir = { path: `${folder}/state` };
    const numbers = Array.from({ length: 8 }, (_, number) => number);
    const all = await Promise.all(
      numbers.map((number) =>
        write({ stateDir, names: { [`host${number}`]: `127.0.42.${number}` } })
      ),
    );
    const names = numbers.map((number) => `127.0.42.${number} host${number}`);
    assert.deepEqual(entries(hosts()).slice(2).sort(), names);
    const state = () => Deno.readTextFileSync(`${folder}/state/hosts`);
    assert.deepEqual(entries(state()).slice(2).sort(), names);
    await Promise.all(all.slice(1).map((files) => files.restore()));
    assert.deepEqual(entries(hosts()).slice(2), names.slice(0, 1));
    assert.deepEqual(entries(state()).slice(2), names.slice(0, 1));
    await all[0]!.restore();
    assert.equal(hosts(), HOSTS);
    assert.deepEqual(warnings, []);
  },
  { ignore: !isUnix },
);

scene(
  "the names of an agent that was killed go with the next one, those of one that runs do not",
  HOSTS,
  async ({ folder, systemHosts, write, hosts }) => {
    const stateDir = { path: `${folder}/state` };
    await using other = await otherAgent({ systemHosts, stateDir });
    const both = ["127.0.42.101 web", "127.0.43.1 far"];
    const mine = await write({ stateDir, names: { web: "127.0.42.101" } });
    const state = () => Deno.readTextFileSync(`${folder}/state/hosts`);
    for (const text of [hosts(), state()]) assert.deepEqual(entries(text).slice(2), both);
    await mine.restore();
    for (const text of [hosts(), state()]) {
      assert.deepEqual(entries(text).slice(2), both.slice(1));
    }
    await other.kill();
    const next = await write({ stateDir, names: { web: "127.0.42.101" } });
    for (const text of [hosts(), state()]) {
      assert.deepEqual(entries(text).slice(2), both.slice(0, 1));
    }
    await next.restore();
    assert.equal(hosts(), HOSTS);
  },
  { ignore: Deno.build.os !== "linux" },
);

const OLD_OF = (process: number) =>
  `# <Added-by-NoRouter>\n# of the agent 1f0c3a2b, process ${process}\n` +
  `127.0.42.9 old\n# </Added-by-NoRouter>\n`;

scene(
  "what an earlier version wrote stays while its agent runs",
  HOSTS + OLD_OF(Deno.ppid),
  async ({ write, hosts }) => {
    const files = await write({ names: { web: "127.0.42.101" } });
    assert.deepEqual(entries(hosts()).slice(2), ["127.0.42.101 web", "127.0.42.9 old"]);
    await files.restore();
    assert.equal(hosts(), HOSTS + OLD_OF(Deno.ppid));
  },
  { ignore: !isUnix },
);

scene(
  "what an earlier version wrote goes once its agent has ended",
  HOSTS + OLD_OF(4_194_999),
  async ({ write, hosts }) => {
    const files = await write({ names: { web: "127.0.42.101" } });
    assert.deepEqual(entries(hosts()).slice(2), ["127.0.42.101 web"]);
    await files.restore();
    assert.equal(hosts(), HOSTS);
  },
  { ignore: !isUnix },
);

for (const [what, days] of [["stay", 3], ["go after a month", 40]] as const) {
  const date = new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10);
  scene(
    `names of an agent that counts its processes elsewhere ${what}`,
    `# <Added-by-NoRouter>\n# of the agent 1f0c3a2b, process 1 of pod-4026532001 since 9, ` +
      `${date}\n127.0.42.9 beside\n# </Added-by-NoRouter>\n`,
    async ({ write, hosts }) => {
      await (await write({ names: { web: "127.0.42.101" } })).restore();
      assert.deepEqual(entries(hosts()), days < 30 ? ["127.0.42.9 beside"] : []);
    },
  );
}

/** An agent in a process of its own, which has written its names. */
async function otherAgent(options: Partial<NameFilesOptions>) {
  const all = { names: { far: "127.0.43.1" }, writeEtcHosts: true, ...options };
  const script = `
    import { writeNameFiles } from "${new URL("./name_files.ts", import.meta.url)}";
    await writeNameFiles({ ...${JSON.stringify(all)}, warn: console.error });
    console.log("written");
    await new Response(Deno.stdin.readable).text();`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-lock", script],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  const kill = async () => {
    try {
      child.kill("SIGKILL");
    } catch { /* it has ended */ }
    await child.status;
  };
  return {
    kill,
    async [Symbol.asyncDispose]() {
      await kill();
      await Promise.all([reader.cancel(), child.stdin.close().catch(() => {})]);
    },
  };
}
