/**
 * Captures over the control socket: each an answer in pcapng that goes on until it has
 * what it is to have, is ended in order, its reader leaves, or the mesh ends.
 *
 * Loaded with the first capture. The router has a watch only while there is one.
 *
 * @module
 */

import { findHost, nearHost } from "../manifest/find_host.ts";
import { Capture } from "../router/capture/capture.ts";
import { FlowFault, FlowFilter } from "../router/capture/flow_filter.ts";
import { Watching } from "../router/capture/watch.ts";
import { formatIpv4 } from "../wire/ip/ipv4.ts";
import { BadRequest } from "./form.ts";
import type { Controlled } from "./controlled.ts";

/** Captures of a mesh at a time. */
export const MOST_CAPTURES = 8;
/**
 * Milliseconds between statistics while nothing is captured, which find out whether the
 * reader is there.
 */
const BEAT_MS = 5000;

/** The mesh, and who answers for it. */
export interface Capturing extends Pick<Controlled, "mesh" | "version"> {
  /** The mesh's name. */
  readonly name: string;
  /** Aborted at the end. */
  readonly signal: AbortSignal;
}

/** What is captured, as a request says. */
export interface CaptureWish {
  /** Hosts by name, alias or VIP; all if absent. */
  readonly host?: readonly string[] | undefined;
  /** Flows, see `flow_filter.ts`; all if absent. */
  readonly flow?: readonly string[] | undefined;
  readonly snaplen?: number | undefined;
  readonly count?: number | undefined;
  readonly seconds?: number | undefined;
}

/** The captures of a mesh. */
interface Captures {
  readonly watching: Watching;
  readonly byId: Map<number, Capture>;
}

const captures = new WeakMap<Capturing["mesh"], Captures>();
let lastId = 0;

/** Begins a capture. @throws {BadRequest} if it is not as wanted, or there are too many. */
export function beginCapture(
  { mesh, name, version, signal }: Capturing,
  { host, flow = [], snaplen, count, seconds }: CaptureWish,
): Response {
  const { hosts } = mesh.manifest;
  const find = (text: string) =>
    findHost(text, hosts) ?? { fault: faultOf(text, nearHost(text, hosts)) };
  const names = host?.map((text) => {
    const found = find(text);
    if ("fault" in found) throw new BadRequest(found.fault, 404);
    return found.name;
  });
  const flows = flow.map((text) => {
    try {
      return FlowFilter.parse(text, (name) => {
        const found = find(name);
        return "fault" in found ? found : found.vip;
      });
    } catch (error) {
      if (!(error instanceof FlowFault)) throw error;
      throw new BadRequest(`The flow is wrong: ${error.message}`);
    }
  });
  const of = capturesOf(mesh);
  if (of.byId.size >= MOST_CAPTURES || signal.aborted) {
    const message = `${MOST_CAPTURES} captures are under way, which is the most`;
    throw new BadRequest(message, 503);
  }
  const id = ++lastId;
  const end = () => capture.end();
  const capture: Capture = new Capture(hosts, {
    hosts: names && new Set(names),
    flows,
    snaplen,
    count,
    now: clock(),
    application: `norouter ${version}`,
    system: Deno.build.os,
    comment: [
      `mesh ${name}`,
      ...hosts.map(({ name, vip }) => `${name} is ${formatIpv4(vip)}`),
      ...flow.map((text) => `flow ${text}`),
    ].join("\n"),
    onEnd() {
      clearInterval(beat);
      clearTimeout(late);
      signal.removeEventListener("abort", end);
      of.byId.delete(id);
      of.watching.remove(capture);
    },
  });
  const beat = setInterval(() => capture.beat(), BEAT_MS);
  const late = seconds === undefined ? undefined : setTimeout(end, seconds * 1000);
  for (const timer of [beat, late]) if (timer !== undefined) Deno.unrefTimer(timer);
  signal.addEventListener("abort", end);
  of.byId.set(id, capture);
  of.watching.add(capture);
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const bytes = await capture.next();
      if (bytes) controller.enqueue(bytes);
      else controller.close();
    },
    cancel: end,
  }, { highWaterMark: 0 });
  return new Response(body, {
    headers: {
      "content-type": "application/x-pcapng",
      "cache-control": "no-store",
      "x-capture": String(id),
    },
  });
}

/** Ends a capture in order, and gives its counts; undefined if there is none of that number. */
export function endCapture(
  { mesh }: Pick<Capturing, "mesh">,
  id: number,
): Capture["counted"] | undefined {
  const capture = capturesOf(mesh).byId.get(id);
  capture?.end();
  return capture?.counted;
}

function capturesOf(mesh: Capturing["mesh"]): Captures {
  const known = captures.get(mesh);
  if (known) return known;
  const watching = new Watching((around) => mesh.watch(around));
  const fresh = { watching, byId: new Map() };
  captures.set(mesh, fresh);
  return fresh;
}

function faultOf(text: string, near: string): string {
  return `There is no host ${JSON.stringify(text)}${near}`;
}

/** The time in nanoseconds since 1970, which never goes back while the capture goes on. */
function clock(): () => bigint {
  const since = performance.now();
  const start = BigInt(Date.now()) * 1_000_000n;
  return () => start + BigInt(Math.round((performance.now() - since) * 1e6));
}
