/**
 * `norouter events`: what happens in a mesh that runs, on stdout, until Ctrl-C or the end of
 * the mesh.
 *
 * @module
 */
import { Log, type LogEvent } from "../console/log.ts";
import { printResult } from "../console/console.ts";
import { type Piece, renderJson } from "../console/printable.ts";
import { isJson, type LiveOptions, withMesh } from "../running.ts";
import { stopSignals } from "../stop.ts";

/** An event as the mesh sends it. */
type SentEvent = LogEvent & Record<string, unknown> & { readonly time: string };

/** Prints events: lines for people, or an object a line. */
export function events(options: LiveOptions): Promise<number> {
  return withMesh(options, async (client) => {
    using stop = stopSignals();
    const control = new AbortController();
    stop.asked.then(() => control.abort());
    const lines: string[] = [];
    const log = new Log({
      format: "human",
      debug: true, // with times
      to: {
        line: (...pieces) => lines.push(plain(pieces)),
        json: () => {},
      },
    });
    for await (const event of client.events(control.signal)) {
      const sent = event as unknown as SentEvent;
      if (sent.level === "debug" && !options.debug) continue;
      if (isJson(options)) await printResult(renderJson(inOrder(sent)) + "\n");
      else {
        log.event(sent);
        for (const line of lines.splice(0)) await printResult(line + "\n");
      }
    }
    return 0;
  });
}

/** As in the log for programs. */
function inOrder({ time, level, type, host, message, ...fields }: SentEvent): unknown {
  return { time, level, type, host, message, ...fields };
}

function plain(pieces: readonly Piece[]): string {
  return pieces.map((piece) => typeof piece === "string" ? piece : piece[1]).join("");
}
