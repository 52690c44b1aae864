/**
 * Checks that a folder imports only from folders to its left:
 * wire ← manifest ← stack, router, transports ← proxy, install ← agent ← manager ← mod.ts ← cli.
 *
 * Folders of one rank do not import each other. Tests may import anything.
 */

const RANKS: Record<string, number> = {
  wire: 0,
  manifest: 1,
  stack: 2,
  router: 2,
  transports: 2,
  proxy: 3,
  install: 3,
  agent: 4,
  manager: 5,
  "mod.ts": 6,
  cli: 7,
  "cli.ts": 8,
};
const ENTRY_POINTS = ["cli.ts", "mod.ts", "transports/mod.ts", "transports/testing.ts"];

interface ModuleGraph {
  readonly modules: readonly {
    readonly specifier: string;
    readonly dependencies?: readonly {
      readonly specifier: string;
      readonly code?: { readonly specifier?: string };
      readonly type?: { readonly specifier?: string };
    }[];
  }[];
}

const root = new URL("../", import.meta.url);

async function graphOf(entry: string): Promise<ModuleGraph> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", entry],
    cwd: root,
  }).output();
  if (!success) {
    throw new Error(`deno info ${entry}: ${new TextDecoder().decode(stderr)}`);
  }
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** The first part of a module's path within the project, if it is of the project. */
function partOf(specifier: string): string | undefined {
  if (!specifier.startsWith(root.href)) return undefined;
  return specifier.slice(root.href.length).split("/")[0];
}

const faults = new Set<string>();
let edges = 0;
for (const entry of ENTRY_POINTS) {
  for (const { specifier, dependencies } of (await graphOf(entry)).modules) {
    const from = partOf(specifier);
    const rank = from === undefined ? undefined : RANKS[from];
    if (from === undefined || rank === undefined) continue;
    for (const { code, type } of dependencies ?? []) {
      const target = code?.specifier ?? type?.specifier;
      const to = target === undefined ? undefined : partOf(target);
      if (target === undefined || to === undefined || to === from) continue;
      edges++;
      const targetRank = RANKS[to];
      if (to === "deno.json" || (targetRank !== undefined && targetRank < rank)) continue;
      faults.add(
        `${specifier.slice(root.href.length)} imports ${target.slice(root.href.length)}`,
      );
    }
  }
}
if (edges === 0) {
  throw new Error("No imports between folders were found: the check is blind");
}
for (const fault of faults) console.error(`Against the order of folders: ${fault}`);
if (faults.size > 0) Deno.exit(1);
