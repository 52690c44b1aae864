/**
 * Checks the order of rooms: a folder imports only from folders to its left, folders of
 * one rank do not import each other, and no files import each other in a circle.
 *
 * Tests may import anything.
 *
 * @module
 */

/** Folders, from those that import nothing; a folder inside another has a rank of its own. */
const ORDER: readonly string[][] = [
  ["wire/ip"],
  ["wire"],
  ["link", "manifest"],
  ["stack", "router", "transports"],
  ["proxy/edge"],
  ["proxy/dns"],
  ["proxy", "install"],
  ["agent"],
  ["manager"],
  ["control"],
  ["mod.ts"],
  ["cli"],
  ["cli.ts"],
];
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

/** A module's path within the project, if it is of the project. */
function pathOf(specifier: string): string | undefined {
  return specifier.startsWith(root.href) ? specifier.slice(root.href.length) : undefined;
}

/** The folder that gives a file its rank: the longest that is listed. */
function roomOf(path: string): { room: string; rank: number } | undefined {
  let found: { room: string; rank: number } | undefined;
  for (const [rank, rooms] of ORDER.entries()) {
    for (const room of rooms) {
      if (path !== room && !path.startsWith(`${room}/`)) continue;
      if (!found || room.length > found.room.length) found = { room, rank };
    }
  }
  return found;
}

/** What each file of the project imports of it. */
async function importsOfAll(): Promise<Map<string, Set<string>>> {
  const imports = new Map<string, Set<string>>();
  for (const entry of ENTRY_POINTS) {
    for (const { specifier, dependencies } of (await graphOf(entry)).modules) {
      const from = pathOf(specifier);
      if (from === undefined || !roomOf(from)) continue;
      const targets = imports.get(from) ?? new Set();
      imports.set(from, targets);
      for (const { code, type } of dependencies ?? []) {
        const target = code?.specifier ?? type?.specifier;
        const to = target === undefined ? undefined : pathOf(target);
        if (to !== undefined && to !== from) targets.add(to);
      }
    }
  }
  return imports;
}

/** Groups of files that reach each other by imports (Tarjan's components of more than one). */
function circlesIn(imports: ReadonlyMap<string, ReadonlySet<string>>): string[][] {
  const numbers = new Map<string, number>();
  const lows = new Map<string, number>();
  const path: string[] = [];
  const circles: string[][] = [];
  const visit = (file: string): number => {
    const number = numbers.size;
    numbers.set(file, number);
    lows.set(file, number);
    path.push(file);
    for (const to of imports.get(file) ?? []) {
      const low = numbers.has(to) ? lows.get(to) : visit(to);
      if (low !== undefined) lows.set(file, Math.min(lows.get(file)!, low));
    }
    const low = lows.get(file)!;
    if (low === number) {
      const circle = path.splice(path.indexOf(file));
      for (const member of circle) lows.delete(member);
      if (circle.length > 1) circles.push(circle.sort());
    }
    return low;
  };
  for (const file of imports.keys()) if (!numbers.has(file)) visit(file);
  return circles;
}

const imports = await importsOfAll();
const faults: string[] = [];
let edges = 0;
for (const [file, targets] of imports) {
  const from = roomOf(file)!;
  for (const target of targets) {
    const to = roomOf(target);
    if (to?.room === from.room || target === "deno.json") continue;
    edges++;
    if (to && to.rank < from.rank) continue;
    faults.push(`Against the order of rooms: ${file} imports ${target}`);
  }
}
if (edges === 0) {
  throw new Error("No imports between folders were found: the check is blind");
}
for (const circle of circlesIn(imports)) {
  faults.push(`A circle of imports: ${circle.join(", ")}`);
}
for (const fault of faults) console.error(fault);
if (faults.length > 0) Deno.exit(1);
