// `norouter discover`, as users run it, with stand-ins for the programs that it asks.
import assert from "node:assert/strict";
import { run, type RunOptions } from "../_run.ts";
import { byCommand, fails, prints, type StandIns, withPrograms } from "../_stand_ins.ts";
import { Terminal } from "../_terminal.ts";
import { needs } from "../../tests/harness/scene/requirements.ts";
import { until } from "../../tests/harness/scene/wait.ts";
import * as recorded from "../discovery/_recorded.ts";

/** Runs the command with these programs, and reads what it prints as JSON. */
function discovered(
  programs: Readonly<Record<string, string>>,
  args: readonly string[],
  prepare: (standIns: StandIns) => Promise<void> = () => Promise.resolve(),
) {
  return withPrograms(programs, async (standIns) => {
    await prepare(standIns);
    const result = await run(["discover", "--format", "json", ...args], {
      env: standIns.env,
    });
    const text = result.stdout.replaceAll(standIns.folder, "@");
    return { ...result, ...JSON.parse(text) };
  });
}

function plain(programs: Readonly<Record<string, string>>, args: readonly string[]) {
  return withPrograms(
    programs,
    ({ env, folder }) =>
      run(["discover", ...args], { env } satisfies RunOptions).then((result) => ({
        ...result,
        stderr: result.stderr.replaceAll(folder, "@"),
      })),
  );
}

/** As Docker does, it prints all only where all are asked for. */
function docker({ ps, inspect }: { ps: string; inspect: string }): string {
  return byCommand({ ps: prints(ps), inspect: prints(inspect) });
}

function tcp(port: number, name = "") {
  return { port, protocol: "tcp", name };
}

function udp(port: number) {
  return { port, protocol: "udp", name: "" };
}

Deno.test("containers of Docker 20 are listed with the ports of their images", async () => {
  const { status, targets, problems } = await discovered(
    { docker: docker(recorded.DOCKER_20) },
    ["docker"],
  );
  assert.equal(status, 0);
  assert.deepEqual(problems, []);
  assert.deepEqual(targets, [
    {
      source: "docker",
      name: "stopped_one",
      state: "created",
      running: false,
      about: "web:1.27",
      ports: [udp(53), tcp(80), tcp(8000)],
      host: { docker: "stopped_one" },
    },
    {
      source: "docker",
      name: "hosty",
      state: "running",
      running: true,
      about: "web:1.27",
      ports: [],
      host: { docker: "hosty" },
    },
    {
      source: "docker",
      name: "web",
      state: "running",
      running: true,
      about: "web:1.27",
      ports: [udp(53), tcp(80), tcp(8000)],
      host: { docker: "web" },
    },
  ]);
});

Deno.test("containers of Docker 28 are listed by their own name, each port once", async () => {
  const { targets } = await discovered(
    { docker: docker(recorded.DOCKER_28) },
    ["docker"],
  );
  assert.deepEqual(
    targets.map(({ name, ports }: { name: string; ports: unknown }) => [
      name,
      ports,
    ]),
    [["front", [tcp(80), tcp(443)]]],
  );
});

Deno.test("--all reaches Docker and Podman", async () => {
  const onlyAll = `case "$*" in ps*" --all"*) exit 3 ;; *) exit 4 ;; esac`;
  const programs = { docker: onlyAll, podman: onlyAll };
  const all = await discovered(programs, ["-a", "docker", "podman"]);
  assert.match(JSON.stringify(all.problems), /docker exited with status 3.*podman .* 3/);
  const running = await discovered(programs, ["docker", "podman"]);
  assert.match(JSON.stringify(running.problems), /status 4.*status 4/);
});

Deno.test("a container that went away while Docker was asked costs only ports", async () => {
  const { targets, problems } = await discovered({
    docker: byCommand({
      ps: prints(recorded.DOCKER_28.ps),
      inspect: fails("Error response from daemon: No such container: 45780c3aca18"),
    }),
  }, ["docker"]);
  assert.deepEqual(targets[0].ports, [tcp(80), tcp(443)]);
  assert.deepEqual(problems, [{
    source: "docker",
    kind: "failed",
    reason:
      "ports may be missing: Error response from daemon: No such container: 45780c3aca18",
  }]);
});

Deno.test("containers of Podman 4 are listed, without those of pods themselves", async () => {
  const { ps, inspect } = recorded.PODMAN_4;
  const { targets, problems } = await discovered({
    podman: byCommand({ ps: prints(ps), inspect: prints(inspect) }),
  }, ["podman", "-a"]);
  assert.deepEqual(problems, []);
  assert.deepEqual(targets, [
    {
      source: "podman",
      name: "api",
      state: "running",
      running: true,
      about: "localhost/web:1.27",
      ports: [],
      host: { podman: "api" },
    },
    {
      source: "podman",
      name: "api2",
      state: "created",
      running: false,
      about: "localhost/web:1.27",
      ports: [udp(53), tcp(80), tcp(81), tcp(82)],
      host: { podman: "api2" },
    },
  ]);
});

Deno.test("containers of Podman 5 have the ports of their images", async () => {
  const { targets } = await discovered({
    podman: byCommand({ ps: prints(recorded.PODMAN_5.ps), inspect: prints("[]") }),
  }, ["podman"]);
  assert.deepEqual(targets[0].ports, [tcp(80), udp(5353)]);
});

Deno.test("a Podman without containers has none, in either of its ways to say so", async () => {
  for (const nothing of ["[]", "null"]) {
    const { targets, problems } = await discovered({
      podman: byCommand({ ps: prints(nothing) }),
    }, ["podman"]);
    assert.deepEqual([targets, problems], [[], []]);
  }
});

const KUBECTL = byCommand({
  "config view": prints(recorded.KUBECTL_CONFIG),
  "get pods": prints(recorded.KUBECTL_PODS),
});

Deno.test("pods that run are listed, with the container and what they serve", async () => {
  const { targets, contexts, problems } = await discovered({ kubectl: KUBECTL }, [
    "kubectl",
  ]);
  assert.deepEqual(problems, []);
  assert.deepEqual(targets, [
    {
      source: "kubectl",
      name: "gke/default/web-6d4b75cb6d-hsf2x",
      state: "running",
      running: true,
      about: "nginx:1.27",
      ports: [udp(53), tcp(80, "http"), tcp(15000)],
      host: {
        kubectl: {
          pod: "web-6d4b75cb6d-hsf2x",
          namespace: "default",
          context: "gke",
          container: "app",
        },
      },
    },
    {
      source: "kubectl",
      name: "gke/default/db-0",
      state: "not ready",
      running: true,
      about: "postgres:17",
      ports: [],
      host: { kubectl: { pod: "db-0", namespace: "default", context: "gke" } },
    },
  ]);
  assert.deepEqual(contexts, [
    {
      name: "arn:aws:eks:eu-west-1:1234:cluster/shop",
      namespace: "shop",
      current: false,
    },
    { name: "gke", namespace: "default", current: true },
  ]);
});

Deno.test("--all lists pods that ended or end, too", async () => {
  const { targets } = await discovered({ kubectl: KUBECTL }, ["kubectl", "--all"]);
  const states = targets.map(({ state, running }: Record<string, unknown>) => [
    state,
    running,
  ]);
  assert.deepEqual(states, [
    ["running", true],
    ["not ready", true],
    ["succeeded", false],
    ["terminating", false],
  ]);
});

Deno.test("kubectl is asked for the context and namespace that are meant", async () => {
  const kubectl = `case "$*" in
"config view --output=json") ${prints(recorded.KUBECTL_CONFIG)} ;;
*) echo "$*" >&2; exit 1 ;; esac`;
  const asked: [string[], string][] = [
    [[], "--context=gke get pods --namespace=default --output=json"],
    [["--namespace", "x"], "--context=gke get pods --namespace=x --output=json"],
    [["--all-namespaces"], "--context=gke get pods --all-namespaces --output=json"],
    [
      ["--context", "arn:aws:eks:eu-west-1:1234:cluster/shop"],
      "--context=arn:aws:eks:eu-west-1:1234:cluster/shop get pods --namespace=shop --output=json",
    ],
    [["--context", "gkee"], `there is no context "gkee"; did you mean "gke"?`],
  ];
  for (const [args, reason] of asked) {
    const { problems, contexts } = await discovered({ kubectl }, ["kubectl", ...args]);
    assert.deepEqual(problems, [{ source: "kubectl", kind: "failed", reason }]);
    assert.equal(contexts.length, 2);
  }
});

Deno.test("a kubectl without a context is no trouble, and one without a current one is", async () => {
  const none = byCommand({ "config view": prints(recorded.KUBECTL_NO_CONFIG) });
  const { problems } = await discovered({ kubectl: none }, []);
  assert.deepEqual(
    problems.find(({ source }: { source: string }) => source === "kubectl"),
    {
      source: "kubectl",
      kind: "missing",
      reason: "its configuration has no context",
    },
  );
  const noCurrent = byCommand({
    "config view": prints(recorded.KUBECTL_CONFIG.replace(`: "gke"\n}`, `: ""\n}`)),
  });
  const { stderr, status } = await plain({ kubectl: noCurrent }, ["kubectl"]);
  assert.match(
    stderr,
    /kubectl: no context is the current one; --context takes one of arn/,
  );
  assert.equal(status, 1);
});

Deno.test("instances of LXD and Incus are listed together", async () => {
  const list = byCommand({ list: prints(recorded.LXC_LIST) });
  const { targets, problems } = await discovered({ lxc: list, incus: list }, [
    "lxc",
    "--all",
  ]);
  assert.deepEqual(problems, []);
  const box = {
    source: "lxc",
    name: "box",
    state: "running",
    running: true,
    about: "container, Debian bookworm amd64 (20261120)",
    ports: [tcp(80)],
  };
  const vm = {
    source: "lxc",
    name: "vm",
    state: "stopped",
    running: false,
    about: "virtual-machine",
    ports: [],
  };
  assert.deepEqual(targets, [
    { ...box, host: { lxc: "box" } },
    { ...vm, host: { lxc: { instance: "vm", project: "lab" } } },
    { ...box, host: { lxc: { instance: "box", program: "incus" } } },
    { ...vm, host: { lxc: { instance: "vm", project: "lab", program: "incus" } } },
  ]);
});

Deno.test("one of LXD and Incus is enough", async () => {
  const incus = byCommand({ list: prints(recorded.LXC_LIST) });
  const { targets, problems } = await discovered({ incus }, ["lxc"]);
  assert.deepEqual([targets.length, problems], [1, []]);
});

Deno.test("hosts of ssh's configuration are listed, if ssh takes their names", async () => {
  const ssh = `case "$*" in -V) echo OpenSSH_9.2p1 >&2 ;; *) exit 1 ;; esac`;
  const { targets, problems } = await discovered({ ssh }, ["ssh"], async ({ folder }) => {
    await Deno.mkdir(`${folder}/.ssh/more`, { recursive: true });
    await Deno.writeTextFile(
      `${folder}/.ssh/config`,
      `Include more/*
Host office *.lab "a b" box:22 me@box $(reboot) -oProxyCommand=x
  HostName 10.0.0.5
  User me
  Port 2222
Host "unclosed
`,
    );
    await Deno.writeTextFile(`${folder}/.ssh/more/a`, "Host vm");
  });
  assert.deepEqual(problems, [{
    source: "ssh",
    kind: "failed",
    reason: "@/.ssh/config:6: a quote is not closed",
  }]);
  const common = { source: "ssh", state: "", running: true, ports: [] };
  assert.deepEqual(targets, [
    { ...common, name: "vm", about: "vm", host: { ssh: "vm" } },
    { ...common, name: "office", about: "me@10.0.0.5:2222", host: { ssh: "office" } },
  ]);
});

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
