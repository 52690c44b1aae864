/**
 * Real clients, killed and started again: the next command lends what it has to an agent
 * that is still there. A few lines stand in for that agent, which send back each byte.
 *
 * @module
 */
import assert from "node:assert/strict";
import { ID, StandInKeeper } from "../../install/_keeper.ts";
import { openInstalled } from "../../install/open.ts";
import { docker } from "../../transports/docker.ts";
import type { Link, Transport } from "../../transports/mod.ts";
import { ssh } from "../../transports/ssh.ts";
import { dockerTest } from "../harness/engines/docker.ts";
import { busyboxRoot } from "../harness/engines/image_root.ts";
import { SSH_NEEDS, SshMachine } from "../harness/engines/sshd.ts";
import { e2e } from "../harness/scene/scene.ts";
import { until, within } from "../harness/scene/wait.ts";

const BYTES = 1 << 20;

/** Opens a link that asks for the agent, and has no other. */
function back<Options>(
  transport: Transport<Options>,
  options: Options,
  { attach, signal, logged = [] }: {
    attach: string;
    signal: AbortSignal;
    logged?: string[];
  },
): Promise<Link> {
  const context = {
    host: "far",
    signal,
    attach,
    log: (line: string) => logged.push(line),
  };
  const opening = openInstalled(transport, options, { mode: "auto", files: {} }, context);
  return within("a link", opening);
}

/** Sends bytes of chance and waits until they have come back; the link stays open. */
async function assertEcho(link: Link): Promise<void> {
  const sent = new Uint8Array(BYTES);
  for (let at = 0; at < BYTES; at += 65_536) {
    crypto.getRandomValues(sent.subarray(at, at + 65_536));
  }
  const writer = link.writable.getWriter();
  const reader = link.readable.getReader();
  const writing = writer.write(sent.slice());
  const got: Uint8Array<ArrayBuffer>[] = [];
  for (let count = 0; count < BYTES;) {
    const { value, done } = await within("bytes", reader.read());
    assert.ok(!done, `the link ended after ${count} bytes`);
    got.push(value.slice());
    count += value.length;
  }
  await writing;
  writer.releaseLock();
  reader.releaseLock();
  assert.deepEqual(await new Blob(got).bytes(), sent);
}

async function drop(link: Link, stop: AbortController): Promise<void> {
  stop.abort(new Error("cut"));
  await link.closed;
  await Promise.allSettled([link.readable.cancel(), link.writable.abort()]);
}

/** The agent in a container, with the programs of busybox. */
const AGENT = `
dir=/tmp/norouter-0/keep-${ID}
mkdir -m 700 /tmp/norouter-0 "$dir"
mkfifo -m 600 "$dir/door"
read -r stat </proc/$$/stat
set -- \${stat##*) }
echo "$$ \${20}" >"$dir/pid"
exec 7<>"$dir/door"
while read -r word pid in out err <&7; do
  echo "an agent took it" >"/proc/$pid/fd/$err"
  {
    echo yes >&6
    cat <"/proc/$pid/fd/$in" >"/proc/$pid/fd/$out"
  } 6>"$dir/r$pid"
done`;

dockerTest(
  "docker exec goes back to an agent, again and again",
  async (engine, scene) => {
    const root = `${await scene.folder()}/root`;
    await busyboxRoot(root);
    const container = await engine.container(await engine.image(root), [
      "sh",
      "-c",
      AGENT,
    ]);
    const list = (path: string) => container.exec("ls", path);
    await until(
      "the agent",
      () => list(`/tmp/norouter-0/keep-${ID}/pid`).catch(() => ""),
    );
    const options = docker.parse({
      container: container.name,
      program: engine.command(),
    });
    const logged: string[] = [];
    for (let time = 1; time <= 3; time++) {
      const stop = new AbortController();
      const link = await back(docker, options, {
        attach: ID,
        signal: stop.signal,
        logged,
      });
      await assertEcho(link);
      await until("its words", () => logged.length === time);
      assert.match(await container.exec("ps", "-o", "args"), /\bhello\b/);
      await drop(link, stop);
      // The shell ends when the agent lets go, as its input has ended.
      await until(
        "nothing to be left",
        async () => !/\bhello\b/.test(await container.exec("ps", "-o", "args")),
      );
      assert.equal(await list(`/tmp/norouter-0/keep-${ID}`), "door\npid");
    }
    assert.deepEqual(new Set(logged), new Set(["an agent took it"]));
    assert.equal(await list("/root"), "");
  },
);

e2e("ssh goes back to an agent, again and again", async (scene) => {
  const near = await SshMachine.make(scene);
  const sshd = await near.sshd();
  await near.trust(sshd);
  const key = await near.key("mine");
  await near.authorize(key);
  const options = ssh.parse({
    host: `127.0.0.1:${sshd.port}`,
    identity: key,
    program: near.machine.command("ssh"),
  });
  const id = crypto.randomUUID().replaceAll("-", "").slice(0, 16);
  await using keeper = await StandInKeeper.make("/tmp", { id });
  for (let time = 1; time <= 3; time++) {
    const stop = new AbortController();
    const link = await back(ssh, options, { attach: id, signal: stop.signal });
    await assertEcho(link);
    assert.equal(keeper.heard.length, time);
    await drop(link, stop);
    await until("the end of it there", () => keeper.names.join() === "door,pid");
  }
}, { needs: SSH_NEEDS });
