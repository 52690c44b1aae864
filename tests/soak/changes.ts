/**
 * The disturbances of a mesh whose manifest is written anew under traffic: what a change does
 * not concern goes on, and what a policy forbids does not get through.
 *
 * Each is an entry of {@linkcode CHANGES}.
 *
 * @module
 */
import { readyLine } from "../harness/scene/mesh.ts";
import { pause, until } from "../harness/scene/wait.ts";
import { type Disturbance, DISTURBANCES } from "./disturbances.ts";
import type { Ledger } from "./ledger.ts";
import type { Random } from "./random.ts";
import { PLAIN_PORT } from "./ways.ts";
import { REMOTE, type SoakManifest, type World } from "./world.ts";

/** How long a change stays. */
const STAY_MS = { least: 200, more: 3_000 };
/** A port that no client of the soak connects to. */
const SPARE_PORT = 9999;
/** Rules that no transfer meets. */
const OTHERS = Array.from({ length: 1000 }, (_, at) => {
  return { from: ["web"], to: ["db"], ports: [20_000 + at], action: "deny" };
});

/** Writes another manifest for a while, and then that of the start. */
async function change(
  world: World,
  random: Random,
  { how, meanwhile }: {
    how: (manifest: SoakManifest) => SoakManifest;
    meanwhile?: () => Promise<void>;
  },
): Promise<void> {
  await world.rewrite(how);
  await meanwhile?.();
  await pause(STAY_MS.least + random.below(STAY_MS.more));
  await world.rewrite();
}

/** The manifest with other fields of a host. */
function withHost(
  manifest: SoakManifest,
  name: string,
  fields: Readonly<Record<string, unknown>>,
): SoakManifest {
  const hosts = { ...manifest.hosts, [name]: { ...manifest.hosts[name], ...fields } };
  return { ...manifest, hosts };
}

/** Forbids all connections to `gate` and what is behind it, and looks whether they are. */
async function forbid(world: World, ledger: Ledger, random: Random): Promise<void> {
  const over = ledger.begin("gate", { isOfPolicy: true });
  await change(world, random, {
    how: (manifest) => {
      const [route] = manifest.routes;
      const to = ["gate", ...route!.to];
      return { ...manifest, policy: [{ from: ["*"], to, action: "deny" }] };
    },
    meanwhile: async () => {
      for (const from of ["laptop", "web", "db"] as const) {
        if (await world.answers("gate", from)) {
          ledger.violations.push(`${from} reached gate, which is forbidden`);
        }
      }
    },
  });
  await until("gate to be reached again", () => world.answers("gate", "web"));
  over();
}

/** The longest first: so that a short run has each of them. */
export const CHANGES: readonly Disturbance[] = [
  { name: "forbid", takesMs: 9_000, run: forbid },
  {
    name: "a host comes and goes",
    takesMs: 9_000,
    async run(world, _ledger, random) {
      const { mark } = world.manager;
      await change(world, random, {
        how: (manifest) => {
          const { cmd } = manifest.hosts["web"]!;
          return withHost(manifest, "spare", { cmd, loopback: { disable: true } });
        },
        meanwhile: async () => {
          await world.manager.line(readyLine("spare"), { after: mark });
        },
      });
      await world.manager.line(/Closed: spare/, { after: mark });
    },
  },
  {
    name: "ports and proxies",
    takesMs: 4_000,
    run: (world, _ledger, random) => {
      const name = random.pick(REMOTE);
      return change(world, random, {
        how: (manifest) => {
          const ports = manifest.hosts[name]!["ports"] as string[];
          const more = `${SPARE_PORT}:127.0.0.1:${PLAIN_PORT}`;
          return withHost(manifest, name, {
            ports: [...ports, more],
            aliases: [`also-${name}`],
            egress: [`tcp:${SPARE_PORT}:laptop:${PLAIN_PORT}`],
          });
        },
      });
    },
  },
  {
    name: "routes",
    takesMs: 4_000,
    run: (world, _ledger, random) =>
      change(world, random, {
        how: (manifest) => {
          const more = { via: "web", to: ["*.nowhere.example", "10.99.0.0/16"] };
          return { ...manifest, routes: [more, ...manifest.routes] };
        },
      }),
  },
  {
    name: "policy",
    takesMs: 4_000,
    run: (world, _ledger, random) =>
      change(world, random, { how: (manifest) => ({ ...manifest, policy: OTHERS }) }),
  },
  ...DISTURBANCES.filter(({ name }) => name === "kill"),
];
