/**
 * `norouter status`: a mesh that runs, as a table or JSON on stdout.
 *
 * @module
 */
import type { HostStatus, MeshStatus } from "../../manager/status.ts";
import { columns } from "../console/columns.ts";
import { printResult } from "../console/console.ts";
import { renderJson } from "../console/printable.ts";
import { hasEnded, isJson, type LiveOptions, withMesh } from "../running.ts";
import { stopSignals } from "../stop.ts";

/** Milliseconds between two looks with `--watch`. */
const EVERY_MS = 1000;
/** Milliseconds in which a mesh that answers no more is gone, if it has ended. */
const ENDING_MS = 2000;
/** Characters of a cell that are shown. */
const MOST_SHOWN = 60;
/** Clears a terminal and goes to its first cell (ECMA-48, 8.3.39 and 8.3.21). */
const CLEAR = "\x1b[H\x1b[2J\x1b[3J";

/** The answer of the mesh. */
export interface StatusAnswer extends Omit<MeshStatus, "hosts"> {
  readonly mesh: {
    readonly name: string;
    readonly manifest: string;
    readonly pid: number;
    readonly version: string;
  };
  readonly hosts: readonly (Omit<HostStatus, "host"> & {
    readonly name: string;
    readonly added: boolean;
  })[];
}

/** Shows the status, with `--watch` again and again until Ctrl-C or the end of the mesh. */
export function status(options: LiveOptions): Promise<number> {
  return withMesh(options, async (client, { pid }) => {
    const ask = async () => await client.ask("GET", "/v1/status") as StatusAnswer;
    if (options.watch === undefined || options.watch === "off") {
      const answer = await ask();
      const isForMachines = isJson(options);
      await printResult(
        isForMachines ? renderJson(answer, 2) + "\n" : statusTable(answer),
      );
      return 0;
    }
    using stop = stopSignals();
    let isAsked = false;
    const asked = stop.asked.then(() => void (isAsked = true));
    for (let isFirst = true; !isAsked; isFirst = false) {
      let answer: StatusAnswer;
      try {
        answer = await ask();
      } catch (error) {
        if (!isFirst && await hasEnded(pid, ENDING_MS)) return 0;
        throw error;
      }
      if (isJson(options)) await printResult(renderJson(answer) + "\n");
      else await draw(statusTable(answer));
      let timer;
      const pause = new Promise((resolve) => timer = setTimeout(resolve, EVERY_MS));
      await Promise.race([pause, asked]);
      clearTimeout(timer);
    }
    return 0;
  });
}

/** On a terminal in the place of the last, else below, behind an empty line. */
async function draw(table: string): Promise<void> {
  if (!Deno.stdout.isTerminal()) return await printResult(`${table}\n`);
  await printResult(CLEAR, { isExact: true });
  await printResult(table);
}

/** The status for people. */
export function statusTable(status: StatusAnswer): string {
  const { mesh, hosts, links, listeners, flows, ms } = status;
  const ready = hosts.filter(({ state }) => state === "ready").length;
  const failed = listeners.filter(({ error }) => error);
  const rows = hosts.map((host, index) => {
    const { name, vip, state, command, added, lastFailure, version } = host;
    const up = links[index]?.ms;
    return [
      name,
      vip,
      state,
      up === undefined ? "-" : duration(up),
      version ?? "-",
      short(command) + (added ? " (added)" : ""),
      ...(lastFailure === undefined ? [""] : [short(lastFailure)]),
    ];
  });
  const count = listeners.length - failed.length;
  return [
    `${mesh.name}: ${mesh.manifest}, process ${mesh.pid}, up ${duration(ms)}, ` +
    `${ready} of ${hosts.length} hosts ready\n\n`,
    columns([
      ["HOST", "VIP", "STATE", "FOR", "VERSION", "REACHED BY", ""],
      ...rows,
    ]),
    `\nListeners: ${count} up, ${failed.length} failed; ` +
    `routed connections: ${flows.open} open\n`,
    ...failed.map(({ host, address, error }) =>
      `  ${host} does not listen on ${address}: ${short(error!.message)}\n`
    ),
  ].join("");
}

function short(text: string): string {
  const line = text.replace(/\s+/g, " ");
  return line.length > MOST_SHOWN ? `${line.slice(0, MOST_SHOWN - 1)}…` : line;
}

/** `12 s`, `3 min`, `5 h`, `2 d`: in the largest unit of which there are two. */
function duration(ms: number): string {
  const units = [[86_400, "d"], [3600, "h"], [60, "min"]] as const;
  const seconds = ms / 1000;
  for (const [size, unit] of units) {
    if (seconds >= 2 * size) return `${Math.floor(seconds / size)} ${unit}`;
  }
  return `${Math.floor(seconds)} s`;
}
