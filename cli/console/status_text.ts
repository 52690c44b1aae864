/**
 * The status of a mesh as a block of text, for `--debug`.
 *
 * @module
 */

import type { MeshStatus } from "../../manager/status.ts";
import { columns } from "./columns.ts";

/** Listeners that failed and are listed. */
const MOST_LISTED = 20;
/** Characters of a listed error. */
const MOST_CHARACTERS = 200;

/** The status as a heading and tables; empty tables are left out. */
export function statusText(status: MeshStatus): string {
  return [
    `Status after ${(status.ms / 1000).toFixed(1)} s`,
    ...[hosts, windows, queues, stacks].map((table) => columns(table(status))),
    packets(status),
    listeners(status),
  ].map((text) => text.trimEnd()).filter(Boolean).join("\n");
}

/**
 * A status as an object for machines: of the listeners only those that failed, and a
 * count.
 */
export function statusFields(status: MeshStatus): Record<string, unknown> {
  const listeners = status.listeners.filter(({ error }) => error);
  return { ...status, listeners, listening: status.listeners.length - listeners.length };
}

function hosts({ hosts, links }: MeshStatus): string[][] {
  const rows = hosts.map(({ host, state, failures }, index) => {
    const { timesReady, ms, frames, droppedControls, droppedLines } = links[index]!;
    const { ok, ...dropped } = frames;
    return row(
      host,
      state,
      ms === undefined ? "-" : `${(ms / 1000).toFixed(1)} s`,
      timesReady,
      failures,
      ok,
      sum(Object.values(dropped)),
      droppedControls.count,
      droppedLines.count,
    );
  });
  return [
    row(
      ...["HOST", "STATE", "FOR", "TIMES READY", "FAILURES"],
      ...["FRAMES", "DROPPED", "CONTROLS DROPPED", "LINES LEFT OUT"],
    ),
    ...rows,
  ];
}

function windows({ links }: MeshStatus): string[][] {
  const rows = links.flatMap(({ host, window }) => {
    if (!window) return [];
    const { base, roundTrip, rate, drains, faults, mode } = window;
    return [row(
      `to ${host}`,
      bytes(window.window),
      bytes(window.underWay),
      rate === 0 ? "-" : `${bytes(rate)}/s`,
      base === undefined ? "-" : `${base.toFixed(1)} ms`,
      roundTrip === undefined ? "-" : `${roundTrip.toFixed(1)} ms`,
      drains,
      faults,
      mode,
    )];
  });
  if (rows.length === 0) return [];
  return [
    row(
      ...["WINDOW", "BYTES", "UNDER WAY", "RATE", "BASE", "ROUND TRIP"],
      ...["DRAINS", "FAULTS", "MODE"],
    ),
    ...rows,
  ];
}

function queues({ hosts, queues, waiting }: MeshStatus): string[][] {
  const stateOf = new Map(hosts.map(({ host, state }) => [host, state]));
  const rows = [
    ...queues.map((queue) =>
      row(
        `to ${queue.host}`,
        queue.frames,
        bytes(queue.bytes),
        bytes(queue.peakBytes),
        bytes(queue.writtenBytes),
        queue.dropped,
        queue.refused,
      )
    ),
    ...waiting.map(({ host, frames, bytes: held }) =>
      row(
        `to ${host}, which is ${stateOf.get(host) ?? "starting"}`,
        frames,
        bytes(held),
        "-",
        "-",
        "-",
        "-",
      )
    ),
  ];
  if (rows.length === 0) return [];
  return [
    row("QUEUE", "FRAMES", "BYTES", "PEAK", "WRITTEN", "DROPPED", "REFUSED"),
    ...rows,
  ];
}

function stacks({ stacks }: MeshStatus): string[][] {
  if (stacks.length === 0) return [];
  return [
    row(
      ...["STACK", "CONNECTIONS", "SYNS", "PAGES", "IN", "OUT"],
      ...["DROPPED", "FAILED", "TURNED AWAY", "RENEWED"],
    ),
    ...stacks.map((stack) =>
      row(
        `of ${stack.host}`,
        stack.connections,
        stack.pendingSyns,
        `${stack.usedPages}/${stack.pages}`,
        stack.packetsIn,
        stack.packetsOut,
        stack.packetsDropped + stack.packetsWithoutMemory,
        stack.failures,
        stack.turnedAway,
        stack.renewals,
      )
    ),
  ];
}

function packets({ packets, flows }: MeshStatus): string {
  const { delivered, waited, overflowed, refused, unroutable, aborted, evicted } =
    packets;
  const { missed } = packets;
  const lost = missed > 0 ? `, ${missed} to hosts that were away` : "";
  return `Packets: ${delivered} delivered, ${waited} waited, ${overflowed} more did not ` +
    `fit, ${refused} refused, ${unroutable} to nowhere${lost}\n` +
    `Routed connections: ${flows.opening} opening, ${flows.open} open, ` +
    `${flows.finished + flows.refused} over, ${aborted} reset, ` +
    `${evicted} of them for want of room (${flows.limit})`;
}

function listeners({ listeners }: MeshStatus): string {
  const failed = listeners.filter(({ error }) => error);
  const shown = failed.slice(0, MOST_LISTED).map(({ host, address, error }) =>
    "\n  " + oneLine(`${host} does not listen on ${address}: ${error!.message}`)
  );
  const more = failed.length - shown.length;
  return `Listeners: ${listeners.length - failed.length} up, ${failed.length} failed` +
    shown.join("") + (more > 0 ? `\n  and ${more} more` : "");
}

/** Makes an agent's text a single line. */
function oneLine(text: string): string {
  const line = text.replace(/\s+/g, " ");
  return line.length > MOST_CHARACTERS ? `${line.slice(0, MOST_CHARACTERS)}…` : line;
}

function row(...cells: readonly (string | number)[]): string[] {
  return cells.map(String);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** In the largest unit that gives at least 1. */
function bytes(count: number): string {
  for (const [size, unit] of [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]]) {
    if (count >= Number(size)) return `${(count / Number(size)).toFixed(1)} ${unit}`;
  }
  return `${count} B`;
}
