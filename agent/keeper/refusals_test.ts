/**
 * What a keeper does not take, and whom it makes room for.
 *
 * @module
 */
import assert from "node:assert/strict";
import { until } from "../../tests/harness/scene/wait.ts";
import { encodeControl } from "../../wire/control/control.ts";
import { encodeFrame, FrameType } from "../../wire/frame.ts";
import {
  agentCommand,
  configuration,
  echoed,
  folderOf,
  gone,
  isRunning,
  keeperTest as test,
  Kept,
  SECRET,
  shellCommand,
  someId,
  TestLink,
  wishOf,
} from "./_manager.ts";

function request(kept: Kept, more: Record<string, unknown> = {}): Uint8Array {
  const args = { id: kept.id, secret: SECRET, epoch: 100, ...more };
  return encodeControl({ type: "request", body: { id: 1, op: "resume", args } }).bytes;
}

const STRANGE: readonly [string, (kept: Kept) => Uint8Array, RegExp][] = [
  [
    "a wrong secret",
    (kept) => request(kept, { secret: "f".repeat(32) }),
    /secret is wrong/,
  ],
  ["another id", (kept) => request(kept, { id: "f".repeat(16) }), /for another agent/],
  ["an old epoch", (kept) => request(kept, { epoch: 1 }), /newer link/],
  [
    "a secret of another form",
    (kept) => request(kept, { secret: "x" }),
    /32 hexadecimal/,
  ],
  ["no frames", () => new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"), /no request/],
  ["a packet", () => encodeFrame(FrameType.L3, new Uint8Array(40)).bytes, /no request/],
  [
    "another request",
    () => encodeControl({ type: "request", body: { id: 1, op: "ping" } }).bytes,
    /no request to resume/,
  ],
  [
    "a frame that is too long",
    () => encodeFrame(FrameType.JSON, new Uint8Array(5000)).bytes,
    /too long/,
  ],
  [
    "more than the request",
    (kept) => new Uint8Array([...request(kept), ...request(kept)]),
    /more than the request/,
  ],
];

test("a link that does not prove itself ends, and changes nothing", async () => {
  await using kept = await Kept.start();
  const client = await kept.connect();
  await kept.back(); // epoch 1
  await echoed(client, "before");
  for (const [what, bytes, why] of STRANGE) {
    const link = kept.exec();
    await link.send(bytes(kept));
    const { code } = await link.child.status;
    await link.drop();
    await link.ended;
    assert.equal(code, 1, what);
    assert.match(link.stderr, why, what);
    assert.doesNotMatch(link.stderr, new RegExp(SECRET), what);
    await echoed(client, what);
  }
  const ended = kept.exec();
  await ended.drop();
  assert.equal((await ended.child.status).code, 1);
  const mute = kept.exec();
  const begin = performance.now();
  assert.equal((await mute.child.status).code, 1);
  assert.ok(performance.now() - begin > 2500);
  await until("the reason", () => /no request came within 3 s/.test(mute.stderr));
  await echoed(client, "after");
  await kept.back();
  await echoed(client, "over the next");
});

test("of many links that are mute only a few are waited for", async () => {
  await using kept = await Kept.start();
  const client = await kept.connect();
  const mute = Array.from({ length: 4 }, () => {
    return kept.exec(shellCommand(kept.folder!), true);
  });
  await until("all to be waited for", () => mute.every(({ text }) => text === "yes\n\n"));
  const more = kept.exec(shellCommand(kept.folder!), true);
  await until("the fifth", () => /^no other links/.test(more.text));
  for (const link of mute) {
    await link.child.status;
    await until("the reason", () => /no request came/.test(link.stderr));
  }
  await kept.back();
  await echoed(client, "after");
});

test("a shell whose input is no pipe is told so", async () => {
  await using kept = await Kept.start();
  const { stdout, code } = await shellCommand(kept.folder!, "null").output();
  assert.equal(new TextDecoder().decode(stdout), "no input or output is no pipe\n\n");
  assert.equal(code, 3);
});

test("garbage at the door changes nothing", async () => {
  await using kept = await Kept.start();
  const client = await kept.connect();
  const door = await Deno.open(`${kept.folder}/door`, { write: true, read: true });
  const write = (text: string) => door.write(new TextEncoder().encode(text));
  await write("\n\n\0\xff lend\nlend 1 2\nlend 0 0 0 0\nlend 1 3 4 5\nend\nend x\n");
  await write("lend 99999999 3 4 5\nlend -1 3 4 5\nlend 1 3 4 5; reboot\n");
  await write("end another mesh\n");
  for (let i = 0; i < 50; i++) await write("x".repeat(4000));
  await write(`\nend test-${kept.id} ho%20st\n`); // it has a link
  door.close();
  await echoed(client, "still there");
  await kept.first.drop();
  await until("the end of the link", () => kept.first.isOver);
  // That wish was too near: the agent ends instead of being away.
  await gone(kept);
});

test("without an agent to go back to there is a new one, which says so", async () => {
  const link = new TestLink(agentCommand(["--attach", someId()]));
  const args = { id: someId(), secret: SECRET, epoch: 1 };
  assert.match(
    String((await link.ask("resume", args)).error),
    /no such agent to go back/,
  );
  const { data, error } = await link.ask("configure", configuration(0));
  assert.equal(error, undefined);
  assert.equal("resume" in (data as object), false);
  await link.drop();
  assert.equal((await link.child.status).code, 0);
  await link.ended;
});

test("a keeper that is away makes room for a new agent of its mesh and host", async () => {
  await using old = await Kept.start();
  await echoed(await old.connect(), "before");
  await old.first.drop();
  await until("the end of the link", () => old.first.isOver);
  const id = someId();
  const link = new TestLink(agentCommand());
  const wish = wishOf(id, { mesh: `test-${old.id}` });
  const { data } = await link.ask("configure", configuration(old.port, wish));
  assert.deepEqual((data as { resume: unknown }).resume, { seconds: 60 });
  assert.equal(isRunning(old.first.pid), false);
  const { listeners } = (await link.ask("status")).data as { listeners: unknown[] };
  assert.equal(
    JSON.stringify(listeners).includes("error"),
    false,
    JSON.stringify(listeners),
  );
  await gone(old);
  await link.event("bye");
  await link.drop();
  await link.child.status;
  await link.ended;
  assert.equal(folderOf(id), undefined);
});

test("a keeper whose manager says that it lives is not ended by a newer agent", async () => {
  await using kept = await Kept.start();
  const client = await kept.connect();
  await echoed(client, "before");
  for (const wish of [1, 2]) {
    const newer = new TestLink(agentCommand());
    const args = configuration(0, wishOf(someId(), { mesh: `test-${kept.id}` }));
    assert.equal((await newer.ask("configure", args)).error, undefined);
    const { link } = kept;
    await until("the question", () => link.wishes.length > 0);
    assert.deepEqual(link.wishes, [{ wish }]);
    await link.event("stay", { wish });
    await link.ask("ping"); // behind the answer
    await newer.event("bye");
    await newer.drop();
    await newer.ended;
    await link.drop();
    await until("the end of the link", () => link.isOver);
    await kept.back();
    await echoed(client, `after ${wish}`);
  }
});

test("keepers of other hosts, and those with a link, are left alone", async () => {
  await using one = await Kept.start();
  await using two = await Kept.start({ wish: { mesh: "another" } });
  const client = await two.connect();
  await echoed(client, "two");
  await one.first.drop();
  await until("the end of the link", () => one.first.isOver);
  const id = someId();
  const link = new TestLink(agentCommand());
  const begin = performance.now();
  const wish = wishOf(id, { mesh: "another" });
  const { error } = await link.ask("configure", configuration(0, wish));
  assert.equal(error, undefined);
  assert.ok(performance.now() - begin < 5000);
  await echoed(client, "two is still there");
  assert.ok(isRunning(one.first.pid));
  await one.back();
  await link.kill();
  assert.ok(folderOf(id), "a keeper that was killed leaves its folder");
  await using _three = await Kept.start();
  assert.equal(folderOf(id), undefined, "which the next removes");
});

test("an agent that cannot outlive its link says why, and ends with its input", async () => {
  const denied = ["net", "read", "write", "env", "sys", "run"].map((name) =>
    `--allow-${name}`
  );
  const link = new TestLink(agentCommand([], denied));
  const { data } = await link.ask("configure", configuration(0, wishOf(someId())));
  assert.deepEqual((data as { resume: unknown }).resume, { off: "FFI is not allowed" });
  await link.drop();
  assert.equal((await link.child.status).code, 0);
  await link.ended;

  const file = await Deno.makeTempFile();
  const script = `"$@" >${file}`;
  const program = [Deno.execPath(), "run", "-A", "cli.ts", "agent", "--automated"];
  const toFile = new Deno.Command("sh", {
    args: ["-c", script, "sh", ...program],
    cwd: new URL("../../", import.meta.url),
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const writer = toFile.stdin.getWriter();
  const body = { id: 1, op: "configure", args: configuration(0, wishOf(someId())) };
  await writer.write(encodeControl({ type: "request", body }).bytes);
  await until("an answer in the file", async () => {
    return /off":"[^"]*a file"/.test(await Deno.readTextFile(file));
  });
  await writer.close();
  assert.equal((await toFile.status).code, 0);
  await Deno.remove(file);
});
