/**
 * `norouter FILE`, as users run it, with agents that only speak the protocol.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "shlex";
import { isAlive } from "../../tests/harness/scene/proc.ts";
import { until } from "../../tests/harness/scene/wait.ts";
import { isPrintable } from "../console/printable.ts";
import { run, Running, withFiles } from "../_run.ts";

const AGENT = new URL("../../manager/_fake_agent.ts", import.meta.url).href;

/** The command of a host whose agent behaves so. */
function agent(behaviour: object = {}): string {
  const command = [Deno.execPath(), "run", "--quiet", "-A", AGENT];
  return JSON.stringify([...command, JSON.stringify(behaviour)]);
}

/** A test that runs a mesh; signals end a process elsewhere, but not gently. */
function mesh(
  name: string,
  hosts: Record<string, string>,
  use: (running: Running) => Promise<void>,
  args: string[] = [],
): void {
  const ignore = Deno.build.os === "windows";
  const text = "hosts:\n" +
    Object.entries(hosts).map(([host, cmd]) =>
      `  ${host}: { cmd: ${cmd}, ports: ["8080:127.0.0.1:80"] }\n`
    ).join("");
  Deno.test({
    name,
    ignore,
    fn: () =>
      withFiles({ "mesh.yaml": text }, async (cwd) => {
        const running = new Running([...args, "mesh.yaml"], cwd);
        try {
          await use(running);
        } finally {
          running.kill();
          await running.end();
        }
      }),
  });
}

/** An agent as words for a shell. */
const LATE = join(JSON.parse(agent()));

const FAILING = `sh -c "echo oops >&2; exit 3"`;

mesh(
  "a mesh tells its hosts, when each is ready, and when all are",
  { web: agent(), database: agent({ stderr: "hello" }) },
  async (running) => {
    await running.line(/^info +Every host is ready: 2 in /m);
    assert.match(
      running.stderr,
      /^HOST +VIP +PORTS +REACHED BY\nweb +127.0.42.100 +8080 +\S*deno/,
    );
    assert.match(running.stderr, /^info {3}web {7}Ready at 127.0.42.100 after \d+ ms$/m);
    assert.match(running.stderr, /^info {3}database {2}Ready at 127.0.42.101 after/m);
    assert.match(running.stderr, /^info {3}database {2}\| hello$/m);
    running.signal("SIGTERM");
    assert.equal(await running.end(), 0);
    assert.match(running.stderr, /Ending the mesh \(SIGTERM\)/);
  },
);

mesh(
  "a host that fails is named with its reason, and the others are up",
  { web: agent(), broken: FAILING },
  async (running) => {
    await running.line(/^warn +1 of 2 hosts are up, without broken$/m);
    assert.equal(
      running.stderr.match(/oops/g)?.length,
      2,
      "in the table and as the reason",
    );
    assert.match(
      running.stderr,
      /^error +broken +.* exited with status 3: oops; trying/m,
    );
    running.signal("SIGINT");
    assert.equal(await running.end(), 0);
  },
);

mesh(
  "a host that is ready at last is not said to be ready again, one that was is",
  {
    late: asYaml([
      "sh",
      "-c",
      `[ -e tried ] || { touch tried; exit 3; }; exec ${LATE} "$0" "$@"`,
    ]),
    short: agent({ exitWhenReady: 3 }),
  },
  async (running) => {
    await running.line(/^info +late +Ready at/m);
    await running.line(/^info +short +Ready again at/m);
    await running.line(/^error +short .*failure 2 without 30 s up in between/m);
    assert.doesNotMatch(running.stderr, /late +Ready again/);
  },
);

mesh(
  "the status is 1 if no host ever became ready",
  { broken: FAILING },
  async (running) => {
    await running.line(/No host is up: /);
    running.signal("SIGINT");
    assert.equal(await running.end(), 1);
  },
);

mesh(
  "Ctrl-C works while hosts have yet to answer",
  { mute: agent({ isMute: true, stderr: "started" }) },
  async (running) => {
    await running.line(/started/);
    running.signal("SIGINT");
    assert.equal(await running.end(), 1);
    assert.doesNotMatch(running.stderr, /hosts? (is|are) up/);
  },
);

/** A value as YAML that is plain ASCII. */
function asYaml(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^ -~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** What would clear a terminal, turn the order of letters, or pass for a line of ours. */
const HOSTILE = "\x1b[2J\u202e\u2066evil\x9b31m\u2028info";

for (const args of [[], ["--debug"], ["--log-format", "json"]]) {
  mesh(
    `nothing of a manifest or a host controls the terminal, with "${args.join(" ")}"`,
    {
      web: asYaml(JSON.parse(agent({ stderr: `of the agent ${HOSTILE}` }))),
      broken: asYaml(["sh", "-c", `echo '${HOSTILE}' >&2; exit 3`]),
    },
    async (running) => {
      await running.line(/1 of 2 hosts are up/);
      await running.line(/of the agent/);
      running.signal("SIGTERM");
      await running.end();
      assert.match(running.stderr, /\\(x1b|u001b)\[2J\\u202e\\u2066evil\\(x|u00)9b31m/);
      assert.ok(isPrintable(running.stderr), JSON.stringify(running.stderr));
    },
    args,
  );
}

mesh(
  "with --debug a run ends with what became of everything",
  { web: agent({ stack: { connections: 3, turnedAway: 7 } }), broken: FAILING },
  async (running) => {
    await running.line(/1 of 2 hosts are up/);
    running.signal("SIGTERM");
    assert.equal(await running.end(), 0);
    const [, block = ""] = running.stderr.split(/^Status after [\d.]+ s\n/m);
    assert.match(block, /^web +ready +[\d.]+ s +1 +0 /m);
    assert.match(block, /^broken +down +- +0 +\d+ /m);
    assert.match(block, /^to web +0 +0 B +/m);
    assert.match(block, /^of web +3 +0 +0\/0 +0 +0 +0 +0 +7 +0$/m);
    assert.match(block, /^Packets: 0 delivered, /m);
    assert.match(block, /^Listeners: 0 up, 0 failed$/m);
  },
  ["--debug"],
);

mesh(
  "with --debug a run for machines ends with a status of one line",
  { web: agent({ stack: { connections: 3 } }), mute: agent({ isMute: true }) },
  async (running) => {
    await running.line(/"type":"ready"/);
    running.signal("SIGTERM");
    await running.end();
    const lines = running.stderr.trim().split("\n").map((line) => JSON.parse(line));
    const [status, ...more] = lines.filter(({ type }) => type === "status");
    assert.deepEqual(more, []);
    assert.equal(status.level, "debug");
    assert.deepEqual(
      status.hosts.map(({ host, state }: Record<string, unknown>) => [host, state]),
      [["web", "ready"], ["mute", "starting"]],
    );
    assert.equal(status.stacks[0].connections, 3);
    assert.equal(status.listening, 0);
  },
  ["--debug", "--log-format", "json"],
);

mesh(
  "whether an agent stays without its link is told once for each host with --debug",
  {
    stays: agent({ resume: { seconds: 300 } }),
    ends: agent({ resume: { off: "no private folder" } }),
    older: agent(),
  },
  async (running) => {
    await running.line(/^[\d:.]+ {2}debug +stays +resume: on, its agent stays 300 s/m);
    await running.line(/^[\d:.]+ {2}debug +ends +resume: off \(no private folder\)$/m);
    await running.line(/ debug +older +resume: off \(its agent does not know how \(ver/);
    running.signal("SIGTERM");
    assert.equal(await running.end(), 0);
  },
  ["--debug"],
);

mesh(
  "a state file has the agents that stay, until they are ended",
  { stays: agent({ resume: { seconds: 300 } }), ends: agent() },
  async (running) => {
    await running.line(/Every host is ready/);
    const path = `${running.cwd}/state`;
    const hosts = () => Object.keys(JSON.parse(Deno.readTextFileSync(path)).hosts);
    assert.deepEqual(hosts(), ["stays"]);
    assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
    running.signal("SIGTERM");
    assert.equal(await running.end(), 0);
    assert.deepEqual(hosts(), []);
  },
  ["--state", "state"],
);

Deno.test("a state file that cannot be used is told, and nothing is started", {
  ignore: Deno.build.os === "windows",
}, async () => {
  const files = { "mesh.yaml": `hosts: { web: { cmd: ${agent()} } }`, state: "{}" };
  await withFiles(files, async (cwd) => {
    Deno.chmodSync(`${cwd}/state`, 0o644);
    const { status, stderr } = await run(["mesh.yaml", "--state", "state"], { cwd });
    assert.equal(status, 1);
    assert.match(
      stderr,
      /Cannot use the state file state: its mode is 0644, .*: chmod 600 /,
    );
    assert.doesNotMatch(stderr, /Ready/);
  });
});

/** Says its process id first, so that its end can be seen. */
const STUBBORN = JSON.stringify([
  ...["sh", "-c", 'echo "process $$" >&2; exec "$@"', "sh"],
  ...JSON.parse(agent({ isStubborn: true })),
]);

mesh(
  "a second Ctrl-C ends the program at once, with all that it started",
  { stubborn: STUBBORN },
  async (running) => {
    await running.line(/Every host is ready/);
    running.signal("SIGINT");
    await running.line(/Ending the mesh \(SIGINT\); a second Ctrl-C ends it at once/);
    running.signal("SIGINT");
    assert.equal(await running.end(), 130);
    const [, pid] = /\| process (\d+)/.exec(running.stderr)!;
    await until("the stubborn agent to be gone", () => !isAlive(Number(pid)));
  },
);

mesh(
  "everything is one JSON object a line with --log-format json",
  { web: agent({ stderr: "hello" }) },
  async (running) => {
    await running.line(/"type":"started"/);
    running.signal("SIGTERM");
    assert.equal(await running.end(), 0);
    const events = running.stderr.trimEnd().split("\n").map((line) => JSON.parse(line));
    const types = events.map(({ type }) => type);
    for (const type of ["host", "output", "ready", "started", "stopping"]) {
      assert.ok(types.includes(type), `${type} is not among ${types}`);
    }
    const { vip, ports, level } = events[0];
    assert.deepEqual({ vip, ports, level }, {
      vip: "127.0.42.100",
      ports: [8080],
      level: "info",
    });
    const ready = events.find(({ type }) => type === "ready");
    assert.equal(ready.host, "web");
    assert.ok(ready.ms > 0);
  },
  ["--log-format", "json"],
);

/** Whether a process has a handler of SIGINT. */
function hearsInterrupt(pid: number): boolean {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return (BigInt(`0x${/^SigCgt:\s*(\w+)/m.exec(status)![1]}`) & 2n) !== 0n;
}

Deno.test("a mesh whose manifest is a named pipe without a writer ends by one Ctrl-C", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  await withFiles({}, async (cwd) => {
    await new Deno.Command("mkfifo", { args: ["pipe"], cwd }).output();
    const running = new Running(["pipe"], cwd);
    try {
      await until("it to hear signals", () => hearsInterrupt(running.pid));
      running.signal("SIGINT");
      assert.equal(await running.end(), 130);
    } finally {
      running.kill();
    }
  });
});

Deno.test("a manifest may come from a named pipe, and is not read again", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  await withFiles({}, async (cwd) => {
    await new Deno.Command("mkfifo", { args: ["pipe"], cwd }).output();
    const running = new Running(["pipe"], cwd);
    try {
      const text = "hosts: { local: { loopback: { disable: true } } }";
      const args = ["-c", 'printf %s "$0" > pipe', text];
      assert.ok((await new Deno.Command("sh", { args, cwd }).output()).success);
      await running.line(/Every host is ready/);
      running.signal("SIGHUP");
      await running.line(/cannot be used.*it is a named pipe \(FIFO\)/);
      running.signal("SIGTERM");
      assert.equal(await running.end(), 0);
    } finally {
      running.kill();
    }
  });
});
