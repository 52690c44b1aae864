// The name of the process, as `pgrep` and `ss -p` see it.
import { until } from "../tests/harness/scene/wait.ts";
import { norouter } from "./_run.ts";

function nameOf(pid: number): string {
  return Deno.readTextFileSync(`/proc/${pid}/comm`).trimEnd();
}

for (const args of [["agent", "--automated"], ["-"], ["up", "-"]]) {
  Deno.test({
    name: `the process of "norouter ${args.join(" ")}" is called norouter`,
    ignore: Deno.build.os !== "linux",
    fn: async () => {
      await using child = norouter(args).spawn();
      const output = Promise.all([child.stdout.cancel(), child.stderr.cancel()]);
      await until("the name", () => nameOf(child.pid) === "norouter");
      await child.stdin.close();
      await output;
      await child.status;
    },
  });
}
