/**
 * Hosts that kill a command when its link is gone, as LXD does: the agent is in a session
 * of its own there, and stays.
 *
 * @module
 */
import assert from "node:assert/strict";
import { until, within } from "../tests/harness/scene/wait.ts";
import {
  hostTest,
  SHELLS,
  testAgent,
  type TestHost,
  testPack,
  textOfStream,
} from "./_host.ts";
import { runs } from "./_keeper.ts";
import type { AgentFiles } from "./agents.ts";
import { openInstalled } from "./open.ts";
import { scriptFor } from "./script.ts";

/** An agent that says which process it is, and does not end with its input. */
const STAYING =
  `echo $$ >/mnt/home/agent; cat; echo away >/mnt/home/agent-is; exec sleep 100`;

/**
 * A stand-in for LXD: the command is a process that it makes for one client, with pipes, in
 * a session. It kills that session when the client is gone, and then closes the pipes.
 */
async function lxd(host: TestHost, files: AgentFiles, detached = true) {
  const { words, text } = await scriptFor({ files, always: false, detached });
  const [program, ...args] = host.command(words);
  const child = new Deno.Command(program!, {
    args,
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
    detached: true,
  }).spawn();
  const stdin = child.stdin.getWriter();
  await stdin.write(text);
  let said = "";
  const reading = child.stdout.pipeThrough(new TextDecoderStream())
    .pipeTo(new WritableStream({ write: (text) => void (said += text) }));
  return {
    pid: child.pid,
    write: (text: string) => stdin.write(new TextEncoder().encode(text)),
    heard: (text: string) => until(`"${text}"`, () => said.includes(text)),
    close: () => stdin.close(),
    status: within("the end", child.status, 60_000),
    /** The client is gone. */
    async drop() {
      for (const pid of sessionOf(child.pid)) Deno.kill(pid, "SIGKILL");
      await child.status;
      await stdin.close().catch(() => {});
    },
    /** All of its output was read, which nobody holds open any more. */
    reading,
  };
}

/** The processes of a session. */
function sessionOf(session: number): number[] {
  return Array.from(Deno.readDirSync("/proc"), ({ name }) => Number(name))
    .filter((pid) => {
      try {
        const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
        return Number(stat.split(") ").at(-1)!.split(" ")[3]) === session;
      } catch {
        return false; // no process, or gone meanwhile
      }
    });
}

/** Puts the agent on the host, which is then found, and works from then on. */
async function put(host: TestHost, files: AgentFiles): Promise<void> {
  const link = await host.open({ files });
  await link.writable.close();
  await Promise.allSettled([link.readable.cancel(), link.closed]);
  await Deno.writeTextFile(`${host.root}/home/ready`, "");
}

function agentThat(lines: string): AgentFiles {
  const x64 = testAgent(0, `[ -e /mnt/home/ready ] || exit 0\n${lines}`);
  return { x64, arm64: x64 };
}

for (const shell of SHELLS) {
  hostTest(
    `${shell}: the agent has the command's own pipes, and lives on when the command is killed`,
    { shell },
    async (host) => {
      const files = agentThat(STAYING);
      await put(host, files);
      const link = await lxd(host, files);
      await link.heard("norouter-install start ");
      await link.write("every byte");
      await link.heard("every byte");
      const agent = Number(host.read("home/agent"));
      assert.notEqual(agent, link.pid);
      assert.ok(sessionOf(agent).includes(agent));
      try {
        await link.drop();
        await until("it to see the end of its input", () => host.read("home/agent-is"));
        assert.ok(runs(agent));
      } finally {
        Deno.kill(agent, "SIGKILL");
      }
      await within("the end of its output", link.reading);
    },
  );

  hostTest(
    `${shell}: the command ends with the agent, and with its status`,
    { shell },
    async (host) => {
      const files = agentThat("cat; exit 7");
      await put(host, files);
      const link = await lxd(host, files);
      await link.heard("norouter-install start ");
      await link.write("to the end");
      await link.close();
      await link.heard("to the end");
      assert.equal((await link.status).code, 7);
      await within("the end of its output", link.reading);
    },
  );
}

hostTest("without setsid the command becomes the agent", {
  without: ["setsid"],
}, async (host) => {
  const files = agentThat(STAYING);
  await put(host, files);
  const link = await lxd(host, files);
  await link.heard("norouter-install start ");
  await link.write("bytes");
  await link.heard("bytes");
  assert.equal(Number(host.read("home/agent")), link.pid);
  await link.drop();
  await within("the end of its output", link.reading);
});

hostTest("elsewhere the command becomes the agent", {}, async (host) => {
  const files = agentThat(STAYING);
  await put(host, files);
  const link = await lxd(host, files, false);
  await link.heard("norouter-install start ");
  await link.write("bytes");
  await link.heard("bytes");
  assert.equal(Number(host.read("home/agent")), link.pid);
  await link.drop();
  await within("the end of its output", link.reading);
});

hostTest("the mark of a program for deno is that of the process that stays", {
  programs: { deno: Deno.execPath() },
}, async (host) => {
  const pack = await testPack();
  await put(host, { pack });
  const link = await lxd(host, { pack });
  await link.heard("norouter-install start ");
  await link.write("hello");
  await link.heard("says hello");
  const app = `home/.cache/norouter/app-${Deno.version.deno}-${pack.name}`;
  const marks = host.list(`${app}/used`).map((name) => Number(name.split(".")[0]));
  assert.equal(marks.filter(runs).length, 1);
  assert.ok(!marks.includes(link.pid));
  await link.close();
  await link.status;
  await link.reading;
});

hostTest("a transport says whether its host kills commands", {}, async (host) => {
  const files = agentThat("echo $$; exec cat");
  await put(host, files);
  for (const killsCommands of [true, false]) {
    const transport = host.transport([
      "sh",
      "-c",
      `echo $$ >/mnt/home/shell; exec "$@"`,
      "-",
    ]);
    const open = { ...transport, killsCommands };
    const link = await openInstalled(open, {}, { mode: "auto", files }, host.context);
    await link.writable.close();
    const agent = await textOfStream(link.readable);
    assert.equal(agent === host.read("home/shell"), !killsCommands);
    await link.closed;
  }
});
