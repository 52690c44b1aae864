// Rules that come and go while a mesh runs.
import assert from "node:assert/strict";
import { ManifestError } from "../../manifest/source/diagnostic.ts";
import { readRule } from "../../manifest/added_rules.ts";
import { Bench } from "../_bench.ts";
import { startMesh } from "../mesh.ts";
import type { RunningMesh } from "../running_mesh.ts";
import { Live } from "./live.ts";

const BASE = {
  hosts: {
    local: { vip: "127.0.42.100", loopback: { disable: true }, egress: ["tcp:1:web:80"] },
    web: { vip: "127.0.42.101", fake: {}, ports: ["80:127.0.0.1:80"] },
  },
};
const RULE = "tcp:8080:web:80";

/** The rules of a mesh, in words. */
function listOf(bench: Bench): string[] {
  return bench.mesh.rules.list().map(({ host, kind, rule, added }) =>
    `${host} ${kind} ${rule}${added ? " added" : ""}`
  );
}

const OWN = ["local egress tcp:1:web:80", "web ingress tcp:80:127.0.0.1:80"];

Deno.test("rules come to this machine or the host named, and go", async () => {
  await using bench = await new Bench().start(BASE);
  const { rules } = bench.mesh;
  const change = await rules.add(RULE, { kind: "egress" });
  assert.deepEqual(change.changed, [{ host: "local", fields: ["egress"] }]);
  assert.deepEqual(change.restarted, []);
  await rules.add("tcp:443:127.0.0.1:8443", { kind: "ingress", host: "web" });
  assert.deepEqual(listOf(bench), [
    OWN[0],
    `local egress ${RULE} added`,
    OWN[1],
    "web ingress tcp:443:127.0.0.1:8443 added",
  ]);
  assert.equal(rules.list()[1]!.at, `proxy add egress ${RULE}`);
  await rules.remove("tcp:localhost:8080:web:80", { kind: "egress", host: "local" });
  await rules.remove("tcp:443:127.0.0.1:8443", { kind: "ingress", host: "127.0.42.101" });
  assert.deepEqual(listOf(bench), OWN);
});

Deno.test("a rule that is wrong or does not go with the mesh changes nothing, with its place", async () => {
  await using bench = await new Bench().start(BASE);
  const { rules, manifest } = bench.mesh;
  const faults: readonly [rule: string, kind: "ingress" | "egress", message: RegExp][] = [
    ["tcp:5432:db", "egress", /^proxy add egress tcp:5432:db: error: .* is not a rule/],
    ["udp:53:dns:53", "egress", /UDP comes with datagrams/],
    ["tcp:80:127.0.0.1:81", "ingress", /already published by .* \(manifest: hosts\.web/],
    ["tcp:0.0.0.0:1:web:80", "egress", /takes turns|listens at|already/],
    ["tcp:0.0.0.0:81:127.0.0.1:81", "ingress", /would listen on 0\.0\.0\.0/],
  ];
  for (const [rule, kind, message] of faults) {
    await assert.rejects(
      rules.add(rule, { kind, host: kind === "ingress" ? "web" : "local" }),
      (error) => {
        assert.ok(error instanceof ManifestError);
        assert.match(error.message, message);
        return true;
      },
    );
  }
  await assert.rejects(
    rules.add(RULE, { kind: "egress", host: "x" }),
    /no host "x"; there are local, web/,
  );
  assert.equal(bench.mesh.manifest, manifest);
});

Deno.test("a rule that is there is not added, and one of the manifest not removed", async () => {
  await using bench = await new Bench().start(BASE);
  const { rules } = bench.mesh;
  const egress = { kind: "egress" } as const;
  await assert.rejects(
    rules.add("tcp:1:web:80", egress),
    /has the egress rule .* already \(manifest: hosts.local.egress\[0\]\)/,
  );
  await assert.rejects(
    rules.remove("tcp:1:web:80", egress),
    /stands at manifest: hosts.local.egress\[0\]/,
  );
  await assert.rejects(
    rules.remove(RULE, egress),
    /has no egress rule .*; it has tcp:1:web:80/,
  );
});

Deno.test("rules stay over an update, unless they do not go with the manifest any more", async () => {
  await using bench = await new Bench().start(BASE);
  const { rules } = bench.mesh;
  await rules.add(RULE, { kind: "egress" });
  await rules.add("tcp:443:127.0.0.1:8443", { kind: "ingress", host: "web" });
  const { web, local } = BASE.hosts;
  const ports = [...web.ports, "443:127.0.0.1:443"];
  await bench.mesh.update({ hosts: { local, web: { ...web, ports } } });
  assert.deepEqual(listOf(bench), [
    OWN[0],
    `local egress ${RULE} added`,
    OWN[1],
    "web ingress tcp:443:127.0.0.1:443",
  ]);
  const [lost] = bench.messages("warning");
  assert.match(
    lost!,
    /ingress rule "tcp:443:127.0.0.1:8443".* does not go with manifest any more: .*443 of this host/,
  );
  // Written down, it is the manifest's.
  const egress = [...local.egress, RULE];
  await bench.mesh.update({ hosts: { local: { ...local, egress }, web } });
  assert.deepEqual(listOf(bench), [OWN[0], `local egress ${RULE}`, OWN[1]]);
  assert.equal(bench.messages("warning").length, 1);
});

Deno.test("rules leave the mesh with their host, which is told once, and come back with it", async () => {
  await using bench = await new Bench().start(BASE);
  const { rules } = bench.mesh;
  const { web, local } = BASE.hosts;
  const own = { local: { ...local, egress: [] } };
  await rules.add("tcp:443:127.0.0.1:8443", { kind: "ingress", host: "web" });
  await bench.mesh.update({ hosts: own });
  await bench.mesh.update({ hosts: { ...own, db: { ...web, vip: "127.0.42.102" } } });
  assert.deepEqual(listOf(bench), ["db ingress tcp:80:127.0.0.1:80"]);
  assert.deepEqual(bench.messages("warning"), [
    'The ingress rule "tcp:443:127.0.0.1:8443", which was added by command, has left the ' +
    'mesh with "web", and comes back with it',
  ]);
  await bench.mesh.update(BASE);
  assert.deepEqual(listOf(bench), [...OWN, "web ingress tcp:443:127.0.0.1:8443 added"]);
  await rules.remove("tcp:443:127.0.0.1:8443", { kind: "ingress", host: "web" });
  await bench.mesh.update({ hosts: own });
  await bench.mesh.update(BASE);
  assert.deepEqual(listOf(bench), OWN);
  assert.equal(bench.messages("warning").length, 1);
});

Deno.test("what is doubtful about a rule is told", async () => {
  await using bench = await new Bench().start(BASE);
  await bench.mesh.rules.add("tcp:8080:web:81", { kind: "egress" });
  assert.match(
    bench.messages("manifest")[0]!,
    /warning: .* leads nowhere: "web" publishes only 80/,
  );
});

const BASE_OF_THIS_MACHINE = {
  hosts: { local: { loopback: { disable: true }, stateDir: { disable: true } } },
};

const TEXT = `# mine
hosts:
  local: {vip: 127.0.42.100, loopback: {disable: true}} # here
  web: {vip: 127.0.42.101, cmd: "false", ports: ["80:127.0.0.1:80"]}
`;

/** A mesh whose manifest is a file. */
async function saving(use: (live: Live, bench: Bench, path: string) => Promise<void>) {
  await using bench = await new Bench().start(BASE);
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/mesh.yaml`;
    await Deno.writeTextFile(path, TEXT);
    const mesh = bench.mesh as RunningMesh;
    const live = new Live(mesh, { path, bytes: new TextEncoder().encode(TEXT) });
    await live.reload();
    await use(live, bench, path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a saved rule is in the manifest, whose comments stay, and a look finds nothing new", async () => {
  await saving(async (live, bench, path) => {
    const mesh = bench.mesh as RunningMesh;
    await mesh.rules.add(RULE, { kind: "egress" });
    await live.saveRule(mesh.rules.meant(RULE, { kind: "egress" }));
    assert.equal(
      await Deno.readTextFile(path),
      TEXT.replace("}} # here", `}, egress: ["${RULE}"]} # here`),
    );
    assert.deepEqual(listOf(bench)[0], `local egress ${RULE}`);
    const told = bench.messages("reload").length;
    await live.look();
    assert.equal(bench.messages("reload").length, told);
    const again = live.saveRule(mesh.rules.meant(RULE, { kind: "egress" }));
    await assert.rejects(again, /stands at .*mesh.yaml:3:\d+ already/);
  });
});

Deno.test("a rule is not saved into a file with mistakes, nor one that does not go with it", async () => {
  await saving(async (live, bench, path) => {
    const { rules } = bench.mesh as RunningMesh;
    const ingress = rules.meant("tcp:80:127.0.0.1:1", { kind: "ingress", host: "web" });
    await assert.rejects(live.saveRule(ingress), /already published/);
    assert.equal(await Deno.readTextFile(path), TEXT);
    const wrong = `${TEXT}  x: [\n`;
    await Deno.writeTextFile(path, wrong);
    const rule = rules.meant(RULE, { kind: "egress" });
    await assert.rejects(live.saveRule(rule), ManifestError);
    assert.equal(await Deno.readTextFile(path), wrong);
    await live.addHost("x", "{ cmd: 'false' }");
    const added = rules.meant("tcp:1:web:80", { kind: "egress", host: "x" });
    await assert.rejects(live.saveRule(added), /"x" was added by command/);
  });
});

Deno.test("without a file no rule is saved", async () => {
  await using bench = await new Bench().start(BASE);
  const mesh = bench.mesh as RunningMesh;
  const live = new Live(mesh, { path: "-", bytes: new TextEncoder().encode(TEXT) });
  const rule = mesh.rules.meant(RULE, { kind: "egress" });
  await assert.rejects(live.saveRule(rule), /There is no file to write the rule into/);
});

Deno.test("rules of the start are there at once, and one that is wrong is refused", async () => {
  const rule = { host: "local", kind: "egress", rule: readRule("egress", RULE) } as const;
  await using mesh = await startMesh(BASE_OF_THIS_MACHINE, { rules: [rule] });
  assert.deepEqual(mesh.rules.list().map(({ rule, added }) => [rule, added]), [[
    RULE,
    true,
  ]]);
  const wrong = startMesh(BASE_OF_THIS_MACHINE, { rules: [{ ...rule, host: "x" }] });
  await assert.rejects(wrong, /there is no host "x"/);
});
