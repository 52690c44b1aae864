/**
 * Echoes between the hosts of a mesh, while something else goes on.
 *
 * @module
 */
import type { TestMesh } from "../scene/mesh.ts";
import type { Scene } from "../scene/scene.ts";
import type { Peer } from "./peer_process.ts";

/** Where the echoes are: `web` has more to serve. */
export const ECHO_PORTS = ["9001:127.0.0.1:9000"];

/** Echoes between two hosts, every 20 ms on the same connection. */
export interface Echoes {
  readonly name: string;
  readonly client: Peer;
}

/** Milliseconds of the echoes so far, in order. */
export function times({ client }: Echoes): number[] {
  return client.reports.filter(({ event }) => event === "beat").map(({ ms }) =>
    Number(ms)
  );
}

/** Starts them from each of three hosts to the next; each publishes {@linkcode ECHO_PORTS}. */
export async function startEchoes(
  scene: Scene,
  { hosts: { local, web, db } }: TestMesh<"local" | "web" | "db">,
): Promise<Echoes[]> {
  for (const { namespace } of [local, web, db]) {
    await scene.server(namespace, "echo", 9000);
  }
  const pairs = [[local, web], [web, db], [db, local]] as const;
  return await Promise.all(pairs.map(async ([from, to]): Promise<Echoes> => {
    const client = scene.client(from.namespace, "beat", to.vip, 9001);
    await client.report("beat");
    return { name: `${from.name} → ${to.name}`, client };
  }));
}

/** The value below which 99 of 100 lie. */
export function p99(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.99)] ?? NaN;
}

/**
 * The fate of the echoes from `begin` to `end` and 20 more, for people and in numbers.
 */
export function account(
  each: Echoes,
  begin: number,
  end: number,
): { readonly text: string; readonly longest: number } {
  const taken = times(each).slice(begin, end + 20);
  const longest = Math.max(...taken);
  const text = `${each.name}: ${end - begin} echoes, 99 of 100 within ${
    p99(taken).toFixed(0)
  } ms, all within ${longest.toFixed(0)} ms`;
  return { text, longest };
}
