/**
 * Going back to an agent that is still there: a shell lends it the command's standard
 * input, output and error, or starts an agent as ever.
 *
 * @module
 */
import assert from "node:assert/strict";
import { until, within } from "../tests/harness/scene/wait.ts";
import { agentWords } from "../transports/command/words.ts";
import { docker } from "../transports/docker.ts";
import type { Link } from "../transports/mod.ts";
import {
  heard,
  hostTest,
  SHELLS,
  testAgent,
  type TestHost,
  textOfStream,
  WORDS,
} from "./_host.ts";
import { familyOf, ID, runs, StandInKeeper, startOf } from "./_keeper.ts";
import { scriptFor } from "./script.ts";

/** What an agent says that could ask the other itself. */
const WORDS_WITH_ID = WORDS.replace("says", `--attach ${ID} says`);
/** Nothing of those who lent is left. */
const OWN = ["door", "pid"];

function agentFiles() {
  const x64 = testAgent(1000);
  return { x64, arm64: x64 };
}

/** Opens a link that asks for the agent first. */
function back(host: TestHost, files = agentFiles()): Promise<Link> {
  return host.open({ files }, { context: { ...host.context, attach: ID } });
}

function random(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536) {
    crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  }
  return bytes;
}

/** The script by itself, as a process whose group nobody else ends. */
async function lender(host: TestHost) {
  const { words, text } = await scriptFor({
    files: {},
    always: false,
    attach: ID,
  });
  const [program, ...args] = host.command(words);
  const child = new Deno.Command(program!, {
    args,
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const stdin = child.stdin.getWriter();
  await stdin.write(text);
  return {
    pid: child.pid,
    kill: (signal: Deno.Signal) => child.kill(signal),
    async end() {
      const status = await within("the end", child.status);
      await stdin.close().catch(() => {});
      return { ...status, said: await textOfStream(child.stdout) };
    },
  };
}

interface Refused {
  /** Changes what the agent has left, in its folder as this machine sees it. */
  lay(folder: string, host: TestHost): Promise<void>;
  readonly words?: string;
  readonly isRemoved?: boolean;
}

const name = (pid: number, start: string) => async (folder: string) =>
  await Deno.writeTextFile(`${folder}/pid`, `${pid} ${start}\n`);

/** What has become of the agent, or of its folder. */
const REFUSED: Record<string, Refused> = {
  "its process has ended": {
    async lay(folder) {
      const child = new Deno.Command("sleep", { args: ["100"] }).spawn();
      await name(child.pid, startOf(child.pid))(folder);
      child.kill("SIGKILL");
      await child.status;
    },
    isRemoved: true,
  },
  "another process has its number": {
    lay: name(Deno.pid, `${BigInt(startOf(Deno.pid)) + 1n}`),
    isRemoved: true,
  },
  "its process is not named": {
    lay: (folder) => Deno.writeTextFile(`${folder}/pid`, ""),
  },
  "its folder is of another user": {
    lay: (folder) => Deno.chown(folder, 1501, 1501),
  },
  "the folder above is of another user": {
    lay: (folder) => Deno.chown(folder.slice(0, folder.lastIndexOf("/")), 1501, 1501),
  },
  "others may enter its folder": { lay: (folder) => Deno.chmod(folder, 0o710) },
  "its folder is a link": {
    async lay(folder, host) {
      await Deno.rename(folder, `${host.root}/elsewhere`);
      await Deno.symlink("/mnt/elsewhere", folder);
    },
  },
  "its door is a file": {
    async lay(folder) {
      await Deno.remove(`${folder}/door`);
      await Deno.writeTextFile(`${folder}/door`, "");
    },
    words: WORDS_WITH_ID,
  },
};

for (const shell of SHELLS) {
  hostTest(
    `${shell}: an agent that is still there takes all three, and gets every byte`,
    { shell },
    async (host) => {
      await using keeper = await StandInKeeper.make(`${host.root}/tmp`);
      const files = agentFiles();
      const link = await back(host, files);
      await until("its end of the FIFO to be enough", () => keeper.names.length === 2);
      await keeper.complain("said on its standard error\n");
      await until("that line", () => host.logged.includes("said on its standard error"));

      const sent = random(1 << 20);
      const writer = link.writable.getWriter();
      const got = new Blob(
        await within(
          "the bytes",
          Promise.all([
            Array.fromAsync(link.readable),
            writer.write(sent).then(() => writer.close()),
          ]).then(([chunks]) => chunks),
        ),
      );
      assert.deepEqual(await got.bytes(), sent);
      const { ok, status } = await within("the end", link.closed);
      assert.deepEqual([ok, status], [true, 0]);
      assert.equal(runs(await keeper.lender()), false);
      assert.deepEqual(keeper.names, OWN);
      // Nothing was sent, made or started for it.
      assert.equal(files.x64.reads, 0);
      assert.deepEqual(host.list("home"), []);
    },
  );

  hostTest(
    `${shell}: an agent that lets go ends the command at once`,
    { shell },
    async (host) => {
      await using keeper = await StandInKeeper.make(`${host.root}/shm`);
      const link = await back(host);
      keeper.release();
      const { status } = await within("the end", link.closed, 1000);
      assert.equal(status, 0);
      assert.deepEqual(keeper.names, OWN);
      await link.writable.close().catch(() => {});
      await link.readable.cancel();
    },
  );

  for (const signal of ["SIGHUP", "SIGINT", "SIGTERM", "SIGPIPE"] as const) {
    hostTest(
      `${shell}: ${signal} ends it while it waits for an answer, and nothing is left`,
      { shell },
      async (host) => {
        await using keeper = await StandInKeeper.make(`${host.root}/tmp`, {
          answer: "none",
        });
        const child = await lender(host);
        assert.equal(await keeper.lender(), child.pid);
        const family = await until("what limits its time", () => {
          const all = familyOf(child.pid);
          return all.length >= 3 ? all : undefined;
        });
        child.kill(signal);
        assert.equal((await child.end()).signal, signal);
        await until("all of them to end", () => !family.some(runs), { limitMs: 2000 });
        assert.deepEqual(keeper.names, OWN);
      },
    );
  }

  hostTest(
    `${shell}: a lender that is killed leaves nothing`,
    { shell },
    async (host) => {
      for (const signal of ["SIGKILL", "SIGTERM"] as const) {
        await using keeper = await StandInKeeper.make(`${host.root}/tmp`);
        const child = await lender(host);
        await keeper.lender();
        await until("its answer", () => keeper.names.length === 2);
        await until(
          "the end of what limited its time",
          () => familyOf(child.pid).length === 1,
        );
        child.kill(signal);
        const { said } = await child.end();
        assert.match(said, new RegExp(`\nnorouter-install start keep-${ID}\n$`));
        assert.deepEqual(keeper.names, OWN);
      }
    },
  );

  for (
    const [what, { lay, words = WORDS, isRemoved = false }] of Object.entries(REFUSED)
  ) {
    hostTest(
      `${shell}: ${what}: an agent is started as ever`,
      { shell },
      async (host) => {
        await using keeper = await StandInKeeper.make(`${host.root}/tmp`);
        await lay(keeper.folder, host);
        // Descriptors that were to be lent are closed by then.
        const x64 = testAgent(
          0,
          `for at in 4 5 6; do [ ! -e /proc/$$/fd/$at ] || echo "$at is open"; done`,
        );
        const link = await back(host, { x64, arm64: x64 });
        assert.equal(await heard(link), words);
        assert.deepEqual(keeper.heard, []);
        const isThere = await Deno.lstat(keeper.folder).then(() => true, () => false);
        assert.equal(isThere, !isRemoved);
      },
    );
  }

  hostTest(
    `${shell}: an agent that says no is not gone back to`,
    { shell },
    async (host) => {
      await using keeper = await StandInKeeper.make(`${host.root}/tmp`, {
        answer: "no not now",
      });
      const x64 = testAgent(
        0,
        `for at in 4 5 6; do [ ! -e /proc/$$/fd/$at ] || echo "$at is open"; done`,
      );
      assert.equal(await heard(await back(host, { x64, arm64: x64 })), WORDS);
      assert.equal(keeper.heard.length, 1);
      assert.deepEqual(keeper.names, OWN);
    },
  );

  hostTest(`${shell}: one that does not answer is given 10 s`, {
    shell,
    // Busybox's shell has one of its own, which takes its time.
    programs: { sleep: `[ "$1" = 10 ] && exec /bin/sleep 0.3` },
  }, async (host) => {
    await using keeper = await StandInKeeper.make(`${host.root}/tmp`, { answer: "none" });
    assert.equal(await heard(await back(host)), WORDS);
    assert.equal(keeper.heard.length, 1);
    assert.deepEqual(keeper.names, OWN);
  });

  hostTest(
    `${shell}: where standard input is no pipe, the program is told whom to ask`,
    { shell },
    async (host) => {
      const files = agentFiles();
      assert.equal(await host.speak({ files }), WORDS);
      await using keeper = await StandInKeeper.make(`${host.root}/tmp`);
      const { words, text } = await scriptFor({ files, always: false, attach: ID });
      const input = new Blob([text, "hello"]);
      await Deno.writeFile(`${host.root}/input`, await input.bytes());
      const [program, ...args] = host.command([
        "sh",
        "-c",
        `"$@" </mnt/input`,
        "-",
        ...words,
      ]);
      const { stdout } = await new Deno.Command(program!, { args }).output();
      assert.match(new TextDecoder().decode(stdout), new RegExp(`\n${WORDS_WITH_ID}$`));
      assert.deepEqual(keeper.heard, []);
    },
  );
}

hostTest("a host that cannot make a FIFO has the program ask", {
  without: ["mkfifo"],
}, async (host) => {
  await using keeper = await StandInKeeper.make(`${host.root}/tmp`);
  assert.equal(await heard(await back(host)), WORDS_WITH_ID);
  assert.deepEqual(keeper.heard, []);
});

hostTest("a user's own agent is found among those of others", {
  uid: 1500,
}, async (host) => {
  await using theirs = await StandInKeeper.make(`${host.root}/tmp`, { uid: 1501 });
  await using mine = await StandInKeeper.make(`${host.root}/var-tmp`, { uid: 1500 });
  await Deno.chown(`${mine.folder}/door`, 1500, 1500);
  assert.equal(await heard(await back(host)), "hello");
  assert.equal(mine.heard.length, 1);
  assert.deepEqual(theirs.heard, []);
});

hostTest("without an agent to go back to, nothing is asked", {}, async (host) => {
  await using keeper = await StandInKeeper.make(`${host.root}/tmp`);
  assert.equal(await host.speak({ files: agentFiles() }), WORDS);
  assert.deepEqual(keeper.heard, []);
});

Deno.test("a name that is not 16 hexadecimal digits reaches no shell", async () => {
  const wrong = [
    "",
    "0123456789abcde",
    `${ID}0`,
    "0123456789ABCDEF",
    "$(touch /tmp/x);#",
  ];
  for (const attach of wrong) {
    const message = /names no agent: wanted 16 hexadecimal digits/;
    await assert.rejects(scriptFor({ files: {}, always: false, attach }), { message });
    assert.throws(() => agentWords(attach), { message });
    const { signal } = new AbortController();
    const context = { host: "web", signal, log: () => {}, attach };
    await assert.rejects(docker.open(docker.parse("web"), context), { message });
  }
});
