/**
 * An agent that outlives its links, in a process of its own.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { until, within } from "../../tests/harness/scene/wait.ts";
import {
  agentCommand,
  configuration,
  echoed,
  folderOf,
  gone,
  isRunning,
  keeperTest as test,
  Kept,
  shellCommand,
  someId,
  TestLink,
  wishOf,
} from "./_manager.ts";

/** A later exec by a shell. */
function shell(kept: Kept): TestLink {
  return kept.exec(shellCommand(kept.folder!), true);
}

/** How many descriptors a process has. */
function descriptors(pid: number): number {
  return [...Deno.readDirSync(`/proc/${pid}/fd`)].length;
}

async function dropped(link: TestLink): Promise<void> {
  await link.drop();
  await until("the end of a link", () => link.isOver);
}

test("connections go on when the exec's input ends and another exec attaches", async () => {
  await using kept = await Kept.start();
  const client = await kept.connect();
  await echoed(client, "before");
  await dropped(kept.first);
  const pending = echoed(client, "sent while nobody was there");
  const { away } = await kept.back();
  assert.ok(away > 0 && away < 10_000, `${away}`);
  await pending;
  await echoed(client, "after");
  await echoed(await kept.connect(), "another");
  const relay = kept.link;
  await relay.event("bye");
  await relay.drop();
  await gone(kept);
  assert.equal((await relay.child.status).code, 0, relay.stderr);
  assert.equal((await kept.first.child.status).code, 0, kept.first.stderr);
});

test("a shell lends by the door, and complaints go where it has its own", async () => {
  await using kept = await Kept.start();
  const client = await kept.connect();
  await echoed(client, "before");
  await dropped(kept.first);
  const link = shell(kept);
  await kept.back(link);
  assert.equal(link.text, "yes\n\n");
  await echoed(client, "after");
  await link.event("hostDown", { ip: "nonsense", ranges: [] });
  await until("the complaint", () => /makes no sense/.test(link.stderr));
  assert.equal(kept.first.stderr, "");
  await dropped(link);
  assert.equal((await link.child.status).code, 0);
  await kept.back();
  await echoed(client, "and by the program");
});

test("an end of input behind `bye` is the end", async () => {
  await using kept = await Kept.start();
  await kept.first.event("bye");
  await kept.first.drop();
  await gone(kept);
  assert.equal((await kept.first.child.status).code, 0, kept.first.stderr);
});

test("the newest link wins while the one before still stands", async () => {
  await using kept = await Kept.start();
  const client = await kept.connect();
  await echoed(client, "before");
  await kept.back(shell(kept));
  await echoed(client, "over the second");
  await until("the end of the first", () => kept.first.isOver);
  assert.ok(isRunning(kept.first.pid));
  const second = kept.link;
  await kept.back();
  await until("the end of the second", () => second.isOver);
  assert.equal((await second.child.status).code, 0);
  await echoed(client, "over the third");
});

test("twenty links leave no descriptor, no memory and nothing in the folder", async () => {
  await using kept = await Kept.start();
  const client = await kept.connect();
  await dropped(kept.first);
  const counts: number[] = [];
  const sizes: string[] = [];
  for (let i = 0; i < 20; i++) {
    await kept.back(i % 2 ? shell(kept) : undefined);
    await echoed(client, `round ${i}`);
    const status = Deno.readTextFileSync(`/proc/${kept.first.pid}/status`);
    sizes.push(/VmRSS:\s*(\d+)/.exec(status)![1]!);
    if (i % 3 > 0) await dropped(kept.link);
    if (i >= 16) counts.push(descriptors(kept.first.pid));
    else if (i === 2) counts.push(descriptors(kept.first.pid));
  }
  console.log(`descriptors ${counts}; KiB resident ${sizes}`);
  await dropped(kept.link);
  const most = counts[0]! + 6; // those of a link, and of its relay
  await until("few descriptors", () => descriptors(kept.first.pid) <= most);
  const names = [...Deno.readDirSync(kept.folder!)].map(({ name }) => name).sort();
  assert.deepEqual(names, ["door", "of", "pid", "sock"]);
});

test("when its time is over an agent ends and leaves no folder", async () => {
  await using kept = await Kept.start({ wish: { seconds: 1 } });
  const client = await kept.connect();
  await echoed(client, "before");
  const begin = performance.now();
  await kept.first.drop();
  await gone(kept);
  assert.ok(performance.now() - begin > 900);
  await assert.rejects(client.read(new Uint8Array(1)), Deno.errors.ConnectionReset);
  assert.equal((await kept.first.child.status).code, 0, kept.first.stderr);
});

test("an agent whose folder is removed while it has no link ends", async () => {
  await using kept = await Kept.start();
  await dropped(kept.first);
  assert.ok(isRunning(kept.first.pid));
  await Deno.remove(kept.folder!, { recursive: true });
  await gone(kept);
});

test("whatever becomes of its texts, an agent is found by them again", async () => {
  await using kept = await Kept.start();
  const client = await kept.connect();
  const { folder } = kept;
  const [pid, of] = [`${folder}/pid`, `${folder}/of`];
  const texts = [pid, of].map((path) => Deno.readTextFileSync(path));
  const spoils: Record<string, () => void> = {
    "garbage": () => Deno.writeTextFileSync(pid, "\0\xff12 x\n"),
    "another process": () => Deno.writeTextFileSync(pid, `${Deno.pid} 1\n`),
    "nothing": () => [pid, of].forEach((path) => Deno.removeSync(path)),
    "a folder": () => {
      Deno.removeSync(pid);
      Deno.mkdirSync(`${pid}/x`, { recursive: true });
    },
    "a FIFO that would be waited for": () => {
      Deno.removeSync(of);
      new Deno.Command("mkfifo", { args: [of] }).outputSync();
    },
    "a link": () => {
      Deno.removeSync(pid);
      Deno.symlinkSync("/dev/full", pid);
    },
  };
  const isMended = () =>
    [pid, of].every((path, index) => {
      try {
        return Deno.lstatSync(path).isFile &&
          Deno.readTextFileSync(path) === texts[index];
      } catch {
        return false;
      }
    });
  for (const [what, spoil] of Object.entries(spoils)) {
    await dropped(kept.link);
    spoil();
    await until(`what is no ${what}`, isMended);
    await kept.back(what === "garbage" ? shell(kept) : undefined);
    await echoed(client, what);
  }
  // While it has a link as well, for the next may come before this one ends.
  spoils["garbage"]!();
  await until("the texts", isMended);
  await kept.back();
  await echoed(client, "after");
});

test("an agent to whose folder nobody can come in ends when it has no link", async () => {
  await using kept = await Kept.start();
  const client = await kept.connect();
  const { folder } = kept;
  await Deno.remove(`${folder}/sock`);
  await dropped(kept.first);
  await kept.back(shell(kept));
  await echoed(client, "by the door");
  await Deno.remove(`${folder}/door`);
  await dropped(kept.link);
  await gone(kept);
});

test("SIGTERM ends an agent and removes its folder, SIGHUP and SIGINT do nothing", async () => {
  await using kept = await Kept.start();
  const client = await kept.connect();
  await dropped(kept.first);
  kept.first.child.kill("SIGHUP");
  kept.first.child.kill("SIGINT");
  await kept.back();
  await echoed(client, "after signals");
  kept.first.child.kill("SIGTERM");
  await gone(kept);
});

test("SIGTERM of a process that lends ends that process alone", async () => {
  await using kept = await Kept.start();
  const client = await kept.connect();
  await dropped(kept.first);
  const link = kept.exec();
  await kept.back(link);
  await echoed(client, "before");
  link.child.kill("SIGTERM");
  assert.equal((await link.child.status).signal, "SIGTERM");
  await kept.back();
  await echoed(client, "after");
});

test("sockets as standard input and output are lent, too", async () => {
  await using kept = await Kept.start();
  const client = await kept.connect();
  await dropped(kept.first);
  // Two socketpairs between our pipes and the program.
  const script = `
import os, socket, subprocess, sys, threading
a, b = socket.socketpair(), socket.socketpair()
child = subprocess.Popen(sys.argv[1:], stdin=a[1], stdout=b[1])
a[1].close(); b[1].close()
def copy(read, write, end):
    while True:
        data = read()
        if not data: break
        write(data)
    end()
up = threading.Thread(target=copy, daemon=True, args=(
    lambda: os.read(0, 65536), a[0].sendall, lambda: a[0].shutdown(socket.SHUT_WR)))
up.start()
copy(lambda: b[0].recv(65536), lambda data: os.write(1, data), lambda: None)
sys.exit(child.wait())
`;
  const program = [Deno.execPath(), "run", "--quiet", "-A", "cli.ts"];
  const args = ["-c", script, ...program, "agent", "--automated", "--attach", kept.id];
  const link = kept.exec(
    new Deno.Command("python3", {
      args,
      cwd: new URL("../../", import.meta.url),
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }),
  );
  await kept.back(link);
  await echoed(client, "x".repeat(300_000));
  await dropped(link);
  await kept.back();
  await echoed(client, "after");
});

test("a stream that is cut five times comes whole", async () => {
  await using kept = await Kept.start();
  const client = await kept.connect();
  const sent = new Uint8Array(40 << 20);
  for (let at = 0; at < sent.length; at += 65_536) {
    crypto.getRandomValues(sent.subarray(at, at + 65_536));
  }
  const got = new Uint8Array(sent.length);
  let count = 0;
  const writing = (async () => {
    for (let at = 0; at < sent.length;) at += await client.write(sent.subarray(at));
  })();
  const reading = (async () => {
    while (count < got.length) {
      const read = await client.read(got.subarray(count));
      if (read === null) throw new Error("the stream ended");
      count += read;
    }
  })();
  for (let cut = 1; cut <= 5; cut++) {
    await until("some more", () => count > cut * sent.length / 7);
    await kept.link.drop();
    await kept.back(cut % 2 ? undefined : shell(kept));
  }
  await within("the whole stream", Promise.all([writing, reading]), 60_000);
  assert.ok(Buffer.from(sent).equals(got));
});

test("a configuration that makes no sense leaves no keeper", async () => {
  const link = new TestLink(agentCommand());
  const id = someId();
  const wrong = { ...configuration(0, wishOf(id)), nameServers: [{ ip: "x" }] };
  assert.match(String((await link.ask("configure", wrong)).error), /nameServers/);
  assert.equal(folderOf(id), undefined);
  // Requests behind a configuration are answered in their order.
  const order: string[] = [];
  const asked = ["configure", "ping", "status"].map(async (op) => {
    const args = op === "configure" ? configuration(0, wishOf(id)) : undefined;
    const { error } = await link.ask(op, args);
    order.push(error === undefined ? op : String(error));
  });
  await Promise.all(asked);
  assert.deepEqual(order, ["configure", "ping", "status"]);
  assert.ok(folderOf(id));
  await link.event("bye");
  await link.drop();
  assert.equal((await link.child.status).code, 0);
  await link.ended;
  assert.equal(folderOf(id), undefined);
});

test("an id of another form is wrong usage", async () => {
  const link = new TestLink(agentCommand(["--attach", "../../etc"]));
  await link.drop();
  assert.equal((await link.child.status).code, 2);
  await link.ended;
  assert.match(link.stderr, /16 hexadecimal digits/);
});
