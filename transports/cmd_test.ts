import assert from "node:assert/strict";
import { cmd } from "./cmd.ts";
import { SpecError } from "./mod.ts";
import { conformance } from "./testing.ts";

/** The appended words `agent --automated` become `$0` and `$1`. */
const shell = (script: string) => cmd.parse(["sh", "-c", script]);

// The other ends are shell scripts, and Windows has no `sh`.
const ignore = Deno.build.os === "windows";

if (!ignore) {
  conformance("cmd", {
    echo: (context) => cmd.open(shell("exec cat"), context),
    failing: (context, lines, status) =>
      cmd.open(
        shell(lines.map((line) => `echo '${line}' >&2\n`).join("") + `exit ${status}`),
        context,
      ),
  });
}

function context(log: (line: string) => void = () => {}) {
  return { host: "web", signal: new AbortController().signal, log };
}

async function textOf(readable: ReadableStream<Uint8Array>) {
  return await new Response(readable as ReadableStream<Uint8Array<ArrayBuffer>>).text();
}

Deno.test("a command's string is split as a shell would", () => {
  const table: [string, string[]][] = [
    ["docker exec -i web norouter", ["docker", "exec", "-i", "web", "norouter"]],
    [`ssh box "/opt/my tools/norouter"`, ["ssh", "box", "/opt/my tools/norouter"]],
    [`sh -c 'a "b" c'`, ["sh", "-c", 'a "b" c']],
    ["a\\ b  c", ["a b", "c"]],
    [`a "" b`, ["a", "", "b"]],
  ];
  for (const [spec, words] of table) assert.deepEqual(cmd.parse(spec), { words }, spec);
});

Deno.test("a command's list is taken word by word", () => {
  assert.deepEqual(cmd.parse(["a b", "$c", ""]), { words: ["a b", "$c", ""] });
});

Deno.test("a wrong command is an error that says what and where", () => {
  const table: [unknown, (string | number)[], RegExp][] = [
    ["", [], /empty/],
    ["   ", [], /empty/],
    [[], [], /empty/],
    [["", "a"], [], /first word is empty/],
    ["a 'b", [], /quote is not closed: a 'b/],
    [7, [], /wanted a command or a list of words, got 7/],
    [undefined, [], /got undefined/],
    [["ssh", "-p", 2222], [2], /wanted a string, got 2222; put it in quotes/],
    [["a", "b\0"], [1], /NUL/],
    ["a\0", [], /NUL/],
  ];
  for (const [spec, path, message] of table) {
    assert.throws(() => cmd.parse(spec), (error) => {
      assert(error instanceof SpecError);
      assert.deepEqual(error.path, path);
      assert.match(error.message, message);
      return true;
    });
  }
});

Deno.test("a command is described as one could type it", () => {
  assert.equal(cmd.describe(cmd.parse(["ssh", "a b", "x"])), "ssh 'a b' x");
});

Deno.test("the words that start the agent are appended", { ignore }, async () => {
  const link = await cmd.open(cmd.parse(["printf", "%s\\n", "a b"]), context());
  await link.writable.close().catch(() => {});
  assert.equal(await textOf(link.readable), "a b\nagent\n--automated\n");
  assert.equal((await link.closed).ok, true);
});

Deno.test("they name the agent to go back to", { ignore }, async () => {
  const attach = "0123456789abcdef";
  const link = await cmd.open(cmd.parse("echo"), { ...context(), attach });
  await link.writable.close().catch(() => {});
  assert.equal(await textOf(link.readable), `agent --automated --attach ${attach}\n`);
  assert.equal((await link.closed).ok, true);
});

Deno.test(
  "a command that does not exist is an error that names it",
  { ignore },
  async () => {
    const open = (word: string) => cmd.open(cmd.parse([word]), context());
    await assert.rejects(
      open("no-such-norouter"),
      /cannot start no-such-norouter: no such command on PATH/,
    );
    await assert.rejects(open("/no/such/norouter"), /no such file/);
    const file = await Deno.makeTempFile();
    await assert.rejects(open(file), /not allowed to execute it/);
    await Deno.remove(file);
  },
);

Deno.test("a command killed by a signal says so", { ignore }, async () => {
  const link = await cmd.open(shell("kill -9 $$"), context());
  await Promise.allSettled([link.writable.close(), link.readable.cancel()]);
  const exit = await link.closed;
  assert.equal(exit.ok, false);
  assert.equal(exit.signal, "SIGKILL");
  assert.equal(exit.reason, "sh was ended by SIGKILL");
});

Deno.test("a command that ignores SIGTERM is killed", { ignore }, async () => {
  const link = await cmd.open(
    shell("trap '' TERM; echo up; while :; do read x || sleep 0.1; done"),
    context(),
  );
  const reader = link.readable.getReader();
  await reader.read();
  link.abort("enough");
  const started = performance.now();
  const exit = await link.closed;
  assert.equal(exit.signal, "SIGKILL");
  assert.equal(exit.reason, "enough");
  assert(performance.now() - started < 2000);
  await Promise.allSettled([reader.cancel(), link.writable.abort()]);
});

Deno.test("a grandchild that keeps the output open does not keep the link open", {
  ignore,
}, async () => {
  const lines: string[] = [];
  const link = await cmd.open(
    shell("sleep 20 & echo $! >&2; exit 3"),
    context((line) => lines.push(line)),
  );
  const exit = await link.closed;
  assert.equal(exit.status, 3);
  await Promise.allSettled([link.readable.cancel(), link.writable.abort()]);
  Deno.kill(Number(lines[0]));
});

Deno.test({
  name: "a command's pipes hold a MiB",
  ignore: Deno.build.os !== "linux",
  async fn() {
    // Nobody reads until a MiB was written: it must fit.
    const link = await cmd.open(shell("sleep 60"), context());
    const writer = link.writable.getWriter();
    await writer.write(new Uint8Array(1 << 20));
    link.abort("enough");
    await link.closed;
    await Promise.allSettled([writer.abort(), link.readable.cancel()]);
  },
});

Deno.test({
  name: "a command whose program is not on the host says what brings it there",
  ignore,
  async fn() {
    const ends: Record<string, RegExp | undefined> = {
      "no-such-norouter": /^norouter is not there, it seems: with "docker", "podman",/,
      "echo 'bash: line 1: norouter: command not found' >&2; exit 1": /"ssh" in place of/,
      "exit 3": undefined,
    };
    for (const [script, hint] of Object.entries(ends)) {
      const link = await cmd.open(shell(script), context());
      const [exit] = await Promise.all([link.closed, textOf(link.readable)]);
      await link.writable.close().catch(() => {}); // its reader is gone
      if (hint) assert.match(exit.hint ?? "", hint);
      else assert.equal(exit.hint, undefined);
    }
  },
});
