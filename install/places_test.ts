/**
 * Where the script keeps an agent, on hosts whose folders are not as they should be.
 *
 * @module
 */
import assert from "node:assert/strict";
import { docker } from "../transports/docker.ts";
import type { Transport } from "../transports/mod.ts";
import { hostTest, SHELLS, testAgent, type TestHost, WORDS } from "./_host.ts";
import { openInstalled } from "./open.ts";

const HOME = "home/.cache/norouter";

/** Where an agent is that was installed and found again. */
async function placeOf(host: TestHost, path?: string): Promise<string> {
  const x64 = testAgent(1000);
  const files = { x64, arm64: x64 };
  assert.equal(await host.speak({ files, path }), WORDS);
  assert.equal(await host.speak({ files, path }), WORDS);
  assert.equal(x64.reads, 1, "it was not found again");
  const places = [HOME, "tmp/norouter-0", "var-tmp/norouter-0", "shm/norouter-0"];
  const user = ["var-tmp/norouter-1234", "tmp/norouter-1234"];
  return [...places, ...user, ".norouter"].filter((place) =>
    host.list(place).includes(`agent-${x64.name}`)
  ).join();
}

/** What an installation says that fails. */
async function failure(host: TestHost, path?: string): Promise<string> {
  const x64 = testAgent(10_000);
  const error = await host.open({ files: { x64, arm64: x64 }, path }).then(
    () => assert.fail("it was installed"),
    (error) => error,
  );
  return error.message;
}

/** Commands that take places away from the host, by mounts. */
const READ_ONLY = (place: string) =>
  `mount --bind ${place} ${place}; mount -o remount,bind,ro ${place}`;
const NO_EXEC = (place: string) => `mount -t tmpfs -o noexec tmpfs ${place}`;
const SMALL = (place: string, size: string) =>
  `mount -t tmpfs -o size=${size} tmpfs ${place}`;

hostTest("installPath may have spaces, and quotes, and not exist", {}, async (host) => {
  const path = `/mnt/a folder/it's "$HOME"/-x `;
  assert.equal(await placeOf(host, path), "");
  assert.match(host.list(`a folder/it's "$HOME"/-x `).join(), /^agent-[0-9a-f]{16}-\d+$/);
});

hostTest("installPath may begin in the home, and be relative", {}, async (host) => {
  await placeOf(host, "~/some agents/");
  assert.equal(host.list("home/some agents").length, 1);
  await placeOf(host, "here/there");
  assert.equal(host.list("here/there").length, 1);
});

hostTest("installPath that cannot be is named, and nothing else is tried", {
  prepare: READ_ONLY("/mnt/home"),
}, async (host) => {
  const said = await failure(host, "/mnt/home/agents");
  assert.match(said, /nowhere to put it: \/mnt\/home\/agents: .*Read-only file system$/);
  assert.deepEqual(host.list("tmp"), []);
});

for (const uid of [1234, 0]) {
  hostTest(`a sticky installPath for all gets a folder of user ${uid} below it`, {
    uid,
  }, async (host) => {
    await Deno.mkdir(`${host.root}/volume`);
    await Deno.chmod(`${host.root}/volume`, 0o1777);
    await placeOf(host, "/mnt/volume");
    assert.equal(host.list(`volume/norouter-${uid}`).length, 1);
  });
}

hostTest("an installPath that is a link is refused", {}, async (host) => {
  await Deno.symlink("home", `${host.root}/link`);
  assert.match(await failure(host, "/mnt/link/"), /\/mnt\/link: it is a link/);
});

hostTest("NOROUTER_CACHE of the host comes before its home", {
  env: ["HOME=/mnt/home", "NOROUTER_CACHE=/mnt/cache"],
}, async (host) => {
  await placeOf(host);
  assert.equal(host.list("cache").length, 1);
});

for (
  const [what, env] of [
    ["without HOME", []],
    ["whose HOME does not exist", ["HOME=/mnt/nobody"]],
    ["whose HOME is relative", ["HOME=home"]],
  ] as const
) {
  hostTest(`a host ${what} keeps it in /var/tmp`, { env }, async (host) => {
    assert.equal(await placeOf(host), "var-tmp/norouter-0");
    assert.deepEqual(host.list("nobody"), []);
  });
}

hostTest("root leaves nothing in a home of somebody else", {
  prepare: "chown 1234 /mnt/home",
}, async (host) => {
  assert.equal(await placeOf(host), "var-tmp/norouter-0");
  assert.deepEqual(host.list("home"), []);
});

hostTest("a user whose home is of somebody else uses /var/tmp", {
  uid: 1234,
  prepare: "chown 0 /mnt/home",
}, async (host) => {
  assert.equal(await placeOf(host), "var-tmp/norouter-1234");
});

hostTest("a folder that somebody else made for this user is not used", {
  uid: 1234,
  env: [],
  prepare: "mkdir -p /var/tmp/norouter-1234 && chmod 777 /var/tmp/norouter-1234",
}, async (host) => {
  assert.equal(await placeOf(host), "tmp/norouter-1234");
});

hostTest("an agent in a folder of somebody else is not started", {
  uid: 1234,
  env: [],
}, async (host) => {
  const x64 = testAgent();
  const folder = `${host.root}/var-tmp/norouter-1234`;
  await Deno.mkdir(folder);
  await Deno.chmod(folder, 0o777);
  const program = `#!/bin/sh\necho trapped\n`;
  const name = `${x64.name.split("-")[0]}-${program.length}`;
  await Deno.writeTextFile(`${folder}/agent-${name}`, program, { mode: 0o777 });
  await Deno.chown(`${folder}/agent-${name}`, 1234, 1234);
  const file = { ...x64, name };
  const said = await host.speak({ files: { x64: file, arm64: file } });
  assert.equal(said, WORDS);
});

hostTest("a link in the place of this user's folder is not followed", {
  env: [],
  prepare: "mkdir -p /mnt/own; ln -sfn /mnt/own /var/tmp/norouter-0",
}, async (host) => {
  assert.equal(await placeOf(host), "tmp/norouter-0");
  assert.deepEqual(host.list("own"), []);
});

hostTest("a read-only home", { prepare: READ_ONLY("/mnt/home") }, async (host) => {
  assert.equal(await placeOf(host), "var-tmp/norouter-0");
});

hostTest(
  "a home from which nothing runs",
  { prepare: NO_EXEC("/mnt/home") },
  async (host) => {
    assert.equal(await placeOf(host), "var-tmp/norouter-0");
  },
);

hostTest(
  "a home on a small disk",
  { prepare: SMALL("/mnt/home", "64M") },
  async (host) => {
    const x64 = testAgent(65 << 20);
    assert.equal(await host.speak({ files: { x64, arm64: x64 } }), WORDS);
    assert.deepEqual(host.list("var-tmp/norouter-0"), [`agent-${x64.name}`]);
  },
);

hostTest("a small disk on a host without df is told when it is full", {
  prepare: SMALL("/mnt/home", "1M"),
  without: ["df"],
}, async (host) => {
  const x64 = testAgent(2 << 20);
  await assert.rejects(
    host.open({ files: { x64, arm64: x64 } }),
    /cannot install the agent: cannot write to \/mnt\/home\/\.cache\/norouter: .*No space left/,
  );
});

hostTest("a host where there is nowhere to put it says of each place why", {
  prepare: [
    READ_ONLY("/mnt/home"),
    NO_EXEC("/tmp"),
    SMALL("/dev/shm", "4k"),
    "ln -sfn /mnt/home /var/tmp/norouter-0",
    READ_ONLY("/mnt"),
  ].join("; "),
}, async (host) => {
  const said = await failure(host);
  assert.match(said, /\/mnt\/home\/\.cache\/norouter: [^;]*Read-only/);
  assert.match(said, /\/var\/tmp\/norouter-0: it is a link;/);
  assert.match(
    said,
    /\/tmp\/norouter-0: programs cannot be run from there: norouter: [^;]*denied;/,
  );
  assert.match(said, /\/dev\/shm\/norouter-0: it needs 9 KB, and 4 are free;/);
  assert.match(said, /\/mnt\/\.norouter: [^;]*Read-only/);
});

for (const shell of SHELLS) {
  hostTest(
    `${shell}: a host where nothing can be written says what to do, and no lines`,
    {
      shell,
      prepare: ["/mnt/home", "/tmp", "/var/tmp", "/dev/shm", "/mnt"].map(READ_ONLY).join(
        "; ",
      ),
    },
    async (host) => {
      const x64 = testAgent();
      const files = { x64, arm64: x64 };
      const failureOf = async (transport: Transport) => {
        const opening = openInstalled(
          transport,
          {},
          { mode: "auto", files },
          host.context,
        );
        return await opening.then(
          () => assert.fail("it was installed"),
          (error) => error.message,
        );
      };
      const said = await failureOf(host.transport());
      assert.match(
        said,
        /\/\.norouter: .*Read-only.* \(name a folder .* "installPath"\)$/,
      );
      const { roomAdvice } = docker;
      const container = await failureOf({ ...host.transport(), roomAdvice: roomAdvice! });
      assert.match(
        container,
        /Read-only.* \(start the container with "--tmpfs \/tmp:exec"/,
      );
    },
  );

  hostTest(`${shell}: what a shell says of a place is without the place in the script`, {
    shell,
    prepare: ["/mnt/home", "/var/tmp", "/dev/shm", "/mnt"].map(READ_ONLY).join("; ") +
      "; " +
      NO_EXEC("/tmp"),
  }, async (host) => {
    const said = await failure(host);
    assert.match(said, /cannot be run from there: (norouter: )?\/tmp[^;]*denied/);
    assert.doesNotMatch(said, /eval|line \d|norouter: \d|environment/);
  });
}

hostTest("a host without id", { without: ["id"] }, async (host) => {
  assert.equal(await placeOf(host), HOME);
});

hostTest("a host without id, HOME, df, find and readlink asks the kernel who it is", {
  without: ["id", "df", "find", "readlink"],
  env: [],
}, async (host) => {
  assert.equal(await placeOf(host), "var-tmp/norouter-0");
});

hostTest("the agent gets the umask that the host has", {
  prepare: "umask 027",
}, async (host) => {
  const x64 = testAgent(0, "umask");
  const files = { x64, arm64: x64 };
  assert.equal(await host.speak({ files }), `0027\n${WORDS}`);
  assert.equal(await host.speak({ files }), `0027\n${WORDS}`);
});

hostTest("the agent unpacks where it was put", {}, async (host) => {
  const x64 = testAgent(0, `echo "$0 in $NOROUTER_CACHE"`);
  const place = "/mnt/some folder";
  const said = await host.speak({ files: { x64, arm64: x64 }, path: place });
  assert.equal(said, `${place}/agent-${x64.name} in ${place}\n${WORDS}`);
});
