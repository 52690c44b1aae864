/**
 * A slow line with large buffers, as ssh over a home connection is: nothing waits there
 * behind a transfer, so that a keystroke never has to.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { LineReport } from "../harness/peers/slow_line.ts";
import { NOROUTER } from "../harness/scene/mesh.ts";
import { e2e } from "../harness/scene/scene.ts";

const SLOW_LINE = new URL("../harness/peers/slow_line.ts", import.meta.url).pathname;
/** 20 Mbit/s. */
const BYTES_PER_MS = 2500;
/** The line would hold a MiB; a window holds a round trip and some milliseconds. */
const MOST_WAITING = 512 * 1024;
/** Half seconds in which a window finds its size. */
const LEARNING = 3;

e2e(
  "a transfer both ways over a slow line leaves the line's buffers empty",
  async (scene) => {
    const file = `${await scene.folder()}/line`;
    const { hosts: { local, web } } = await scene.mesh({
      local: {},
      web: {
        ports: ["9000:127.0.0.1:9000", "9001:127.0.0.1:9001"],
        cmd: (namespace) => [
          ...[Deno.execPath(), "run", "--quiet", "-A", SLOW_LINE],
          ...[`${BYTES_PER_MS}`, file, ...namespace.command(...NOROUTER)],
        ],
      },
    });
    await scene.server(web.namespace, "serve-exchange", 9000, "12Mi", 2);
    const began = (await linesOf(file)).length;
    const client = scene.client(
      local.namespace,
      "exchange",
      web.vip,
      9000,
      "12Mi",
      1,
    );
    const { receivedBytes } = await client.report("done", undefined, { limitMs: 60_000 });
    assert.equal(receivedBytes, 12 * 2 ** 20);

    const reports: LineReport[] = (await linesOf(file)).slice(began + LEARNING).map((
      line,
    ) => JSON.parse(line));
    for (const way of ["up", "down"] as const) {
      const busy = reports.filter((report) => report[way].passed > 100 * BYTES_PER_MS);
      assert.ok(busy.length >= 3, `${way}: ${JSON.stringify(reports)}`);
      const most = busy.map((report) => report[way].most);
      assert.ok(most.every((bytes) => bytes < MOST_WAITING), `${way}: ${most}`);
    }
  },
  { limitMs: 120_000 },
);

/** The whole lines of a file; none before it is there. */
async function linesOf(file: string): Promise<string[]> {
  const text = await Deno.readTextFile(file).catch(() => "");
  return text.split("\n").slice(0, -1);
}
