/**
 * The events of a mesh as server-sent events (HTML, section 9.2): each has the event's type
 * as its name, and the event as JSON, with its time.
 *
 * A reader that does not keep up loses the oldest and is told how many. A comment every
 * {@linkcode BEAT_MS} shows that the mesh is there, and finds out that the reader is not.
 *
 * @module
 */

import { EventStream, MOST_EVENTS } from "../manager/event_stream.ts";
import type { MeshEvent } from "../manager/events.ts";
import type { Mesh } from "../manager/contract.ts";

/** Milliseconds between comments. */
const BEAT_MS = 15_000;
/** Readers at a time: fewer than there may be connections, so that others can ask. */
export const MOST_READERS = 48;

let readers = 0;

/** The events from now on, until `signal`; undefined if too many read already. */
export function eventStream(
  mesh: Pick<Mesh, "events">,
  signal: AbortSignal,
): ReadableStream<Uint8Array> | undefined {
  if (readers >= MOST_READERS || signal.aborted) return undefined;
  readers++;
  const encoder = new TextEncoder();
  const lines = new EventStream<string>(MOST_EVENTS, () => readers--);
  const events = mesh.events();
  const end = () => {
    clearInterval(beat);
    signal.removeEventListener("abort", end);
    events.return?.();
    lines.end();
  };
  const beat = setInterval(() => lines.push(":\n\n"), BEAT_MS);
  Deno.unrefTimer(beat);
  signal.addEventListener("abort", end);
  stamp(events, (event) => lines.push(textOf(event))).then(end, end);
  lines.push(":\n\n"); // so that the head of the answer goes out at once
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await lines.next();
      if (done) return controller.close();
      const text = typeof value === "string" ? value : textOf(value);
      controller.enqueue(encoder.encode(text));
    },
    async cancel() {
      end();
      await lines.return();
    },
  }, { highWaterMark: 0 });
}

type AnyEvent = { readonly type: string };

/** Hands on events as they come, so that their times are right. */
async function stamp(
  events: AsyncIterable<MeshEvent | AnyEvent>,
  push: (event: AnyEvent) => void,
): Promise<void> {
  for await (const event of events) push(event);
}

function textOf(event: AnyEvent): string {
  const data = { time: new Date().toISOString(), ...event };
  return `event: ${event.type}\ndata: ${JSON.stringify(data)}\n\n`;
}
