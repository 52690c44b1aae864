// A mesh that goes by another manifest.
import assert from "node:assert/strict";
import { settle } from "../../link/_fake_clock.ts";
import { ManifestError } from "../../manifest/source/diagnostic.ts";
import { base, d, other, SwapBench } from "../members/_swap_bench.ts";
import { Bench } from "../_bench.ts";
import { startMesh } from "../mesh.ts";

const newB = other(base, ["c"], { d, b: { ...base.hosts.b, fake: { version: "2" } } });

Deno.test("an update tells what changed, as a result and as an event", async () => {
  await using bench = await new SwapBench().start({ ...base });
  const a = bench.mesh.hosts.get("a");
  const change = await bench.mesh.update({ ...newB });
  assert.deepEqual(change, {
    added: ["d"],
    removed: ["c"],
    changed: [{ host: "b", fields: ["fake"] }],
    restarted: [{ host: "b", why: "fake changed" }],
    routes: false,
    policy: false,
  });
  await settle();
  assert.equal(bench.states, "a ready, b ready, d ready");
  assert.equal(bench.mesh.hosts.get("a"), a);
  assert.deepEqual(bench.messages("reload"), [
    "The mesh has changed: + d; - c; ~ b: fake, started anew",
  ]);
  const [event] = bench.events.filter(({ type }) => type === "reload");
  assert.deepEqual({ ...event }, {
    type: "reload",
    level: "info",
    message: bench.messages("reload")[0],
    ...change,
  });
  await bench.mesh.update({ ...newB });
  assert.equal(bench.messages("reload")[1], "Nothing is different in manifest");
});

Deno.test("a manifest with mistakes is refused with all of them, and changes nothing", async () => {
  await using bench = await new SwapBench().start({ ...base });
  const { manifest } = bench.mesh;
  const wrong = { hosts: { a: { fake: {}, vip: "1" }, b: { fake: {}, vip: "2" } } };
  await assert.rejects(bench.mesh.update(wrong), (error) => {
    assert.ok(error instanceof ManifestError);
    assert.equal(error.diagnostics.length, 2);
    return true;
  });
  assert.equal(bench.mesh.manifest, manifest);
  assert.equal(bench.states, "a ready, b ready, c ready");
  assert.deepEqual(bench.messages("reload"), []);
  await bench.mesh.update({ ...newB });
  await settle();
  await bench.mesh.close();
  await assert.rejects(bench.mesh.update({ ...base }), /was closed/);
});

Deno.test("a parsed manifest is taken as it is, and updates happen in order", async () => {
  await using bench = await new SwapBench().start({ ...base });
  const updates = [
    bench.mesh.update(bench.read(newB)),
    bench.mesh.update({ hosts: {} }),
    bench.mesh.update(bench.read(base)),
  ];
  const results = await Promise.allSettled(updates);
  assert.deepEqual(results.map(({ status }) => status), [
    "fulfilled",
    "rejected",
    "fulfilled",
  ]);
  assert.deepEqual([...bench.mesh.hosts.keys()], ["a", "b", "c"]);
});

Deno.test("hosts whose address was assigned keep it over an update", async () => {
  await using bench = await new Bench().start({
    hosts: { a: { fake: {} }, b: { fake: {} }, c: { fake: {} } },
  });
  const c = bench.mesh.hosts.get("c");
  await bench.mesh.update({ hosts: { n: { fake: {} }, c: { fake: {} } } });
  await settle();
  assert.equal(bench.mesh.hosts.get("c"), c, "the same host");
  assert.equal(bench.mesh.hosts.get("c")!.vip, "127.0.42.102");
  assert.equal(bench.mesh.hosts.get("n")!.vip, "127.0.42.100");
});

/** Opens nothing. */
const FAR = `export default () => ({
  name: "far",
  parse: (spec) => spec,
  describe: () => "far",
  open: () => Promise.reject(new Error("there is no way")),
});`;

Deno.test("a plug-in that did not change is the same, and one that did starts hosts anew", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/mesh.yaml`;
    await Deno.writeTextFile(`${folder}/far.js`, FAR);
    const text = "hosts: { a: { transport: ./far.js, with: { to: b } } }";
    await Deno.writeTextFile(path, text);
    await using mesh = await startMesh(path);
    const a = mesh.hosts.get("a");
    await Deno.writeTextFile(path, `${text}\n# a comment`);
    await mesh.update(path);
    assert.equal(mesh.hosts.get("a"), a);
    await Deno.writeTextFile(`${folder}/far.js`, FAR.replace("no way", "none"));
    const { changed, restarted } = await mesh.update(path);
    assert.deepEqual(changed, []);
    assert.deepEqual(restarted, [
      { host: "a", why: "the code of its transport changed" },
    ]);
    assert.notEqual(mesh.hosts.get("a"), a);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("an agent that cannot be told is the reason why its host is started anew", async () => {
  const features = ["tcp", "loopback", "ping", "status", "extend"];
  const fields = (port: number) => ({
    hosts: {
      a: { fake: {} },
      b: { fake: { features }, ports: [`${port}:127.0.0.1:80`] },
    },
  });
  await using bench = await new Bench().start(fields(80));
  const { changed, restarted } = await bench.mesh.update(fields(81));
  assert.deepEqual(changed, [{ host: "b", fields: ["ports"] }]);
  assert.deepEqual(restarted, [{
    host: "b",
    why: "ports changed, and its agent (version 1.2.3) cannot be told while it runs",
  }]);
});
