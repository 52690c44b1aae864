/**
 * A mesh outlives its log, its terminal and its descriptors.
 *
 * @module
 */
import assert from "node:assert/strict";
import { isAlive } from "../harness/scene/proc.ts";
import { e2e } from "../harness/scene/scene.ts";
import { answers, goesOnAndEnds, ground } from "../harness/scene/surroundings.ts";
import { Terminal } from "../harness/scene/terminal.ts";
import { until } from "../harness/scene/wait.ts";

/** A host that writes more than pipes hold. */
const NOISY =
  `  noisy: { cmd: ["sh", "-c", "yes a line nobody asked for | head -c 3000000 >&2; sleep 600"] }\n`;

const redirections: [where: string, redirection: string, more?: string][] = [
  ["on a disk that is full", "2>/dev/full"],
  ["to a pipe whose reader has gone", "2> >(exec true)"],
  ["to a pipe that nobody reads", "2> >(exec sleep 600)", NOISY],
  ["nowhere, with all three descriptors closed", "<&- >&- 2>&-"],
];
for (const [where, redirection, more] of redirections) {
  e2e(`a mesh whose log goes ${where} goes on`, async (scene) => {
    const site = await ground(scene, { more: more ?? "" });
    const script = `exec "$@" ${redirection}`;
    scene.start("manager", ["bash", "-c", script, "bash", ...site.command], {
      namespace: site.here,
    });
    await answers(site);
    const pid = await site.pid();
    for (const number of [0, 1, 2]) {
      const file = Deno.readLinkSync(`/proc/${pid}/fd/${number}`);
      assert.doesNotMatch(file, /socket/, `descriptor ${number}`);
    }
    await goesOnAndEnds(site);
  }, { needs: ["bash", "curl"] });
}

e2e("an agent whose stderr is full, gone or stuck serves on", async (scene) => {
  // Where nothing can be written, which it has to say.
  const plan = { stateDir: { pathOnAgent: "/proc/none" } };
  const site = await ground(scene, { plan });
  const manifest = `${site.folder}/mesh.yaml`;
  for (const redirection of ["2>/dev/full", "2> >(exec true)", "2>&-"]) {
    const text = await Deno.readTextFile(manifest);
    const agent = /^ {4}cmd: (.*)$/m.exec(text)![1]!;
    const words = JSON.parse(agent) as string[];
    const start = words.indexOf(Deno.execPath());
    const wrapped = [
      ...words.slice(0, start),
      ...["bash", "-c", `exec "$@" ${redirection}`, "bash"],
      ...words.slice(start),
    ];
    await Deno.writeTextFile(manifest, text.replace(agent, JSON.stringify(wrapped)));
    const manager = scene.start("manager", site.command, { namespace: site.here });
    await answers(site);
    manager.signal("SIGTERM");
    assert.equal((await manager.end()).code, 0);
    await Deno.writeTextFile(manifest, text);
  }
}, { needs: ["bash", "curl"] });

e2e("lines that found no room on a disk are there once it has some", async (scene) => {
  const site = await ground(scene);
  const disk = `${site.folder}/disk`;
  await Deno.mkdir(disk);
  const script =
    `mount -t tmpfs -o size=64k tmpfs "$0" && head -c 1000000 /dev/zero > "$0/filler"
    exec "$@" 2> "$0/log"`;
  scene.start("manager", ["unshare", "-m", "sh", "-c", script, disk, ...site.command], {
    namespace: site.here,
  });
  await answers(site);
  const seen = `/proc/${await site.pid()}/root${disk}`;
  assert.equal(await Deno.readTextFile(`${seen}/log`), "");
  await Deno.remove(`${seen}/filler`);
  await until(
    "the log to be written",
    async () =>
      /^HOST.*Every host is ready/s.test(await Deno.readTextFile(`${seen}/log`)),
  );
  await goesOnAndEnds(site);
}, { needs: ["unshare", "curl"] });

e2e("a mesh in the foreground outlives its terminal, and says so", async (scene) => {
  const site = await ground(scene);
  const terminal = new Terminal(site.command, site.here);
  await terminal.shows(/Every host is ready/);
  await terminal.hangUp();
  await answers(site);
  await goesOnAndEnds(site);
}, { needs: ["script", "curl"] });

e2e(
  "a terminal that Ctrl-S stopped stops nothing, and Ctrl-Q shows what was lost",
  async (scene) => {
    // They write once they are told, when the terminal stands still: together more than
    // waits for it, each less than one host may.
    const folder = await scene.folder();
    const noisy = [1, 2, 3].map((number) => {
      const noise = `until [ -e ${folder}/go ]; do sleep 0.1; done; ` +
        `yes $(printf %0250d ${number}) | head -c 240000 >&2`;
      const command = ["sh", "-c", `${noise}; touch ${folder}/done${number}; sleep 600`];
      return `  noisy${number}: { connectTimeout: 1h, cmd: ${
        JSON.stringify(command)
      } }\n`;
    });
    const site = await ground(scene, { more: noisy.join("") });
    await using terminal = new Terminal(site.command, site.here);
    await terminal.shows(/web +Ready/);
    await terminal.type("\x13");
    await Deno.writeTextFile(`${folder}/go`, "");
    await until(
      "all to be written",
      () =>
        Promise.all([1, 2, 3].map((number) => Deno.stat(`${folder}/done${number}`)))
          .catch(() => undefined),
    );
    await answers(site);
    await terminal.type("\x11");
    await terminal.shows(/\d+ lines were lost here: nobody took them/);
    await goesOnAndEnds(site);
  },
  { needs: ["script", "curl"] },
);

const backgrounds: [what: string, line: string][] = [
  ["in the background, disowned,", `"$@" & disown; exit`],
  ["in the background of a shell that was hung up", `"$@" &`],
  ["started with nohup", `nohup "$@" & exit`],
];
for (const [what, line] of backgrounds) {
  e2e(`a mesh ${what} outlives the session`, async (scene) => {
    const site = await ground(scene);
    const script = `set -- ${site.command.map((word) => `'${word}'`).join(" ")}`;
    const terminal = new Terminal(["bash", "--norc", "-i"], site.here);
    await terminal.type(`cd ${site.folder}; ${script}`);
    await terminal.type(line);
    await answers(site);
    await terminal.hangUp();
    await answers(site);
    await goesOnAndEnds(site);
  }, { needs: ["script", "bash", "curl"] });
}

e2e("SIGHUP is noted and ends nothing", async (scene) => {
  const { manager } = await scene.mesh({ local: {}, web: {} });
  const { mark } = manager;
  manager.signal("SIGHUP");
  await manager.line(/the mesh goes on; SIGTERM ends it/, { after: mark });
  manager.signal("SIGTERM");
  assert.equal((await manager.end()).code, 0);
});

/** Holds so many connections open until its input ends. */
const CROWD = `
import socket, sys
host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
crowd = []
for _ in range(count):
    s = socket.socket()
    s.settimeout(5)
    try: s.connect((host, port))
    except OSError: pass
    crowd.append(s)
print("all asked", flush=True)
import time
time.sleep(600)`;

for (const who of ["manager", "agent"] as const) {
  e2e(
    `a ${who} without descriptors tells it, and serves again when there are some`,
    async (scene) => {
      const limited = (...command: readonly string[]) => [
        ...["sh", "-c", `ulimit -n 60; exec "$@"`, "sh"],
        ...command,
      ];
      const site = await ground(scene);
      const manifest = `${site.folder}/mesh.yaml`;
      const text = await Deno.readTextFile(manifest);
      if (who === "agent") {
        const agent = /^ {4}cmd: (.*)$/m.exec(text)![1]!;
        const command = JSON.stringify(limited(...JSON.parse(agent)));
        await Deno.writeTextFile(manifest, text.replace(agent, command));
      }
      const command = who === "manager" ? limited(...site.command) : site.command;
      const manager = scene.start("manager", command, { namespace: site.here });
      await answers(site);
      const crowd = scene.start(
        "crowd",
        ["python3", "-c", CROWD, "127.0.42.101", "8080", "100"],
        { namespace: site.here },
      );
      await crowd.line(/all asked/, { limitMs: 60_000 });
      await manager.line(/no file descriptors are left \(limit 60\)/);
      crowd.signal("SIGKILL");
      await answers(site);
      assert.ok(isAlive(await site.pid()));
      const told = manager.since().match(/no file descriptors/g)!.length;
      assert.ok(told < 10, `it was told ${told} times`);
      await goesOnAndEnds(site);
    },
    { needs: ["python3", "curl"], limitMs: 120_000 },
  );
}
