// `norouter clean`, with stand-ins for the programs that reach hosts.
import assert from "node:assert/strict";
import { fails, prints, withPrograms } from "../_stand_ins.ts";
import { run } from "../_run.ts";

/** A container with a shell, whose home is a folder of the test. */
const SHELL = (home: string) =>
  `while [ "$1" != sh ]; do shift; done; HOME=${home} NOROUTER_CACHE=${home}/cache ` +
  `PATH=/usr/bin:/bin exec "$@"`;
const NO_SHELL =
  `OCI runtime exec failed: exec failed: unable to start container process: ` +
  `exec: "sh": executable file not found in $PATH: unknown`;

interface Cleaned {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Lists, for what is removed in /tmp and the like would be this machine's. */
async function list(
  programs: Readonly<Record<string, string>>,
  args: readonly string[],
  { manifest, prepare }: {
    readonly manifest?: unknown;
    readonly prepare?: (folder: string) => Promise<void>;
  } = {},
): Promise<Cleaned> {
  return await withPrograms(programs, async ({ folder, env }) => {
    await prepare?.(folder);
    if (manifest) {
      await Deno.writeTextFile(`${folder}/mesh.yaml`, JSON.stringify(manifest));
    }
    const denoDir = Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`;
    const all = {
      ...env,
      DENO_DIR: denoDir,
      PATH: `${folder}:/usr/bin:/bin`,
      NOROUTER_CACHE: "",
    };
    return await run(["clean", "--list", ...args], { cwd: folder, env: all });
  });
}

/** How often a text has it. */
function count(text: string, part: string): number {
  return text.split(part).length - 1;
}

Deno.test("a container without a shell is told as one, with where an agent would be", async () => {
  for (const how of [`${prints(NO_SHELL)}; exit 126`, fails(NO_SHELL, 127)]) {
    const { status, stdout, stderr } = await list({ docker: how }, ["docker:web"]);
    assert.equal(status, 1);
    assert.equal(stdout, "");
    assert.match(
      stderr,
      /docker:web: cannot be asked what is there: docker exited with status 12[67]: .*\(it has no shell, and no "rm": an agent would be in \/norouter-agent-…, and goes when the container is made anew\)/,
    );
    assert.equal(count(stderr, NO_SHELL), 1, stderr);
  }
});

Deno.test("of a pod without a shell it is said that no agent was put there", async () => {
  const { status, stdout, stderr } = await list(
    { kubectl: fails(NO_SHELL, 126) },
    ["kubectl:web"],
  );
  assert.deepEqual([status, stdout], [1, ""]);
  assert.match(stderr, /kubectl:web: cannot be asked .* no agent was put there\)/);
});

Deno.test("a host that does not exist is told once, and nothing is said of what is there", async () => {
  const reason = "Error response from daemon: No such container: nowhere";
  const { status, stdout, stderr } = await list(
    { docker: fails(reason) },
    ["docker:nowhere"],
  );
  assert.deepEqual([status, stdout], [1, ""]);
  assert.match(
    stderr,
    /docker:nowhere: cannot be asked what is there: docker exited with/,
  );
  assert.equal(count(stderr, reason), 1, stderr);
});

Deno.test("those that can be asked are named, if others cannot", async () => {
  const manifest = {
    hosts: {
      web: { docker: "web" },
      gone: { podman: "gone" },
      other: { cmd: "true" },
      laptop: {},
    },
  };
  const podman = fails("no container with name gone");
  const { status, stdout, stderr } = await list(
    { docker: SHELL("$PWD"), podman },
    ["mesh.yaml", "web", "gone", "other"],
    { manifest },
  );
  assert.equal(status, 1);
  assert.match(stdout, /^(Nothing of norouter was found on web\.\n|HOST)/);
  assert.match(stderr, /gone: cannot be asked .*no container with name gone/);
  assert.match(stderr, /other: not asked, for its command runs an agent that was there/);
});

Deno.test("this machine is asked as the host that nothing leads to", async () => {
  const manifest = { hosts: { laptop: {}, web: { docker: "web" } } };
  const { status, stdout, stderr } = await list(
    { docker: fails("nobody asks it") },
    ["mesh.yaml", "laptop"],
    {
      manifest,
      prepare: async (folder) => {
        const place = `${folder}/.cache/norouter/00000000000000aa`;
        await Deno.mkdir(place, { recursive: true });
        await Deno.mkdir(`${folder}/.norouter/agent`, { recursive: true });
        await Deno.writeTextFile(`${folder}/.norouter/agent/hostaliases`, "");
        await Deno.chmod(folder, 0o700);
      },
    },
  );
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^laptop +not in use .*\/\.cache\/norouter\/00000000000000aa$/m);
  assert.match(stdout, /^laptop +not in use .*\/\.norouter\/agent$/m);
  assert.doesNotMatch(stdout, /Nothing/);
});

Deno.test("a manifest without such a host is a mistake", async () => {
  const manifest = { hosts: { laptop: {} } };
  const { status, stderr } = await list({}, ["mesh.yaml", "lapto"], { manifest });
  assert.equal(status, 1);
  assert.match(stderr, /no host "lapto".*did you mean "laptop"/);
});
