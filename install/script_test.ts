/**
 * The script of the installation on hosts with several shells, from the first start to
 * the second, with everything that may come between.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "shlex";
import { needs } from "../tests/harness/scene/requirements.ts";
import { until, within } from "../tests/harness/scene/wait.ts";
import type { OpenContext } from "../transports/mod.ts";
import {
  heard,
  hostTest,
  SHELLS,
  testAgent,
  type TestHost,
  testPack,
  WORDS,
} from "./_host.ts";
import { openInstalled } from "./open.ts";
import { Uploads } from "./uploads.ts";
import { type HostScript, scriptFor } from "./script.ts";

const PLACE = "home/.cache/norouter";

/** An installation that was told of bytes that do not come. */
async function begin(host: TestHost): Promise<Waiting> {
  const script = await scriptFor({ files: {}, always: false });
  const waiting = new Waiting(host.command(script.words), script);
  await waiting.line(/want/);
  waiting.write("agent 100 abc name\nsome bytes");
  return waiting;
}

class Waiting {
  said = "";
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reading: Promise<void>;

  constructor([program, ...args]: string[], { text }: HostScript) {
    const pipes = { stdin: "piped", stdout: "piped" } as const;
    this.#child = new Deno.Command(program!, { args, ...pipes }).spawn();
    this.#stdin = this.#child.stdin.getWriter();
    this.#stdin.write(text);
    this.#reading = this.#child.stdout.pipeThrough(new TextDecoderStream())
      .pipeTo(new WritableStream({ write: (text) => void (this.said += text) }));
  }

  write(text: string): void {
    this.#stdin.write(new TextEncoder().encode(text));
  }

  async line(pattern: RegExp): Promise<void> {
    await until(`a line like ${pattern}`, () => pattern.test(this.said));
  }

  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  async end(): Promise<Deno.CommandStatus> {
    await this.#stdin.close().catch(() => {});
    const status = await within("the end", this.#child.status);
    await this.#reading;
    return status;
  }
}

for (const shell of SHELLS) {
  hostTest(
    `${shell}: an agent is sent once and found from then on`,
    { shell },
    async (host) => {
      const x64 = testAgent(300_000);
      const files = { x64, arm64: x64 };
      assert.equal(await host.speak({ files }), WORDS);
      assert.equal(x64.reads, 1);
      assert.deepEqual(host.list(PLACE), [`agent-${x64.name}`]);
      const { mode } = await Deno.stat(`${host.root}/${PLACE}/agent-${x64.name}`);
      assert.equal(mode! & 0o777, 0o700);
      assert.equal(host.progress.at(-1)?.done, x64.bytes);

      assert.equal(await host.speak({ files }), WORDS);
      assert.equal(x64.reads, 1);
      assert.equal(await host.speak({ files, mode: "always" }), WORDS);
      assert.equal(x64.reads, 2);
      assert.deepEqual(host.list(PLACE), [`agent-${x64.name}`]);
      assert.deepEqual(host.logged, []);
    },
  );

  hostTest(
    `${shell}: a link that is cut leaves nothing behind`,
    { shell },
    async (host) => {
      const x64 = testAgent(2_000_000);
      const stop = new AbortController();
      const cut = {
        ...x64,
        async *read() {
          let sent = 0;
          for await (const chunk of x64.read()) {
            sent += chunk.length;
            if (sent > 1_000_000 && !stop.signal.aborted) {
              await until("a part", () => host.list(PLACE).length > 0);
              stop.abort(new Error("cut"));
            }
            yield chunk;
          }
        },
      };
      const context = { ...host.context, signal: stop.signal };
      await assert.rejects(host.open({ files: { x64: cut, arm64: cut } }, { context }));
      await until("nothing to be left", () => host.list(PLACE).length === 0);
      assert.equal(await host.speak({ files: { x64, arm64: x64 } }), WORDS);
    },
  );

  for (const signal of ["SIGTERM", "SIGHUP", "SIGINT"] as const) {
    hostTest(`${shell}: it ends by ${signal}, and tidily`, { shell }, async (host) => {
      const child = await begin(host);
      await child.line(/send/);
      assert.equal(host.list(PLACE).length, 1);
      child.kill(signal);
      // A shell looks at its signals when head has ended.
      assert.equal((await child.end()).signal, signal);
      assert.deepEqual(host.list(PLACE), []);
      assert.doesNotMatch(child.said, /start|fail/);
    });
  }

  // Busybox's shell has a rm of its own, which cannot be made slow.
  if (shell !== "busybox") {
    const rm = `echo $$ >/mnt/home/removing; /bin/sleep 1; exec /bin/rm "$@"`;
    hostTest(
      `${shell}: further signals do not keep it from tidying`,
      { shell, programs: { rm } },
      async (host) => {
        const child = await begin(host);
        await child.line(/send/);
        child.kill("SIGTERM");
        const end = child.end();
        const removing = () => host.read("home/removing").trim();
        await until("its tidying", () => removing() !== "");
        // As to a group: the shell, and the program that it waits for.
        for (const signal of ["SIGHUP", "SIGTERM"] as const) {
          child.kill(signal);
          Deno.kill(Number(removing()), signal);
        }
        assert.equal((await end).signal, "SIGTERM");
        assert.deepEqual(host.list(PLACE), []);
      },
    );
  }

  hostTest(
    `${shell}: what a killed one left is removed by the next, what one does that lives is not`,
    { shell },
    async (host) => {
      const killed = await begin(host);
      await killed.line(/send/);
      killed.kill("SIGKILL");
      await killed.end();
      const [left] = host.list(PLACE);
      assert.ok(left);
      const living = await begin(host);
      await living.line(/send/);
      const [its = "", ...others] = host.list(PLACE);
      assert.deepEqual(others, []);
      assert.notEqual(its, left);

      // Of another machine nobody knows which processes live, so its age decides.
      const foreign = `${host.root}/${PLACE}/part-1.elsewhere-[1]`;
      const old = `${host.root}/${PLACE}/part-2.elsewhere-[1]`;
      for (const folder of [foreign, old]) await Deno.mkdir(folder);
      const yesterday = Date.now() / 1000 - 25 * 3600;
      await Deno.utime(old, yesterday, yesterday);
      const x64 = testAgent();
      await host.speak({ files: { x64, arm64: x64 } });
      assert.deepEqual(
        host.list(PLACE),
        [`agent-${x64.name}`, "part-1.elsewhere-[1]", its].sort(),
      );
      await living.end();
    },
  );

  hostTest(
    `${shell}: bytes that were changed on their way are not taken`,
    { shell },
    async (host) => {
      const x64 = testAgent(1000);
      const sum = "ab".repeat(32);
      const wrong = { ...x64, sha256: () => Promise.resolve(sum) };
      await assert.rejects(
        host.open({ files: { x64: wrong, arm64: wrong } }),
        new RegExp(
          `cannot install the agent: what arrived has the SHA-256 \\w{64}, not ${sum}`,
        ),
      );
      assert.deepEqual(host.list(PLACE), []);

      // And not sent again and again.
      const uploads = new Uploads();
      for (
        const why of [
          /what arrived has/,
          /is sent again in \d+ s at the soonest, .*what arrived/,
        ]
      ) {
        const files = { x64: wrong, arm64: wrong };
        await assert.rejects(host.open({ files, uploads }), { message: why });
      }
      assert.equal(host.progress.filter(({ done }) => done === 0).length, 2);
    },
  );

  hostTest(
    `${shell}: an agent whose bytes are others is sent anew, though its length is right`,
    { shell },
    async (host) => {
      const x64 = testAgent(100_000);
      const files = { x64, arm64: x64 };
      await host.speak({ files });
      for (const at of [20, 50_000, x64.bytes - 1]) {
        const before = x64.reads;
        const path = `${host.root}/${PLACE}/agent-${x64.name}`;
        const bytes = await Deno.readFile(path);
        bytes[at] = bytes[at]! ^ 1;
        await Deno.writeFile(path, bytes);
        assert.equal(await host.speak({ files }), WORDS);
        assert.equal(x64.reads, before + 1);
        assert.equal(await host.speak({ files }), WORDS);
        assert.equal(x64.reads, before + 1);
      }
    },
  );

  hostTest(
    `${shell}: an agent that looks after its rest is compared by its beginning and its folder`,
    { shell },
    async (host) => {
      const all = testAgent(100_000);
      const content = await Array.fromAsync(all.read());
      const first = (await new Blob(content as BlobPart[]).bytes()).subarray(0, 1000);
      const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", first)).toHex();
      const start = { bytes: 1000, sha256: sum, folder: "00000000000000aa" };
      all.reads = 0;
      const x64 = Object.assign(all, { start: () => Promise.resolve(start) });
      const files = { x64, arm64: x64 };
      assert.equal(await host.speak({ files }), WORDS);
      assert.equal(x64.reads, 1);
      // Without its folder all of it counts, and is right.
      assert.equal(await host.speak({ files }), WORDS);
      assert.equal(x64.reads, 1);
      const path = `${host.root}/${PLACE}/agent-${x64.name}`;
      const change = async (at: number) => {
        const bytes = await Deno.readFile(path);
        bytes[at] = bytes[at]! ^ 1;
        await Deno.writeFile(path, bytes);
      };
      await change(50_000);
      assert.equal(await host.speak({ files }), WORDS);
      assert.equal(x64.reads, 2);
      await Deno.mkdir(`${host.root}/${PLACE}/${start.folder}/used`, { recursive: true });
      await Deno.writeTextFile(`${host.root}/${PLACE}/${start.folder}/ok`, "");
      await change(50_000);
      assert.equal(await host.speak({ files }), WORDS);
      assert.equal(x64.reads, 2);
      await change(500);
      assert.equal(await host.speak({ files }), WORDS);
      assert.equal(x64.reads, 3);
    },
  );

  hostTest(
    `${shell}: a host that has no room for it yet is not given up`,
    { shell, prepare: "mount -t tmpfs -o size=16k tmpfs /mnt/home" },
    async (host) => {
      const x64 = testAgent(100_000);
      const uploads = new Uploads();
      for (let time = 0; time < 6; time++) {
        await assert.rejects(
          host.open({ files: { x64, arm64: x64 }, path: "~/x", uploads }),
          /nowhere to put it: .* it needs \d+ KB/,
        );
      }
    },
  );

  hostTest(
    `${shell}: another version takes the place of one that no process uses`,
    { shell },
    async (host) => {
      for (const x64 of [testAgent(1000), testAgent(2000)]) {
        assert.equal(await host.speak({ files: { x64, arm64: x64 } }), WORDS);
        assert.deepEqual(host.list(PLACE), [`agent-${x64.name}`]);
      }
    },
  );

  hostTest(
    `${shell}: a file that lost bytes, by a crash perhaps, is sent anew`,
    { shell },
    async (host) => {
      const x64 = testAgent(1000);
      const files = { x64, arm64: x64 };
      await host.speak({ files });
      await Deno.truncate(`${host.root}/${PLACE}/agent-${x64.name}`, 0);
      assert.equal(await host.speak({ files }), WORDS);
      assert.equal(x64.reads, 2);
    },
  );

  hostTest(
    `${shell}: what a login says is shown, also without an end of its line`,
    { shell },
    async (host) => {
      const x64 = testAgent();
      const login =
        `printf "Welcome\\r\\n"; echo "on stderr" >&2; printf "\\033]0;title"; exec "$@"`;
      const around = ["sh", "-c", login, "login"];
      assert.equal(await host.speak({ files: { x64, arm64: x64 } }, around), WORDS);
      assert.equal(await host.speak({ files: { x64, arm64: x64 } }, around), WORDS);
      await until("stderr", () => host.logged.length === 6);
      const expected = ["Welcome", "\x1b]0;title", "on stderr"].flatMap((
        line,
      ) => [line, line]);
      assert.deepEqual(host.logged.toSorted(), expected.toSorted());
    },
  );

  hostTest(`${shell}: ten managers at once`, { shell }, async (host) => {
    const x64 = testAgent(1_000_000);
    const files = { x64, arm64: x64 };
    const said = await Promise.all(
      Array.from({ length: 10 }, () => host.speak({ files, mode: "always" })),
    );
    assert.deepEqual(said, Array(10).fill(WORDS));
    assert.deepEqual(host.list(PLACE), [`agent-${x64.name}`]);
  });
}

Deno.test("any login shell hands the command on as it is, and lists show it short", async () => {
  const x64 = testAgent();
  const files = { x64, arm64: x64, pack: await testPack() };
  const { words } = await scriptFor({ files, path: "/it's \\ here!", always: true });
  for (const word of words) {
    // Quoted as ssh's transport does: a csh takes no line break in that, and expands an
    // exclamation mark all the same; fish takes two backslashes for one.
    assert.doesNotMatch(word, /['!\r\n]|\\\\|\\$/);
  }
  assert.ok(words.join(" ").length < 250);
});

hostTest("a script that is cut is not run at all", {}, async (host) => {
  const script = await scriptFor({ files: {}, always: false });
  for (const bytes of [0, 1, script.text.length / 2, script.text.length - 1]) {
    const waiting = new Waiting(host.command(script.words), {
      ...script,
      text: script.text.slice(0, bytes),
    });
    assert.equal((await waiting.end()).code, 1);
    assert.equal(
      waiting.said,
      "\nnorouter-install hello\n\nnorouter-install fail the installer did not arrive whole\n",
    );
  }
});

// The test above says the same of every shell; these two are for where they are installed.
for (const login of ["fish", "tcsh"]) {
  const isThere = needs(login).missing.length === 0;
  const sentence = `a login by ${login} hands the script on as it is`;
  if (!isThere) console.log(`left out: ${sentence}: this machine lacks ${login}`);
  else {
    hostTest(sentence, {}, async (host) => {
      const x64 = testAgent();
      const inner = host.transport();
      const transport = {
        ...inner,
        exec: (options: unknown, words: readonly string[], context: OpenContext) =>
          inner.exec!(options, [`/usr/bin/${login}`, "-c", join([...words])], context),
      };
      const files = { x64, arm64: x64 };
      const { context } = host;
      assert.equal(
        await heard(
          await openInstalled(transport, {}, { mode: "auto", files }, context),
        ),
        WORDS,
      );
    });
  }
}
