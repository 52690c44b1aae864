import assert from "node:assert/strict";
import { formatDiagnostic } from "../../manifest/source/diagnostic.ts";
import { parseManifest } from "../../manifest/parse.ts";
import { builtinTransports } from "../../transports/registry.ts";
import { load } from "../manifest.ts";
import { withOptionRules } from "../rules.ts";
import { run } from "../_run.ts";
import { ruleTable } from "./change_rules.ts";
import { proxyManifest, type ProxyOptions, proxyText } from "./proxy_mesh.ts";

const WRONG: readonly [args: string[], message: RegExp][] = [
  [["proxy"], /wanted add, remove or list, or --ingress or --egress with --to/],
  [["proxy", "frob"], /"proxy" knows no "frob"; wanted add, remove or list/],
  [
    ["proxy", "add", "outgress", "tcp:1:a:1"],
    /KIND 'outgress' is invalid.*ingress, egress/,
  ],
  [["proxy", "add", "egress"], /missing required argument 'RULE'/],
  [["proxy", "--egress", "tcp:1:a", "--to", "ssh: a"], /"tcp:1:a" is not a rule/],
  [["proxy", "--egress", "tcp:1:a:1"], /with --to/],
  [["m.yaml", "--ingress", "udp:1:a:1"], /UDP comes with datagrams/],
  [["status", "--egress", "tcp:1:a:1"], /"status" starts no mesh/],
];

for (const [args, message] of WRONG) {
  Deno.test(`norouter ${args.join(" ")} is wrong usage`, async () => {
    const { status, stdout, stderr } = await run(args);
    assert.match(stderr, message);
    assert.deepEqual([status, stdout], [2, ""]);
  });
}

Deno.test("a rule of a mesh that does not run is told so", async () => {
  const { status, stderr } = await run(["proxy", "list", "--mesh", "no-such-mesh-1"]);
  assert.equal(status, 1);
  assert.match(stderr, /No mesh "no-such-mesh-1"/);
});

Deno.test("a manifest with rules of the command line that do not go with it is refused", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/m.yaml`;
    await Deno.writeTextFile(path, "hosts: { a: { cmd: 'false' } }");
    const none = await run([path, "--egress", "tcp:1:a:1"]);
    assert.equal(none.status, 1);
    assert.match(none.stderr, /--egress tcp:1:a:1: this machine is no host/);
    const ports = "ports: ['80:127.0.0.1:80']";
    await Deno.writeTextFile(path, `hosts: { local: {${ports}}, a: { cmd: 'false' } }`);
    const taken = await run([path, "--ingress", "tcp:80:127.0.0.1:81"]);
    assert.equal(taken.status, 1);
    assert.match(
      taken.stderr,
      /^proxy add ingress tcp:80:127.0.0.1:81: error: .*already published/,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** What the options of a mesh without a manifest become. */
const TO: readonly [to: string[], egress: string[], manifest: Record<string, unknown>][] =
  [
    [["ssh: me@db.example.com:22"], ["tcp:5432:db-example-com:5432"], {
      hosts: {
        local: {},
        "db-example-com": {
          ssh: "me@db.example.com:22",
          ingress: ["tcp:5432:127.0.0.1:5432"],
        },
      },
    }],
    [["docker: db, ports: ['5432:10.0.0.1:5432']"], ["tcp:1:DB:5432", "tcp:2:db:6"], {
      hosts: {
        local: {},
        db: {
          docker: "db",
          ports: ["5432:10.0.0.1:5432"],
          ingress: ["tcp:6:127.0.0.1:6"],
        },
      },
    }],
    [["{ kubectl: { pod: web-0, namespace: x } }"], [
      "tcp:1:intra.net:80",
      "tcp:2:10.0.0.1:5",
    ], {
      hosts: { local: {}, "web-0": { kubectl: { pod: "web-0", namespace: "x" } } },
      routes: [{ via: "web-0", to: ["intra.net", "10.0.0.1/32"] }],
    }],
    [["docker: a", "docker: a"], ["tcp:1:far:80"], {
      hosts: { local: {}, a: { docker: "a" }, "a-2": { docker: "a" } },
    }],
  ];

for (const [to, egress, manifest] of TO) {
  Deno.test(`--to "${to.join(`" --to "`)}" is a mesh`, () => {
    const made = proxyManifest({ logFormat: "human", to, egress });
    assert.deepEqual(made, manifest);
    const options = { path: "m", transports: builtinTransports };
    parseManifest(JSON.stringify(made), options);
  });
}

for (
  const [to, message] of [
    ["dokcer: web", /names no way to a host .*; did you mean "docker"/],
    ["web", /wanted what stands behind a host's name/],
    ["ssh: '-x'", /--to "ssh: '-x'": /],
    ["[", /wanted what stands/],
  ] as const
) {
  Deno.test(`--to ${to} is refused`, () => {
    assert.throws(() => proxyManifest({ logFormat: "human", to: [to] }), { message });
  });
}

/** What is said of the mesh of these options, without the rules and with them. */
async function saidOf(options: Pick<ProxyOptions, "to" | "egress">): Promise<string[][]> {
  const all = { logFormat: "human", ...options } as const;
  const { text, origin } = proxyText(all);
  const bytes = new TextEncoder().encode(text);
  const { manifest, diagnostics } = await load("-", all, { bytes, origin });
  const ruled = manifest && withOptionRules(manifest, all).manifest;
  return [diagnostics, ruled?.warnings ?? []].map((said) => said.map(formatDiagnostic));
}

Deno.test("the routes of a mesh of rules are used by its rules", async () => {
  const egress = ["tcp:8085:127.0.0.1:8000", "tcp:8086:localhost:8000"];
  const [before, after] = await saidOf({ egress, to: ["cmd: norouter agent"] });
  assert.match(
    before!.join(),
    /^--to "cmd: norouter agent": warning: nothing uses these/,
  );
  assert.deepEqual(after, []);
});

Deno.test("what is wrong with a mesh of rules names the option, and no line", async () => {
  const [said] = await saidOf({
    egress: ["tcp:1:a:1"],
    to: ["docker: a", "docker: b, prots: [x]", `{docker: c, vip: "127.0.0.1.1"}`],
  });
  assert.equal(said!.length, 2);
  assert.match(
    said![0]!,
    /^--to "docker: b, prots: \[x\]": warning: unknown field "prots"/,
  );
  assert.match(said![1]!, /^--to "{docker: c, vip: .*}": error: .*"127\.0\.0\.1\.1"/);
});

Deno.test("the table shows where rules are from", () => {
  const rule = { host: "local", kind: "egress", added: true, at: "proxy add" } as const;
  const rules = [
    { ...rule, rule: "tcp:5432:db:5432" },
    { ...rule, kind: "ingress", rule: "tcp:1:a:1", added: false, at: "m.yaml:3:5" },
  ] as const;
  assert.equal(
    ruleTable(rules),
    `HOST   KIND     RULE              FROM
local  egress   tcp:5432:db:5432  (added)
local  ingress  tcp:1:a:1         m.yaml:3:5
`,
  );
  assert.equal(ruleTable([]), "There are no rules\n");
});
