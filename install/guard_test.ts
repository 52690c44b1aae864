/**
 * Folders that somebody else could change: a second user of the host tries, and gets
 * nowhere.
 *
 * @module
 */
import assert from "node:assert/strict";
import { until } from "../tests/harness/scene/wait.ts";
import { hostTest, SHELLS, testAgent, type TestHost, WORDS } from "./_host.ts";

const OTHER = 1501;

/** Commands that the second user runs, on a folder as this machine sees it. */
async function asOther(script: string, folder: string): Promise<void> {
  const { success, stderr } = await new Deno.Command("setpriv", {
    args: [
      ...[`--reuid=${OTHER}`, `--regid=${OTHER}`, "--clear-groups"],
      ...["sh", "-c", script, folder],
    ],
    env: { PATH: "/usr/bin:/bin" },
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

/** A folder of the host, with an owner and a mode. */
async function folder(
  host: TestHost,
  path: string,
  { owner = 0, group, mode = 0o755 }: { owner?: number; group?: number; mode?: number } =
    {},
): Promise<string> {
  const full = `${host.root}/${path}`;
  await Deno.mkdir(full, { recursive: true });
  await Deno.chown(full, owner, group ?? owner);
  await Deno.chmod(full, mode);
  return full;
}

/** What an installation says that fails. */
async function failure(host: TestHost, path?: string): Promise<string> {
  const x64 = testAgent(1000);
  return await host.open({ files: { x64, arm64: x64 }, path }).then(
    () => assert.fail("it was installed"),
    (error) => error.message,
  );
}

for (const shell of SHELLS) {
  for (const uid of [0, 1500]) {
    hostTest(
      `${shell}: another user cannot exchange what user ${uid} runs, not once its sum was made`,
      {
        shell,
        uid,
        // The sum takes as long as the other needs.
        programs: {
          sha256sum: `cat | /usr/bin/sha256sum; : >/mnt/tmp/summed
            for i in 1 2 3 4 5 6 7 8 9; do [ -e /mnt/tmp/swapped ] || /bin/sleep 0.5; done`,
        },
      },
      async (host) => {
        const shared = await folder(host, "shared", { owner: uid, mode: 0o777 });
        const place = "/mnt/shared";
        const stop = new AbortController();
        const attack = until("the sum", async () => {
          if (stop.signal.aborted) return true;
          return await Deno.stat(`${host.root}/tmp/summed`).then(() => true, () => false);
        }).then(() =>
          asOther(
            `cd "$0"; for dir in part-*; do
               [ -d "$dir" ] || continue
               mv "$dir" his; mkdir "$dir"; printf '#!/bin/sh\\necho trapped\\n' >"$dir/file"
               chmod 777 "$dir" "$dir/file"
             done; : >"$0/../tmp/swapped"`,
            shared,
          )
        );
        const x64 = testAgent(1000);
        const said = await host.speak({ files: { x64, arm64: x64 }, path: place })
          .catch((error) => error.message);
        stop.abort();
        await attack;
        assert.match(
          said,
          new RegExp(
            `nowhere to put it: ${place}\\S*: others may change it: /mnt/shared ` +
              `is of user ${uid} and group ${uid}, with mode drwxrwxrwx$`,
          ),
        );
        assert.deepEqual(host.list("shared"), []);
      },
    );
  }
}

// Each with what is said of it.
/** Makes a place on a host; its path, and what is said of it. */
type MakePlace = (host: TestHost) => Promise<[path: string, said: RegExp]>;

const UNSAFE: Record<string, MakePlace> = {
  "that is of another user": async (host) => {
    await folder(host, "his", { owner: OTHER });
    await folder(host, "his/mine", { mode: 0o700 });
    return [
      "/mnt/his/mine",
      /\/mnt\/his is of user 1501 and group 1501, with mode drwxr-xr-x/,
    ];
  },
  "that a group may write": async (host) => {
    await folder(host, "team", { group: OTHER, mode: 0o775 });
    return [
      "/mnt/team/new",
      /\/mnt\/team is of user 0 and group 1501, with mode drwxrwxr-x/,
    ];
  },
  "that is sticky, but of another user": async (host) => {
    await folder(host, "sticky", { owner: OTHER, mode: 0o1777 });
    return ["/mnt/sticky/new", /\/mnt\/sticky is of user 1501 .* with mode drwxrwxrwt/];
  },
  "behind a link": async (host) => {
    await folder(host, "open", { mode: 0o777 });
    await folder(host, "open/in", { mode: 0o700 });
    await Deno.symlink("open/in", `${host.root}/link`);
    return ["/mnt/link/new", /\/mnt\/open is of user 0 .* with mode drwxrwxrwx/];
  },
  "above the folder that is above": async (host) => {
    await folder(host, "open", { mode: 0o777 });
    await folder(host, "open/a/b/c", { mode: 0o700 });
    return ["/mnt/open/a/b/c", /\/mnt\/open is of user 0 /];
  },
};
for (const [what, lay] of Object.entries(UNSAFE)) {
  for (const shell of SHELLS) {
    hostTest(`${shell}: a folder ${what} is not used`, { shell }, async (host) => {
      const [path, said] = await lay(host);
      const before = host.list(path.slice("/mnt/".length));
      assert.match(await failure(host, path), said);
      assert.deepEqual(host.list(path.slice("/mnt/".length)), before);
    });
  }
}

hostTest(
  "an agent that was there before others got access is not started",
  {},
  async (host) => {
    const shared = await folder(host, "shared", { mode: 0o700 });
    const x64 = testAgent(1000);
    const files = { x64, arm64: x64 };
    assert.equal(await host.speak({ files, path: "/mnt/shared" }), WORDS);
    await Deno.chmod(shared, 0o777);
    await assert.rejects(
      host.speak({ files, path: "/mnt/shared" }),
      /others may change it: \/mnt\/shared is of user 0/,
    );
  },
);

hostTest("an agent that others may write is sent anew", {}, async (host) => {
  const x64 = testAgent(1000);
  const files = { x64, arm64: x64 };
  assert.equal(await host.speak({ files }), WORDS);
  await Deno.chmod(`${host.root}/home/.cache/norouter/agent-${x64.name}`, 0o777);
  assert.equal(await host.speak({ files }), WORDS);
  assert.equal(x64.reads, 2);
});

hostTest("a default place that others may change is passed over", {
  prepare: "chmod 777 /var/tmp; chmod 777 /mnt/home",
}, async (host) => {
  const x64 = testAgent(1000);
  assert.equal(await host.speak({ files: { x64, arm64: x64 } }), WORDS);
  assert.deepEqual(host.list("home"), []);
  assert.deepEqual(host.list("var-tmp"), []);
  assert.deepEqual(host.list("tmp/norouter-0"), [`agent-${x64.name}`]);
});

hostTest("NOROUTER_CACHE that others may change is passed over", {
  env: ["HOME=/mnt/home", "NOROUTER_CACHE=/mnt/cache/x"],
}, async (host) => {
  await folder(host, "cache", { mode: 0o777 });
  const x64 = testAgent(1000);
  assert.equal(await host.speak({ files: { x64, arm64: x64 } }), WORDS);
  assert.deepEqual(host.list("cache"), []);
  assert.deepEqual(host.list("home/.cache/norouter"), [`agent-${x64.name}`]);
});

/** Files of the system that name this user and groups. */
const users = (passwd: string, group: string) =>
  `printf '${passwd}' >/mnt/passwd; printf '${group}' >/mnt/group
   mount --bind /mnt/passwd /etc/passwd; mount --bind /mnt/group /etc/group`;
const ME = "root:x:0:0::/:/bin/sh\\nme:x:1500:1500::/mnt/home:/bin/sh\\n";
for (
  const [what, passwd, group, isSafe] of [
    ["its user's own", ME, "root:x:0:\\nme:x:1500:\\n", true],
    ["its user's own, who is named in it", ME, "me:x:1500:me\\n", true],
    ["of its user's name, with a member", ME, "me:x:1500:me,you\\n", false],
    [
      "of its user and of somebody else",
      `${ME}you:x:1501:1500::/:/bin/sh\\n`,
      "me:x:1500:\\n",
      false,
    ],
    ["a team's", ME, "team:x:1500:\\n", false],
    ["not known", ME, "root:x:0:\\n", false],
  ] as const
) {
  hostTest(
    `a folder that a group may write is ${
      isSafe ? "" : "not "
    }used where the group is ${what}`,
    { uid: 1500, prepare: users(passwd, group) },
    async (host) => {
      const full = await folder(host, "home/mine", { owner: 1500, mode: 0o775 });
      const x64 = testAgent(1000);
      const said = await host.speak({
        files: { x64, arm64: x64 },
        path: "/mnt/home/mine",
      })
        .catch((error) => error.message);
      if (isSafe) assert.equal(said, WORDS);
      else assert.match(said, /\/mnt\/home\/mine is of user 1500 and group 1500/);
      assert.equal([...Deno.readDirSync(full)].length, isSafe ? 1 : 0);
    },
  );
}

/** Lets user 1501 write, as by "setfacl -m u:1501:rwx". */
const ACL = [[1, 7], [2, 7, OTHER], [4, 5], [16, 7], [32, 5]];
const ACL_LINES = `import os, struct
acl = struct.pack("<I", 2)
for tag, perm, *who in ${
  JSON.stringify(ACL)
}: acl += struct.pack("<HHI", tag, perm, *(who or [2**32 - 1]))
os.setxattr("/mnt/home", "system.posix_acl_access", acl)`;
hostTest("a folder that an ACL opens is not used", {
  uid: 1500,
  prepare: `${users(ME, "me:x:1500:\\n")}; python3 -c '${ACL_LINES}'`,
}, async (host) => {
  const said = await failure(host, "/mnt/home/x");
  assert.match(said, /\/mnt\/home is of user 1500 .* drwxrwxr-x\+$/);
}, "python3");

hostTest(
  "a host without ls has its folders looked at by stat",
  { without: ["ls"] },
  async (host) => {
    const x64 = testAgent(1000);
    assert.equal(await host.speak({ files: { x64, arm64: x64 } }), WORDS);
    await folder(host, "open", { mode: 0o777 });
    assert.match(
      await failure(host, "/mnt/open/x"),
      /\/mnt\/open is of user 0 .* drwxrwxrwx/,
    );
  },
);
