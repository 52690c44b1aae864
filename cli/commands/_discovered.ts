/**
 * `norouter discover` as users run it, with stand-ins for the programs that are asked.
 *
 * @module
 */
import * as recorded from "../discovery/_recorded.ts";
import { run, type RunOptions } from "../_run.ts";
import { byCommand, prints, type StandIns, withPrograms } from "../_stand_ins.ts";

/** Runs the command with these programs, and reads its output as JSON. */
export function discovered(
  programs: Readonly<Record<string, string>>,
  args: readonly string[],
  prepare: (standIns: StandIns) => Promise<void> = () => Promise.resolve(),
) {
  return withPrograms(programs, async (standIns) => {
    await prepare(standIns);
    const result = await run(["discover", "--format", "json", ...args], {
      env: standIns.env,
    });
    const text = result.stdout.replaceAll(standIns.folder, "@");
    return { ...result, ...JSON.parse(text) };
  });
}

export function plain(
  programs: Readonly<Record<string, string>>,
  args: readonly string[],
) {
  return withPrograms(
    programs,
    ({ env, folder }) =>
      run(["discover", ...args], { env } satisfies RunOptions).then((result) => ({
        ...result,
        stderr: result.stderr.replaceAll(folder, "@"),
      })),
  );
}

/** As Docker does, prints all only where all are asked for. */
export function docker({ ps, inspect }: { ps: string; inspect: string }): string {
  return byCommand({ ps: prints(ps), inspect: prints(inspect) });
}

export const KUBECTL = byCommand({
  "config view": prints(recorded.KUBECTL_CONFIG),
  "get pods": prints(recorded.KUBECTL_PODS),
});
