/** Field by field: what a change of a manifest does to the hosts that are there. */
import assert from "node:assert/strict";
import { settle } from "../../link/_fake_clock.ts";
import type { HostSpec, Manifest } from "../../manifest/manifest.ts";
import type { Behaviour } from "../_fake_agent.ts";
import { base, type Shape, SwapBench } from "./_swap_bench.ts";

/** Of `b`, and of the others: started anew, told, not told though it ought to be, nothing. */
type Fate = "anew" | "update" | "outdated" | "same";

/** What a change of the host `b` does. */
interface Row {
  readonly change: (b: HostSpec) => Partial<HostSpec>;
  /** Where agents know `update`: the fate of `b`, and of the others. */
  readonly able: readonly [Fate, Fate];
  /** Where they do not, as NoRouter's. */
  readonly plain: readonly [Fate, Fate];
}

const elsewhere = { path: "manifest", line: 99, column: 9 } as unknown as HostSpec["at"];
const nothing: Pick<Row, "able" | "plain"> = {
  able: ["same", "same"],
  plain: ["same", "same"],
};
/** Of its way: nobody else is told. */
const way: Pick<Row, "able" | "plain"> = {
  able: ["anew", "same"],
  plain: ["anew", "same"],
};
/** Of its own: nobody else is told. */
const own: Pick<Row, "able" | "plain"> = {
  able: ["update", "same"],
  plain: ["anew", "same"],
};
/** Told to all, and none of it the host's own. */
const shared: Pick<Row, "able" | "plain"> = {
  able: ["update", "update"],
  plain: ["outdated", "outdated"],
};

// A field that is missing here does not compile.
const HOST: Record<keyof HostSpec, Row | "another test"> = {
  name: "another test", // another host, see membership_test.ts
  at: { change: () => ({ at: elsewhere }), ...nothing },
  vip: {
    change: () => ({ vip: 0x7f_00_2a_6d }),
    able: ["anew", "update"],
    plain: ["anew", "outdated"],
  },
  vipAssigned: { change: () => ({ vipAssigned: true }), ...nothing },
  transport: {
    change: ({ transport }) => ({
      transport: { ...transport!, spec: { version: "2" }, options: { version: "2" } },
    }),
    ...way,
  },
  ports: {
    change: ({ ports }) => ({
      ports: ports.map((port) => ({ ...port, listenPort: 81 })),
    }),
    able: ["update", "update"],
    plain: ["anew", "outdated"],
  },
  http: { change: () => ({ http: { listen: "127.0.0.1:1", at: elsewhere } }), ...own },
  socks: { change: () => ({ socks: { listen: "127.0.0.1:1", at: elsewhere } }), ...own },
  loopback: { change: () => ({ loopback: { disable: true } }), ...own },
  stateDir: { change: () => ({ stateDir: { disable: true } }), ...own },
  egress: {
    change: ({ at }) => ({
      egress: [{
        proto: "tcp",
        listenHost: "127.0.0.1",
        listenPort: 5432,
        connectHost: "a",
        connectPort: 80,
        at,
      }],
    }),
    ...own, // a plain agent lacks the feature, and so is refused from then on
  },
  aliases: { change: () => ({ aliases: ["other"] }), ...shared },
  resolveFor: { change: () => ({ resolveFor: ["a"] }), ...own },
  writeEtcHosts: { change: () => ({ writeEtcHosts: true }), ...own },
  connectTimeout: { change: () => ({ connectTimeout: 3000 }), ...nothing },
  resume: { change: () => ({ resume: 0 }), ...way },
  install: { change: () => ({ install: "never" }), ...way },
  installPath: { change: () => ({ installPath: "/tmp/x" }), ...way },
};

/** The same of the manifest: the fates of `b`, which is a bastion, and of the others. */
interface ManifestRow extends Pick<Row, "able" | "plain"> {
  readonly change: (manifest: Manifest) => Partial<Manifest>;
  readonly policy?: boolean;
  readonly routes?: boolean;
}

const MANIFEST: Record<keyof Manifest, ManifestRow | "another test"> = {
  hosts: "another test", // each field above, and membership_test.ts
  path: { change: () => ({ path: "other.yaml" }), ...nothing },
  warnings: {
    change: () => ({
      warnings: [{ severity: "warning", message: "w", at: elsewhere, failsCheck: true }],
    }),
    ...nothing,
  },
  policy: {
    change: () => ({
      policy: [{
        action: "deny",
        from: [{ kind: "any" }],
        to: [{ kind: "host", name: "b" }],
        at: elsewhere,
      }],
    }),
    ...nothing, // the router decides
    policy: true,
  },
  routes: {
    change: ({ routes }) => ({
      routes: routes.map((route) => ({ ...route, globs: ["*.other"] })),
    }),
    able: ["update", "update"],
    plain: ["anew", "outdated"],
    routes: true,
  },
};

const features = ["tcp", "loopback", "loopback.disable", "ping", "hostDown", "status"];
const kinds: Record<"able" | "plain", Behaviour> = {
  able: { features: [...features, "extend", "egress", "update"] },
  plain: { features: [...features, "extend"] },
};

function shapeOf(fake: Behaviour): Shape {
  const hosts = Object.entries(base.hosts).map(([name, host]) =>
    [name, { ...host, fake }] as const
  );
  return { ...base, hosts: Object.fromEntries(hosts) };
}

async function check(
  kind: "able" | "plain",
  row: Pick<ManifestRow, "able" | "plain" | "policy" | "routes">,
  change: (manifest: Manifest) => Manifest,
): Promise<void> {
  const shape = shapeOf(kinds[kind]);
  await using bench = await new SwapBench().start({ ...shape });
  const { hosts } = bench.mesh;
  const before = new Map(hosts);
  const manifest = change(bench.read(shape));
  const report = bench.running.swap(manifest);
  const restarted = report.restarted.map(({ host }) => host);
  const said = (name: string): Fate =>
    restarted.includes(name)
      ? "anew"
      : report.updated.includes(name)
      ? "update"
      : report.outdated.includes(name)
      ? "outdated"
      : "same";
  const [ofB, ofOthers] = row[kind];
  const wanted = { a: ofOthers, b: ofB, c: ofOthers };
  assert.deepEqual(
    Object.fromEntries([...hosts.keys()].map((name) => [name, said(name)])),
    wanted,
    kind,
  );
  const { policy, routes } = report;
  assert.deepEqual(
    { policy, routes },
    { policy: row.policy ?? false, routes: row.routes ?? false },
  );
  await settle();
  for (const [name, fate] of Object.entries(wanted)) {
    assert.equal(hosts.get(name) !== before.get(name), fate === "anew", name);
    const asked = bench.agent(name).messages.filter(({ body }) => body.op === "update");
    assert.equal(asked.length, fate === "update" ? 1 : 0, name);
  }
  // Once more the same: nothing.
  const again = bench.running.swap({ ...manifest });
  assert.deepEqual([again.updated, again.restarted], [[], []]);
}

for (const kind of ["able", "plain"] as const) {
  for (const [field, row] of Object.entries(HOST)) {
    if (row === "another test") continue;
    const [ofB, ofOthers] = row[kind];
    const name = `${field} of b, whose agent is ${kind}: b ${ofB}, others ${ofOthers}`;
    Deno.test(name, () =>
      check(kind, row, (manifest) => ({
        ...manifest,
        hosts: manifest.hosts.map((host) =>
          host.name === "b" ? { ...host, ...row.change(host) } : host
        ),
      })));
  }
  for (const [field, row] of Object.entries(MANIFEST)) {
    if (row === "another test") continue;
    const [ofB, ofOthers] = row[kind];
    const name =
      `${field} of the manifest, agents ${kind}: bastion ${ofB}, others ${ofOthers}`;
    Deno.test(
      name,
      () => check(kind, row, (manifest) => ({ ...manifest, ...row.change(manifest) })),
    );
  }
}
