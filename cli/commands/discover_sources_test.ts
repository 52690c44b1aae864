/**
 * What `norouter discover` lists of each source, by answers that were recorded.
 *
 * @module
 */
import assert from "node:assert/strict";
import { byCommand, fails, prints } from "../_stand_ins.ts";
import * as recorded from "../discovery/_recorded.ts";
import { discovered, docker, KUBECTL, plain } from "./_discovered.ts";

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
