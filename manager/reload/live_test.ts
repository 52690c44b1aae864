import assert from "node:assert/strict";
import { promises } from "node:fs";
import { ManifestError } from "../../manifest/source/diagnostic.ts";
import type { MeshEvent } from "../events.ts";
import { startMesh } from "../mesh.ts";
import type { RunningMesh } from "../running_mesh.ts";
import { Live } from "./live.ts";
import { RefusedError } from "./refused.ts";

/** Hosts that are tried in vain, which is enough to see which there are. */
const NOWHERE = `export default () => ({
  name: "nowhere",
  parse: (spec) => spec,
  describe: () => "nowhere",
  open: () => Promise.reject(new Error("there is no way")),
});`;

/** A manifest's line for a host. */
function host(name: string, more = ""): string {
  return `  ${name}: { transport: ./nowhere.js, with: {}${more} }\n`;
}

/** The map behind the name of a host, as a command adds it. */
const ADDED = "{ transport: ./nowhere.js, with: {} }";
const TWO = `hosts:\n${host("a")}${host("b")}`;

/** A mesh with its manifest in a folder. */
class Bench implements AsyncDisposable {
  readonly path: string;
  readonly events: MeshEvent[] = [];
  mesh!: RunningMesh;
  live!: Live;
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.path = `${folder}/mesh.yaml`;
  }

  static async start(text: string): Promise<Bench> {
    const bench = new Bench(await Deno.makeTempDir());
    Deno.writeTextFileSync(`${bench.#folder}/nowhere.js`, NOWHERE);
    bench.write(text);
    const { path } = bench;
    bench.mesh = await startMesh(path) as RunningMesh;
    bench.mesh.subscribe((event) => void bench.events.push(event));
    const files = [new URL(`file://${bench.#folder}/nowhere.js`).href];
    bench.live = new Live(bench.mesh, { path, bytes: Deno.readFileSync(path), files });
    return bench;
  }

  write(text: string): void {
    Deno.writeTextFileSync(this.path, text);
  }

  plugin(text: string): void {
    Deno.writeTextFileSync(`${this.#folder}/nowhere.js`, text);
  }

  get hosts(): string {
    return [...this.mesh.hosts.keys()].join(" ");
  }

  told(type: MeshEvent["type"]): string[] {
    return this.events.filter((event) => event.type === type).map(({ message }) =>
      message.replaceAll(this.path, "mesh.yaml")
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.live.settled();
    await this.mesh.close();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

Deno.test("a reload takes what the file says now", async () => {
  await using bench = await Bench.start(TWO);
  bench.write(`hosts:\n${host("a")}${host("c")}`);
  const { added, removed } = await bench.live.reload();
  assert.deepEqual([added, removed, bench.hosts], [["c"], ["b"], "a c"]);
  assert.deepEqual(bench.told("reload"), ["The mesh has changed: + c; - b"]);
});

Deno.test("a look takes another content, once, and tells a mistake once for each content", async () => {
  await using bench = await Bench.start(TWO);
  const { live } = bench;
  for (let i = 0; i < 2; i++) assert.equal(await live.look(), false);
  bench.write("hosts:\n  a: [\n");
  for (let i = 0; i < 3; i++) await live.look();
  bench.write("hosts:\n  a: 3\n");
  for (let i = 0; i < 3; i++) await live.look();
  const failures = bench.told("reloadFailed");
  assert.equal(failures.length, 2);
  assert.match(
    failures[0]!,
    /^The manifest cannot be used, and nothing has changed: mesh.yaml:3:1: error: /,
  );
  assert.match(failures[1]!, /mesh.yaml:2:6: error: /);
  assert.equal(bench.hosts, "a b");
  bench.write(`hosts:\n${host("b")}`);
  await live.look();
  assert.equal(bench.hosts, "b");
  assert.equal(bench.told("reload").length, 1);
});

Deno.test("a file that is gone is looked for again before that is told, and comes back", async () => {
  await using bench = await Bench.start(TWO);
  const { live, path } = bench;
  Deno.removeSync(path);
  assert.equal(await live.look(), true);
  bench.write(TWO);
  assert.equal(await live.look(), false);
  assert.deepEqual(bench.events.filter(({ type }) => /^reload/.test(type)), []);
  Deno.removeSync(path);
  for (const isAgain of [true, false, false]) assert.equal(await live.look(), isAgain);
  assert.match(bench.told("reloadFailed").join(), /^[^,]*, [^,]*there is no such file$/);
  bench.write(`hosts:\n${host("b")}`);
  await live.look();
  assert.equal(bench.hosts, "b");
});

Deno.test("what is doubtful since a reload is told, once and wherever it stands", async () => {
  const egress = ', egress: ["tcp:5432:database:80"]';
  const publishing = ', ports: ["80:127.0.0.1:80"]';
  const withDatabases = `${host("database", publishing)}${host("database2", publishing)}`;
  await using bench = await Bench.start(
    `hosts:\n${host("a", egress)}${withDatabases}`,
  );
  bench.write(`hosts:\n${host("a", egress)}${host("database2", publishing)}`);
  await bench.live.reload();
  assert.deepEqual(bench.told("reload"), ["The mesh has changed: - database"]);
  const [warning, ...more] = bench.told("manifest");
  assert.match(
    warning!,
    /^mesh.yaml:2:\d+: warning: "database" is not a host of the mesh/,
  );
  assert.deepEqual(more, []);
  bench.write(`\n\nhosts:\n${host("a", egress)}${host("database2")}`);
  await bench.live.reload();
  assert.equal(bench.told("manifest").length, 1, "it is known");
});

Deno.test("a plug-in's file is looked at as well", async () => {
  await using bench = await Bench.start(TWO);
  await bench.live.look();
  bench.plugin(NOWHERE.replace("no way", "none"));
  await bench.live.look();
  assert.match(bench.told("reload").join(), /~ a: started anew, .*; ~ b: started anew/);
});

Deno.test("without descriptors the file is looked at again, and no mistake is told", async () => {
  await using bench = await Bench.start(TWO);
  const { live } = bench;
  bench.write(`hosts:\n${host("b")}`);
  const { open } = promises;
  const message = "EMFILE: too many open files, open 'mesh.yaml'";
  const short = Object.assign(new Error(message), { code: "EMFILE" });
  try {
    promises.open = () => Promise.reject(short);
    for (let i = 0; i < 3; i++) assert.equal(await live.look(), true);
    await assert.rejects(live.reload());
  } finally {
    promises.open = open;
  }
  const why = /^The manifest cannot be read now, and nothing has changed: no file desc/;
  const told = bench.told("reloadFailed");
  assert.equal(told.length, 2, "once by the looks, and by the reload");
  for (const line of told) assert.match(line, why);
  assert.match(told[0]!, /; it is read as soon as there are some$/);
  assert.equal(await live.look(), false);
  assert.equal(bench.hosts, "b");
});

Deno.test("a reload with mistakes rejects and tells", async () => {
  await using bench = await Bench.start(TWO);
  bench.write("hosts:\n");
  for (let i = 0; i < 2; i++) await assert.rejects(bench.live.reload(), ManifestError);
  assert.equal(bench.told("reloadFailed").length, 2, "each time: somebody asked");
  const [event] = bench.events.filter(({ type }) => type === "reloadFailed");
  assert.ok(event?.type === "reloadFailed");
  assert.equal(event.faults[0]!.at, `${bench.path}:1:1`);
});

Deno.test("a host that a command added stays over a reload", async () => {
  await using bench = await Bench.start(TWO);
  const change = await bench.live.addHost("x", ADDED);
  assert.deepEqual(change.added, ["x"]);
  const x = bench.mesh.hosts.get("x");
  const { vip } = x!;
  bench.write(`hosts:\n${host("c")}${host("d")}${host("a")}`);
  await bench.live.reload();
  assert.equal(bench.hosts, "c d a x");
  assert.equal(bench.mesh.hosts.get("x"), x);
  assert.equal(bench.mesh.hosts.get("x")!.vip, vip);
  assert.ok(bench.live.isAdded("x") && !bench.live.isAdded("a"));
});

Deno.test("a command takes no unfinished file", async () => {
  await using bench = await Bench.start(TWO);
  bench.write("hosts: [");
  await bench.live.addHost("x", ADDED);
  assert.equal(bench.hosts, "a b x");
  await bench.live.removeHost("x");
  assert.equal(bench.hosts, "a b");
});

Deno.test("an added host that does not go with the manifest any more is left out, and told", async () => {
  await using bench = await Bench.start(TWO);
  await bench.live.addHost("x", `{ transport: ./nowhere.js, with: {}, aliases: [y] }`);
  await bench.live.addHost("z", ADDED);
  bench.write(`${TWO}${host("y")}`);
  await bench.live.reload();
  assert.equal(bench.hosts, "a b y z");
  const [warning] = bench.told("warning");
  assert.match(
    warning!,
    /^"x", which was added by command, does not go with mesh.yaml any more: host add x:1:/,
  );
  bench.write(`${TWO}${host("z")}`);
  await bench.live.reload();
  assert.equal(bench.hosts, "a b z");
  assert.match(
    bench.told("warning")[1]!,
    /there is a host "z" already \(mesh.yaml:4:3\)/,
  );
  assert.ok(!bench.live.isAdded("z"), "it is the manifest's now");
});

Deno.test("mistakes in an added host have a place in what was said, and change nothing", async () => {
  await using bench = await Bench.start(TWO);
  await assert.rejects(bench.live.addHost("x", "{ dokcer: web, vip: 1 }"), (error) => {
    assert.ok(error instanceof ManifestError);
    assert.match(error.message, /^host add x:1:21: error: vip "1"/m);
    return true;
  });
  await assert.rejects(bench.live.addHost("x", "{ vip: ["), /host add x:1:\d+: error/);
  await assert.rejects(bench.live.addHost("a b", ADDED), /host add a b:1:1: error/);
  await assert.rejects(bench.live.addHost("a", ADDED), RefusedError);
  assert.equal(bench.hosts, "a b");
  assert.deepEqual(bench.told("reload"), []);
});

Deno.test("a host of the manifest that was removed is back with the next reload", async () => {
  await using bench = await Bench.start(TWO);
  await bench.live.removeHost("a");
  assert.equal(bench.hosts, "b");
  await bench.live.addHost("x", ADDED);
  assert.equal(bench.hosts, "b x");
  await assert.rejects(
    bench.live.removeHost("a"),
    /There is no host "a"; there are b, x/,
  );
  await bench.live.reload();
  assert.equal(bench.hosts, "a b x");
});

Deno.test("a host that is needed, or is the last, is not removed", async () => {
  const routes = `routes: [{ via: a, to: [10.0.0.0/8] }]\n`;
  await using bench = await Bench.start(TWO + routes);
  await assert.rejects(bench.live.removeHost("a"), /mesh.yaml:4:17: error: /);
  await bench.live.removeHost("b");
  await assert.rejects(bench.live.removeHost("a"), /the only host/);
});

Deno.test("a restarted host is another, with the same address", async () => {
  await using bench = await Bench.start(TWO);
  const [a, b] = bench.mesh.hosts.values();
  await bench.live.restartHost("a");
  const [a2, b2] = bench.mesh.hosts.values();
  assert.notEqual(a2, a);
  assert.equal(b2, b);
  assert.equal(a2!.vip, a!.vip);
  await assert.rejects(bench.live.restartHost("q"), RefusedError);
});

Deno.test("what is no file is not read again", async () => {
  await using bench = await Bench.start(TWO);
  const bytes = new Uint8Array();
  for (const [path, why] of [["-", /standard input/], ["/dev/null", /no regular file/]]) {
    const live = new Live(bench.mesh, { path: String(path), bytes });
    await assert.rejects(live.reload(), why as RegExp);
    await live.settled();
  }
});

Deno.test("a FIFO where a file was is told, and nobody waits for its writer", async () => {
  await using bench = await Bench.start(TWO);
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/mesh.yaml`;
    await new Deno.Command("mkfifo", { args: [path] }).output();
    const live = new Live(bench.mesh, { path, bytes: new Uint8Array() });
    const why =
      /cannot read the manifest: it is a named pipe \(FIFO\) and no regular file/;
    await assert.rejects(live.reload(), why);
    assert.equal(await live.look(), true, "to look again");
    assert.equal(await live.look(), false);
    await live.look();
    assert.match(bench.events.at(-1)!.message, why);
    assert.equal(bench.events.filter(({ type }) => type === "reloadFailed").length, 2);
    await Deno.remove(path);
    await Deno.mkdir(path);
    await assert.rejects(live.reload(), /it is a directory/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
