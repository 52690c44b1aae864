/**
 * What a command started ends with its link, whatever it is; what made itself independent
 * is told.
 *
 * @module
 */
import assert from "node:assert/strict";
import { NOROUTER } from "../harness/scene/mesh.ts";
import type { Namespace } from "../harness/scene/namespace.ts";
import { processesIn } from "../harness/scene/proc.ts";
import { e2e, type Scene } from "../harness/scene/scene.ts";
import { Terminal } from "../harness/scene/terminal.ts";
import { until } from "../harness/scene/wait.ts";

/** Commands by what is odd about them; each leaves a `sleep` with a number of its own. */
const COMMANDS: Readonly<Record<string, string>> = {
  child: "sleep 901",
  outlives: "sleep 902 & exit 3",
  pipeline: "sleep 903 | cat | cat",
  deaf: "trap '' TERM; (trap '' TERM; sleep 904; sleep 904) | cat",
  orphan: "(sh -c 'sleep 905 & sleep 905 &' &) ; sleep 1; exit 4",
  stripped: "env -i PATH=/usr/bin:/bin sh -c 'sleep 906; true'; true",
};

function manifest(commands: Readonly<Record<string, string>>): string {
  const lines = Object.entries(commands).map(([name, script]) =>
    `  ${name}: { connectTimeout: 1s, cmd: ${
      JSON.stringify(["sh", "-c", script, "x"])
    } }\n`
  );
  return `hosts:\n${lines.join("")}`;
}

/** The command lines of the `sleep`s that run in a namespace. */
function sleeps({ name }: Namespace): string[] {
  return processesIn(name).flatMap((pid) => {
    try {
      const words = Deno.readTextFileSync(`/proc/${pid}/cmdline`).split("\0");
      return words[0] === "sleep" ? [words[1]!] : [];
    } catch {
      return [];
    }
  });
}

/** More than one attempt's are never there, and none at the end. */
async function leavesNothing(
  here: Namespace,
  mesh: {
    shows(pattern: RegExp): Promise<unknown>;
    end(): Promise<unknown>;
  },
): Promise<void> {
  // Three attempts of each, so what is left would add up.
  await mesh.shows(/deaf .*failure 3 in a row/);
  const counts = Map.groupBy(sleeps(here), (seconds) => seconds);
  for (const [seconds, all] of counts) {
    assert.ok(all.length <= 2, `${all.length} of sleep ${seconds} are there`);
  }
  await mesh.end();
  await until("nothing to be left", () => sleeps(here).length === 0, { limitMs: 5_000 });
}

async function startIn(scene: Scene, here: Namespace, commands = COMMANDS) {
  const manager = await scene.manager(manifest(commands), here);
  return {
    manager,
    shows: (pattern: RegExp) => manager.line(pattern, { limitMs: 60_000 }),
    end: async () => {
      manager.signal("SIGTERM");
      await manager.end();
    },
  };
}

e2e("a command ends with all that it left behind, retry after retry", async (scene) => {
  const here = await scene.namespace();
  await leavesNothing(here, await startIn(scene, here));
}, { limitMs: 90_000 });

e2e(
  "so it does on a terminal, where it stays in the manager's session",
  async (scene) => {
    const here = await scene.namespace();
    const path = `${await scene.folder()}/mesh.yaml`;
    await Deno.writeTextFile(path, manifest(COMMANDS));
    await using terminal = new Terminal([...NOROUTER, path], here);
    const shows = (pattern: RegExp) =>
      until(`${pattern} on the terminal`, () => pattern.test(terminal.screen), {
        limitMs: 60_000,
      });
    await leavesNothing(here, { shows, end: () => terminal.interrupt() });
  },
  { needs: ["script"], limitMs: 90_000 },
);

e2e("a process that made a session of its own is told, and goes on", async (scene) => {
  const here = await scene.namespace();
  const command = "setsid sleep 907 & sleep 1; exit 3";
  const { shows, end } = await startIn(scene, here, { free: command });
  await shows(
    /free +\| sh left a process that goes on in a session of its own: sleep \(\d+\)/,
  );
  await end();
  assert.ok(sleeps(here).includes("907"));
}, { needs: ["setsid"] });

e2e("a second Ctrl-C leaves nothing behind either", async (scene) => {
  const here = await scene.namespace();
  const commands = { deaf: "trap '' TERM; sleep 908; sleep 908; true" };
  const { manager } = await startIn(scene, here, commands);
  await until("the command", () => sleeps(here).length > 0);
  manager.signal("SIGINT");
  await manager.line(/Ending the mesh/);
  manager.signal("SIGINT");
  await manager.end();
  await until("nothing to be left", () => sleeps(here).length === 0, { limitMs: 5_000 });
});
