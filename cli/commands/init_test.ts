/**
 * `norouter init`, as users run it, with stand-ins for the programs that it asks.
 *
 * @module
 */
import assert from "node:assert/strict";
import { parse } from "yaml";
import { run } from "../_run.ts";
import { byCommand, fails, prints, type StandIns, withPrograms } from "../_stand_ins.ts";
import { Terminal } from "../_terminal.ts";
import { needs } from "../../tests/harness/scene/requirements.ts";
import * as recorded from "../discovery/_recorded.ts";

const DOCKER = byCommand({
  ps: prints(recorded.DOCKER_20.ps),
  inspect: prints(recorded.DOCKER_20.inspect),
});
const KUBECTL = byCommand({
  "config view": prints(recorded.KUBECTL_CONFIG),
  "get pods": prints(recorded.KUBECTL_PODS),
});
const LXC = byCommand({ list: prints(recorded.LXC_LIST) });
const PROGRAMS = { docker: DOCKER, kubectl: KUBECTL, lxc: LXC, ssh: "true" };

/** Runs the command in a folder of its own. */
function init(
  args: readonly string[],
  programs: Readonly<Record<string, string>> = PROGRAMS,
) {
  return withPrograms(programs, async (standIns) => {
    const { status, stdout, stderr } = await runIn(standIns, args);
    const path = `${standIns.folder}/mesh.yaml`;
    const text = await Deno.readTextFile(path).catch(() => undefined);
    return { status, stdout, stderr, text };
  });
}

function runIn({ folder, env }: StandIns, args: readonly string[]) {
  return run(["init", ...args], { cwd: folder, env });
}

Deno.test("hosts that flags name are written with what is known of them, and checked", async () => {
  await withPrograms(PROGRAMS, async (standIns) => {
    const { status, stderr } = await runIn(standIns, [
      ...["--docker", "web", "--docker", "hosty", "--lxc", "box"],
      ...["--kubectl", "gke/default/web-6d4b75cb6d-hsf2x", "--ssh", "me@office:2222"],
    ]);
    assert.equal(
      stderr,
      `info   Wrote mesh.yaml with 6 hosts: local, web, hosty, web-2, box, office
mesh.yaml:26:3: warning: "hosty" has no part in this mesh: it publishes no port, no route goes via it, and with loopback disabled and no HTTP or SOCKS proxy its programs reach nothing
info   Look at their ports there, then start the mesh: norouter mesh.yaml
`,
    );
    assert.equal(status, 0);
    const text = await Deno.readTextFile(`${standIns.folder}/mesh.yaml`);
    assert.match(text, /^# yaml-language-server: \$schema=norouter\.schema\.json\n/);
    assert.match(text, /^# A mesh of this machine .*\n#\n# {3}norouter mesh.yaml /m);
    assert.match(text, /# pod: deployment\/web would be any pod of it/);
    assert.deepEqual(parse(text), {
      hosts: {
        local: {},
        web: { docker: "web", ports: ["8080:127.0.0.1:80", "8000:127.0.0.1:8000"] },
        hosty: { docker: "hosty", loopback: { disable: true } },
        "web-2": {
          kubectl: {
            pod: "web-6d4b75cb6d-hsf2x",
            namespace: "default",
            context: "gke",
            container: "app",
          },
          ports: ["8080:127.0.0.1:80", "15000:127.0.0.1:15000"],
        },
        box: { lxc: "box", ports: ["8080:127.0.0.1:80"] },
        office: { ssh: "me@office:2222" },
      },
    });
    const check = await run(["check", "mesh.yaml"], { cwd: standIns.folder });
    assert.deepEqual([check.status, check.stdout], [0, "mesh.yaml: OK, 6 hosts\n"]);
  });
});

Deno.test("a manifest on standard output is nothing else, and no file", async () => {
  const { status, stdout, stderr, text } = await init(["--docker", "web", "-o", "-"]);
  assert.deepEqual([status, stderr, text], [0, "", undefined]);
  const check = await run(["check", "-"], { stdin: stdout });
  assert.equal(check.stdout, "<stdin>: OK, 2 hosts\n");
});

Deno.test("a file that is there stays as it is, unless --force says otherwise", async () => {
  await withPrograms(PROGRAMS, async (standIns) => {
    const path = `${standIns.folder}/my mesh.yaml`;
    await Deno.writeTextFile(path, "mine\n");
    const args = ["--docker", "web", "--output", "my mesh.yaml"];
    const refused = await runIn(standIns, args);
    assert.equal(
      refused.stderr,
      "error  my mesh.yaml is already there; --force replaces it, --output names another\n",
    );
    assert.equal(refused.status, 1);
    assert.equal(await Deno.readTextFile(path), "mine\n");
    const forced = await runIn(standIns, [...args, "--force"]);
    assert.match(forced.stderr, /start the mesh: norouter 'my mesh.yaml'\n/);
    assert.equal(forced.status, 0);
    assert.match(await Deno.readTextFile(path), /docker: web/);
  });
});

Deno.test("a file that cannot be written is an error with the reason", async () => {
  const { status, stderr } = await init(["--docker", "web", "-o", "no/such/mesh.yaml"]);
  assert.equal(
    stderr,
    "error  Cannot write the manifest no/such/mesh.yaml: its folder does not exist\n",
  );
  assert.equal(status, 1);
});

Deno.test("a container may be named by its id, cut short, and counts once", async () => {
  const { text } = await init(["--docker", "214a92d8", "--docker", "web"]);
  assert.deepEqual(Object.keys(parse(text!).hosts), ["local", "web"]);
});

Deno.test("what does not run is written, with a warning", async () => {
  const { status, stderr, text } = await init(["--docker", "stopped_one"]);
  assert.match(stderr, /^warn {3}docker "stopped_one" does not run: created\n/);
  assert.match(text!, /# docker stopped_one: web:1.27 \(created\)\n {2}stopped_one:/);
  assert.equal(status, 0);
});

Deno.test("a pod is looked for where its flag says, or kubectl's configuration", async () => {
  const kubectl = `case "$*" in
"config view --output=json") ${prints(recorded.KUBECTL_CONFIG)} ;;
"--context=gke get pods --namespace=default --output=json") ${
    prints(recorded.KUBECTL_PODS)
  } ;;
"--context=arn:aws:eks:eu-west-1:1234:cluster/shop get pods --namespace=x --output=json") ${
    prints(recorded.KUBECTL_PODS.replaceAll(`"default"`, `"x"`))
  } ;;
*) echo "unexpected $*" >&2; exit 1 ;; esac`;
  const pods = ["db-0", "arn:aws:eks:eu-west-1:1234:cluster/shop/x/db-0", "default/db-0"];
  const args = pods.flatMap((pod) => ["--kubectl", pod]);
  const { stderr, text } = await init(args, { kubectl });
  assert.match(stderr, /^info {3}Wrote mesh.yaml with 3 hosts/);
  assert.deepEqual(parse(text!).hosts, {
    local: {},
    "db-0": { kubectl: { pod: "db-0", namespace: "default", context: "gke" } },
    "db-0-2": {
      kubectl: {
        pod: "db-0",
        namespace: "x",
        context: "arn:aws:eks:eu-west-1:1234:cluster/shop",
      },
    },
  });
});

const unknown: [string[], string][] = [
  [["--docker", "wbe"], `docker has no container "wbe"; did you mean "web"?`],
  [["--lxc", "bax"], `lxc has no instance "bax"; did you mean "box"?`],
  [
    ["--kubectl", "default/db-1"],
    `kubectl has no pod "db-1" in namespace "default"; did you mean "db-0"?`,
  ],
  [["--kubectl", "gk/x/y"], `kubectl has no context "gk"; did you mean "gke"?`],
  [["--kubectl", "x/"], `--kubectl "x/": wanted [[CONTEXT/]NAMESPACE/]POD`],
  [["--kubectl", "/y"], `--kubectl "/y": wanted [[CONTEXT/]NAMESPACE/]POD`],
  [["--ssh", "box:0"], `--ssh "box:0": the port of "box:0" is not from 1 to 65535`],
];
for (const [args, message] of unknown) {
  Deno.test(`${args.join(" ")} is refused: ${message}`, async () => {
    const { status, stderr, text } = await init(args);
    assert.match(stderr, new RegExp(`^error {2}${RegExp.escape(message)}\n$`, "m"));
    assert.deepEqual([status, text], [1, undefined]);
  });
}

Deno.test("what nobody can be asked for is written as named, with a warning", async () => {
  const { status, stderr, text } = await init([
    ...["--docker", "web", "--podman", "api", "--lxc", "lab:box"],
    ...["--kubectl", "gke/shop/web", "--ssh", "10.0.0.5"],
  ], { docker: fails("Cannot connect to the Docker daemon"), lxc: LXC, ssh: "true" });
  const lost = (name: string) =>
    `warn   ${name} is written as named: it could not be looked up, so its ports are not known\n`;
  assert.equal(
    stderr,
    `warn   docker: Cannot connect to the Docker daemon
info   podman: not installed
info   kubectl: not installed
${lost('docker "web"')}${lost('podman "api"')}${lost('kubectl "web"')}${
      lost('lxc "lab:box"')
    }info   Wrote mesh.yaml with 6 hosts: local, web, api, web-2, lab-box, 10-0-0-5
mesh.yaml:18:3: warning: nothing is published in this mesh: no host has "ports", and there are no "routes"; for a service on port 80 of "web" give it ports: ["8080:127.0.0.1:80"]
info   Look at their ports there, then start the mesh: norouter mesh.yaml
`,
  );
  assert.equal(status, 0);
  assert.deepEqual(parse(text!).hosts, {
    local: {},
    web: { docker: "web" },
    api: { podman: "api" },
    "web-2": { kubectl: { pod: "web", namespace: "shop", context: "gke" } },
    "lab-box": { lxc: "lab:box" },
    "10-0-0-5": { ssh: "10.0.0.5" },
  });
});

Deno.test("more hosts than there are addresses are refused by the check, unwritten", async () => {
  const many = Array.from({ length: 160 }, (_, i) => ["--ssh", `h${i}`]).flat();
  const { status, stderr, text } = await init(many);
  assert.match(
    stderr,
    /^error {2}No manifest is written, .* mesh.yaml:\d+:\d+: error: no /s,
  );
  assert.deepEqual([status, text], [1, undefined]);
});

Deno.test("without a terminal and without flags, the flags are told", async () => {
  const { status, stderr } = await init([]);
  assert.match(
    stderr,
    /^norouter: there is no terminal to pick hosts on, and none is named by --docker, --podman, --kubectl, --lxc, --ssh\n/,
  );
  assert.equal(status, 2);
});

const withTerminal = needs("python3");

/** Runs the command at a terminal. */
function atTerminal(
  programs: Readonly<Record<string, string>>,
  use: (terminal: Terminal, standIns: StandIns) => Promise<void>,
  args: readonly string[] = [],
) {
  const missing = `echo "no ${"${0##*/}"} here" >&2; exit 1`;
  const all = ["docker", "podman", "kubectl", "lxc", "incus", "ssh"];
  const others = Object.fromEntries(all.map((name) => [name, missing]));
  return withPrograms({ ...others, ...programs }, async (standIns) => {
    const { folder, env } = standIns;
    // The terminal's own program is somewhere else.
    const path = `${folder}:${Deno.env.get("PATH")}`;
    await using terminal = new Terminal(["init", ...args], {
      cwd: folder,
      env: { ...env, PATH: path },
    });
    await use(terminal, standIns);
  });
}

function terminalTest(name: string, fn: () => Promise<void>) {
  Deno.test({ name, ignore: withTerminal.ignore, fn });
}

terminalTest(
  "hosts are picked by number on a terminal, after mistakes too",
  () =>
    atTerminal(PROGRAMS, async (terminal, { folder }) => {
      await terminal.shows(/\n1 {2}docker {3}stopped_one .*\r\n2 {2}docker {3}hosty /);
      await terminal.shows(/6 {2}lxc {6}box .*\r\n\r\nHosts beside this machine/);
      await terminal.type("3,9\n");
      await terminal.shows(/"9" is not from 1 to 6\r\nHosts beside this machine/);
      await terminal.type("3, 5-6\n");
      await terminal.shows(/Wrote mesh.yaml with 4 hosts: local, web, db-0, box\r\n/);
      assert.equal(await terminal.end(), 0);
      const check = await run(["check", "mesh.yaml"], { cwd: folder });
      assert.equal(check.stdout, "mesh.yaml: OK, 4 hosts\n");
    }),
);

terminalTest(
  "who picks nothing gets no manifest",
  () =>
    atTerminal(PROGRAMS, async (terminal, { folder }) => {
      await terminal.shows(/Hosts beside this machine/);
      await terminal.type("\n");
      await terminal.shows(/Nothing was picked, so no manifest is written/);
      assert.equal(await terminal.end(), 0);
      await assert.rejects(Deno.stat(`${folder}/mesh.yaml`), Deno.errors.NotFound);
    }),
);

terminalTest(
  "the end of input picks nothing",
  () =>
    atTerminal(PROGRAMS, async (terminal) => {
      await terminal.shows(/Hosts beside this machine/);
      await terminal.type("\x04");
      await terminal.shows(/Nothing was picked/);
      assert.equal(await terminal.end(), 0);
    }),
);

terminalTest(
  "where nothing is found, there is nothing to pick",
  () =>
    atTerminal({}, async (terminal) => {
      await terminal.shows(/warn {3}docker: no docker here/);
      await terminal.shows(
        /error {2}Nothing was found that could be joined; "norouter show/,
      );
      assert.equal(await terminal.end(), 1);
    }),
);

terminalTest(
  "a file that is there is told before anything is asked",
  () =>
    atTerminal(PROGRAMS, async (terminal) => {
      await terminal.shows(/error {2}docker is already there; --force replaces it/);
      assert.doesNotMatch(terminal.screen, /Hosts beside/);
      assert.equal(await terminal.end(), 1);
    }, ["--output", "docker"]),
);

terminalTest(
  "a file that comes while the user picks stays as it is",
  () =>
    atTerminal(PROGRAMS, async (terminal, { folder }) => {
      await terminal.shows(/Hosts beside this machine/);
      await Deno.writeTextFile(`${folder}/mesh.yaml`, "mine\n");
      await terminal.type("1\n");
      await terminal.shows(/error {2}mesh.yaml is already there/);
      assert.equal(await terminal.end(), 1);
      assert.equal(await Deno.readTextFile(`${folder}/mesh.yaml`), "mine\n");
    }),
);
