/**
 * `norouter discover`, as users run it, with stand-ins for the programs that it asks.
 *
 * @module
 */
import assert from "node:assert/strict";
import { run } from "../_run.ts";
import { byCommand, fails, prints, withPrograms } from "../_stand_ins.ts";
import { Terminal } from "../_terminal.ts";
import { needs } from "../../tests/harness/scene/requirements.ts";
import { until } from "../../tests/harness/scene/wait.ts";
import * as recorded from "../discovery/_recorded.ts";
import { discovered, KUBECTL, plain } from "./_discovered.ts";

Deno.test("what is not installed is named, and no failure", async () => {
  const { status, stdout, stderr } = await plain({}, []);
  assert.equal(stdout, "");
  assert.equal(
    stderr,
    `info   docker: not installed
info   podman: not installed
info   kubectl: not installed
info   lxc: not installed
info   ssh: not installed
info   Nothing was found that could be joined
`,
  );
  assert.equal(status, 0);
});

Deno.test("a source that was named and is not there is a failure", async () => {
  const { status, stderr } = await plain({}, ["podman"]);
  assert.match(stderr, /^info {3}podman: not installed\n/);
  assert.equal(status, 1);
});

Deno.test("the table has what was found, though others fail with their reasons", async () => {
  const { status, stdout, stderr } = await plain({
    docker: fails(
      "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
    ),
    podman: `exit 7`,
    kubectl: KUBECTL,
    lxc: fails(
      `If this is your first time running LXD\n\nError: Get "http://unix.socket/1.0": no such file`,
    ),
    ssh: "true",
  }, []);
  assert.equal(
    stdout,
    `SOURCE   NAME                              STATE      ABOUT        PORTS
kubectl  gke/default/web-6d4b75cb6d-hsf2x  running    nginx:1.27   53/udp, 80, 15000
kubectl  gke/default/db-0                  not ready  postgres:17  -
`,
  );
  assert.equal(
    stderr,
    `warn   docker: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?
warn   podman: podman exited with status 7 and said nothing
warn   lxc: Get "http://unix.socket/1.0": no such file
info   ssh: there is no @/.ssh/config
info   kubectl: --context takes one of arn:aws:eks:eu-west-1:1234:cluster/shop, gke (the current one)
`,
  );
  assert.equal(status, 0);
});

Deno.test("an answer in another form is named, with the place where it differs", async () => {
  const { problems } = await discovered({
    docker: prints("Client sent an HTTP request to an HTTPS server."),
    podman: prints(`[{"Id": "x", "Image": 5}]`),
    kubectl: prints(`{"contexts": [{"context": {}}]}`),
    lxc: prints("{}"),
    incus: prints(""),
    ssh: "exit 1",
  }, []);
  assert.deepEqual(
    problems.map(({ source, reason }: Record<string, string>) => `${source}: ${reason}`),
    [
      `docker: its answer is not JSON: "Client sent an HTTP request to an HTTPS server."`,
      `podman: its answer has an unknown form: 0.Image: expected string, got 5`,
      `kubectl: its answer has an unknown form: contexts.0.name: expected "name", got undefined`,
      `lxc: its answer has an unknown form: the whole: expected Array, got Object`,
      `lxc: incus: its answer is not JSON: ""`,
      `ssh: ssh exited with status 1 and said nothing`,
    ],
  );
});

Deno.test("colours and other sequences of a source do not reach the terminal", async () => {
  const row = recorded.DOCKER_28.ps.replace("nginx:1.27", "\\u001b[31mred\\u0007");
  const { stdout } = await plain(
    { docker: byCommand({ ps: prints(row), inspect: prints("") }) },
    ["docker"],
  );
  assert.match(stdout, /docker {2}front {2}running {2}\[31mred {2}80, 443\n$/);
});

Deno.test({
  name: "sources that do not answer are given up together, with all that they started",
  async fn() {
    // Its child would hold the output open; both leave their ids.
    const slow = `echo $$ >> "$HOME/pids"
/bin/sleep 600 & echo $! >> "$HOME/pids"; wait`;
    await withPrograms({
      docker: slow,
      podman: slow,
      kubectl: slow,
      lxc: slow,
      incus: slow,
      ssh: slow,
    }, async ({ env, folder }) => {
      const args = ["discover", "--timeout", "3s"];
      const started = performance.now();
      const { status, stderr } = await run(args, { env });
      assert.ok(performance.now() - started < 5 * 3000, "one after the other");
      const late = ["docker", "podman", "kubectl", "lxc", "lxc: incus", "ssh"];
      const lines = late.map((name) => `warn   ${name}: no answer within 3 s\n`);
      const nothing = "info   Nothing was found that could be joined\n";
      assert.equal(stderr, lines.join("") + nothing);
      assert.equal(status, 0);
      const pids = (await Deno.readTextFile(`${folder}/pids`)).trim().split("\n");
      assert.equal(pids.length, 12);
      await until("what was started to end", () => !pids.some(isAlive));
    });
  },
});

Deno.test("what a program leaves behind ends with its answer", async () => {
  const docker = byCommand({
    "ps": `(/bin/sleep 600 & echo $! >> "$HOME/pids"); exit 0`,
    "container inspect": "echo '[]'",
  });
  await withPrograms({ docker }, async ({ env, folder }) => {
    const { status } = await run(["discover", "docker"], { env });
    assert.equal(status, 0);
    const pids = (await Deno.readTextFile(`${folder}/pids`)).trim().split("\n");
    assert.ok(!pids.some(isAlive));
  });
});

function isAlive(pid: string): boolean {
  try {
    // Of one that ended and waits for its parent, there is only a name left.
    return !/^State:\s*Z/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch {
    return false;
  }
}

Deno.test("output without end is given up", async () => {
  const { problems } = await discovered({
    docker: "exec /usr/bin/yes",
  }, ["docker", "--timeout", "1m"]);
  assert.deepEqual(problems, [{
    source: "docker",
    kind: "failed",
    reason: "it printed more than 64 MiB",
  }]);
});

const withTerminal = needs("python3");

Deno.test({
  name: "a source cannot ask for a password, though there is a terminal",
  ignore: withTerminal.ignore,
  async fn() {
    const asking =
      `{ echo "Password: "; read password; } < /dev/tty > /dev/tty || exit 9`;
    await withPrograms({ docker: asking }, async ({ env, folder }) => {
      const { PATH = "" } = Deno.env.toObject();
      const args = ["discover", "docker", "--timeout", "20s"];
      await using terminal = new Terminal(args, {
        cwd: folder,
        env: { ...env, PATH: `${folder}:${PATH}` },
      });
      await terminal.shows(/warn {3}docker: .*\/dev\/tty/);
      assert.equal(await terminal.end(), 1);
      assert.doesNotMatch(terminal.screen, /Password/);
    });
  },
});

Deno.test({
  name: "Ctrl-C ends the search and what it started",
  ignore: withTerminal.ignore,
  async fn() {
    const slow = `echo $$ > "$HOME/pid"; exec /bin/sleep 600`;
    await withPrograms({ docker: slow }, async ({ env, folder }) => {
      const { PATH = "" } = Deno.env.toObject();
      await using terminal = new Terminal(["discover", "docker", "--timeout", "5m"], {
        cwd: folder,
        env: { ...env, PATH: `${folder}:${PATH}` },
      });
      const pid = await until(
        "the search",
        () => Deno.readTextFile(`${folder}/pid`).then((text) => text.trim(), () => ""),
      );
      await terminal.type("\x03");
      assert.equal(await terminal.end(), 130);
      await until("what was started to end", () => !isAlive(pid));
    });
  },
});

const wrong: [string[], RegExp][] = [
  [["dockr"], /^norouter: .*'dockr' is invalid.*docker, podman, kubectl, lxc, ssh/],
  [["--timeout", "soon"], /^norouter: .*"soon" is not a length of time/],
  [["--format", "xml"], /^norouter: .*Allowed choices are table, json/],
  [["--namespace", "x", "--all-namespaces"], /cannot be used with option/],
];

for (const [args, message] of wrong) {
  Deno.test(`discover ${args.join(" ")} is wrong usage`, async () => {
    const { status, stderr } = await plain({}, args);
    assert.match(stderr, message);
    assert.equal(status, 2);
  });
}
