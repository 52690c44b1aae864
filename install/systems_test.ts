/**
 * What hosts with all kinds of systems and programs get.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fileOf, hostTest, testAgent, testPack, WORDS } from "./_host.ts";

const PLACE = "home/.cache/norouter";
const DENO = Deno.execPath();

/** A `uname` that says what is wanted. */
function uname(system: string, machine: string): string {
  return `case $1 in -s) echo ${system} ;; -m) echo ${machine} ;; -n) echo box ;; esac`;
}

hostTest("a host on arm64 gets the file for it", {
  programs: { uname: uname("Linux", "aarch64") },
}, async (host) => {
  const [x64, arm64] = [testAgent(), testAgent(0, "echo arm64")];
  assert.equal(await host.speak({ files: { x64, arm64 } }), `arm64\n${WORDS}`);
  assert.equal(await host.speak({ files: { x64, arm64 } }), `arm64\n${WORDS}`);
  assert.deepEqual([x64.reads, arm64.reads], [0, 1]);
});

for (
  const [system, machine] of [["FreeBSD", "amd64"], ["Linux", "riscv64"], [
    "Darwin",
    "arm64",
  ]]
) {
  hostTest(`${system} on ${machine} is named, and gets nothing`, {
    programs: { uname: uname(system!, machine!) },
  }, async (host) => {
    const x64 = testAgent();
    await assert.rejects(host.open({ files: { x64, arm64: x64 } }), {
      message: new RegExp(
        `^no agent for ${system} on ${machine}: there is one for Linux on`,
      ),
    });
    assert.deepEqual(host.list("home"), []);
  });
}

hostTest(
  "without uname the kernel is asked for its name",
  { without: ["uname"] },
  async (host) => {
    const x64 = testAgent();
    const hasArch = await Deno.stat("/proc/sys/kernel/arch").then(
      () => true,
      () => false,
    );
    if (hasArch) assert.equal(await host.speak({ files: { x64, arm64: x64 } }), WORDS);
    else {
      await assert.rejects(
        host.open({ files: { x64, arm64: x64 } }),
        /^Error: no agent for Linux on unknown: /,
      );
    }
  },
);

hostTest("what is not at hand is named", {}, async (host) => {
  await assert.rejects(
    host.open({ files: {} }),
    /the host needs norouter-linux-\w+, which is not at hand: .*NOROUTER_AGENTS/,
  );
});

const SUMS: Record<string, string> = {
  shasum: "/usr/bin/shasum",
  openssl: "/usr/bin/openssl",
};
for (const [name, path] of Object.entries(SUMS)) {
  hostTest(`a host that has only ${name} checks what it got`, {
    without: ["sha256sum"],
    programs: { [name]: path },
  }, async (host) => {
    const x64 = testAgent(1000);
    const wrong = { ...x64, sha256: () => Promise.resolve("ab".repeat(32)) };
    await assert.rejects(
      host.open({ files: { x64: wrong, arm64: wrong } }),
      /what arrived has the SHA-256 [0-9a-f]{64}, not abab/,
    );
    assert.equal(await host.speak({ files: { x64, arm64: x64 } }), WORDS);
  }, name);
}

hostTest("a host that has nothing for it takes the length", {
  without: ["sha256sum"],
}, async (host) => {
  const x64 = testAgent(1000);
  assert.equal(await host.speak({ files: { x64, arm64: x64 } }), WORDS);
});

hostTest(
  "a host that lacks what it takes says so",
  { without: ["mkdir"] },
  async (host) => {
    const x64 = testAgent();
    await assert.rejects(
      host.open({ files: { x64, arm64: x64 } }),
      /cannot install the agent: nowhere to put it: .*mkdir: not found/,
    );
  },
);

hostTest("a host with deno gets the program alone, once", {
  programs: { deno: DENO },
}, async (host) => {
  const [x64, pack] = [testAgent(), await testPack()];
  const files = { x64, arm64: x64, pack };
  assert.equal(await host.speak({ files }), WORDS);
  assert.equal(await host.speak({ files }), WORDS);
  assert.deepEqual([x64.reads, pack.reads], [0, 1]);
  const name = `app-${Deno.version.deno}-${pack.name}`;
  assert.deepEqual(host.list(PLACE), [name]);
  assert.deepEqual(host.list(`${PLACE}/${name}/app`), ["cli.js", "word.js"]);
  // Nothing is left elsewhere, as caches of deno would be.
  assert.deepEqual(host.list("home"), [".cache"]);
  assert.deepEqual(host.list("home/.cache"), ["norouter"]);

  // A byte that is another one, as on a bad disk.
  const word = `${host.root}/${PLACE}/${name}/app/word.js`;
  const right = await Deno.readTextFile(word);
  await Deno.writeTextFile(word, right.replace("says", "lies"));
  assert.equal(await host.speak({ files }), WORDS);
  assert.equal(await Deno.readTextFile(word), right);
  assert.equal(pack.reads, 2);

  // Those who tidy up old files take some.
  await Deno.remove(`${host.root}/${PLACE}/${name}/app/word.js`);
  assert.equal(await host.speak({ files }), WORDS);
  assert.equal(pack.reads, 3);
  assert.equal(await host.speak({ files, mode: "always" }), WORDS);
  assert.equal(pack.reads, 4);
  assert.deepEqual(host.list(PLACE), [name]);
  assert.deepEqual(host.list(`${PLACE}/${name}`), ["app", "deno-dir", "used"]);
});

hostTest("three managers at once on a host with deno", {
  programs: { deno: DENO },
}, async (host) => {
  const pack = await testPack();
  const said = await Promise.all(
    Array.from({ length: 3 }, () => host.speak({ files: { pack }, mode: "always" })),
  );
  assert.deepEqual(said, Array(3).fill(WORDS));
  const name = `app-${Deno.version.deno}-${pack.name}`;
  assert.deepEqual(host.list(PLACE), [name]);
  assert.deepEqual(host.list(`${PLACE}/${name}`), ["app", "deno-dir", "used"]);
});

hostTest("a deno in the usual folder of the home is found", {}, async (host) => {
  await Deno.remove(`${host.root}/bin/deno`);
  await Deno.mkdir(`${host.root}/home/.deno/bin`, { recursive: true });
  await Deno.symlink(DENO, `${host.root}/home/.deno/bin/deno`);
  const pack = await testPack();
  assert.equal(await host.speak({ files: { pack } }), WORDS);
  assert.equal(pack.reads, 1);
});

hostTest("a program that deno cannot unpack is not kept", {
  programs: { deno: DENO },
}, async (host) => {
  const pack = fileOf(new TextEncoder().encode("no pack at all"), "0123456789abcdef-1");
  await assert.rejects(
    host.open({ files: { pack } }),
    /cannot install the agent: cannot unpack it with deno: error: Uncaught/,
  );
  assert.deepEqual(host.list(PLACE), []);
});

for (
  const [what, lines] of [
    ["an old deno", `echo "deno 2.9.4 (stable, release, x86_64-unknown-linux-gnu)"`],
    ["another program of that name", `echo "two"; echo "lines"`],
    ["a deno that reads its input", `cat >/dev/null; exit 1`],
  ]
) {
  hostTest(
    `a host with ${what} gets the file`,
    { programs: { deno: lines! } },
    async (host) => {
      const [x64, pack] = [testAgent(1000), await testPack()];
      assert.equal(await host.speak({ files: { x64, arm64: x64, pack } }), WORDS);
      assert.deepEqual([x64.reads, pack.reads], [1, 0]);
    },
  );
}

hostTest("what the host says on stderr is shown, and explains its end", {
  programs: { chmod: `echo "chmod is broken" >&2; kill -KILL $PPID` },
}, async (host) => {
  const x64 = testAgent(1000);
  await assert.rejects(
    host.open({ files: { x64, arm64: x64 } }),
    /^Error: unshare was ended by SIGKILL: .*chmod is broken/,
  );
  assert.ok(host.logged.some((line) => line.includes("chmod is broken")));
});

hostTest("a command that cannot run a shell is named with what it says", {
  without: ["sh"],
}, async (host) => {
  const x64 = testAgent();
  await assert.rejects(
    host.open({ files: { x64, arm64: x64 } }),
    /exited with status 127: .*sh.*: No such file or directory \(an agent can be put there only with a shell, "sh"\)/,
  );
});
