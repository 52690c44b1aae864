/**
 * From the start of a manager to its line that every host is ready: itself and a host by
 * `cmd`, beside the start of an empty program.
 *
 * A round is the median of several starts; the first is not one of them, for it warms
 * the caches.
 *
 * @module
 */
import { manifestOf, NOROUTER } from "../../tests/harness/scene/mesh.ts";
import { Namespace } from "../../tests/harness/scene/namespace.ts";
import { Process, run } from "../../tests/harness/scene/process.ts";
import { median } from "../statistics.ts";
import { type Figure, labelsOf, type Suite } from "../suite.ts";

const MEASURE = "start to Ready";
const OURS = "norouter";
const EMPTY = "an empty program";
const STARTS = 7;
const QUICK_STARTS = 2;
const SAID = /Every host is ready: \d+ in ([\d.]+) (ms|s)/;

interface Start {
  /** Milliseconds until it was done, or ready. */
  readonly ms: number;
  /** The same as the manager says, who does not count the loading of the program. */
  readonly said?: number;
}

/** See the head of this file. */
export const ready: Suite = {
  name: "ready",
  needs: ["namespaces"],
  beside: [EMPTY],
  labels: labelsOf([EMPTY, OURS], [MEASURE]),
  async open() {
    await using stack = new AsyncDisposableStack();
    const folder = await Deno.makeTempDir({ prefix: "norouter-bench-" });
    stack.defer(() => Deno.remove(folder, { recursive: true }));
    const near = stack.use(await Namespace.make());
    const far = stack.use(await Namespace.make());
    const manifest = `${folder}/mesh.yaml`;
    await Deno.writeTextFile(
      manifest,
      manifestOf({
        near: { name: "near", vip: "127.0.42.100", namespace: near, plan: {} },
        far: { name: "far", vip: "127.0.42.101", namespace: far, plan: {} },
      }),
    );
    const empty = `${folder}/empty.js`;
    await Deno.writeTextFile(empty, "");
    const starts: Record<string, () => Promise<Start>> = {
      async [EMPTY]() {
        const began = performance.now();
        await run([Deno.execPath(), "run", "--quiet", empty], { namespace: near });
        return { ms: performance.now() - began };
      },
      async [OURS]() {
        const began = performance.now();
        const options = { namespace: near, env: { NO_COLOR: "1" } };
        await using manager = new Process("manager", [...NOROUTER, manifest], options);
        const [, text, unit] = await manager.line(SAID, { everyMs: 1 });
        const ms = performance.now() - began;
        return { ms, said: Number(text) * (unit === "s" ? 1_000 : 1) };
      },
    };
    const all = stack.move();
    return {
      async play(plan) {
        for (const [way, start] of Object.entries(starts)) {
          if (!plan.wants(way, MEASURE)) continue;
          const times: Start[] = [];
          await start();
          for (let n = plan.isQuick ? QUICK_STARTS : STARTS; n > 0; n--) {
            times.push(await start());
          }
          const said = times.map(({ said }) => said).filter((ms) => ms !== undefined);
          const figures: Figure[] = [
            { row: MEASURE, unit: "ms", value: median(times.map(({ ms }) => ms)) },
          ];
          if (said.length > 0) {
            const row = `${MEASURE}, as the manager says`;
            figures.push({ row, unit: "ms", value: median(said) });
          }
          plan.take(way, MEASURE, figures);
        }
      },
      [Symbol.asyncDispose]: () => all.disposeAsync(),
    };
  },
};
