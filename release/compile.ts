/**
 * `deno task compile [--target T]… [--output DIR]`: executables by `deno compile`, with the stack
 * and all modules in them.
 *
 * Deno takes the runtime for a target from its own site, or from `DENORT_BIN`. Without
 * either, compilation says so and exits with status 3.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { Command, Option } from "commander";
import { build } from "../stack/lwip/build.ts";
import { commitOf } from "./program.ts";
import { messageOf } from "../wire/text.ts";

/** Deno's name of each target, and the artefact made for it. */
export const TARGETS: Readonly<Record<string, string>> = {
  "x86_64-unknown-linux-gnu": "norouter-linux-x64-gnu",
  "aarch64-unknown-linux-gnu": "norouter-linux-arm64-gnu",
  "x86_64-apple-darwin": "norouter-macos-x64",
  "aarch64-apple-darwin": "norouter-macos-arm64",
  "x86_64-pc-windows-msvc": "norouter-windows-x64.exe",
};

const root = fileURLToPath(new URL("../", import.meta.url));
/** Read by `cli/version.ts`; ignored by git. */
const BUILD_FACTS = `${root}cli/build.json`;
const LIMIT_MS = 300_000;
/**
 * The most that V8 fills with new objects before it looks for garbage, in MiB, of which it holds
 * several: some 50 MiB less after many short connections.
 */
const V8_FLAGS = "--max-semi-space-size=2";

/** There is no runtime to compile for a target. */
export class NoRuntimeError extends Error {
  override readonly name = "NoRuntimeError";
}

/** Compiles for a target into `output` and gives the file. */
export async function compile(target: string, output: string): Promise<string> {
  const name = TARGETS[target];
  if (name === undefined) {
    throw new Error(
      `Unknown target ${target}; known are ${Object.keys(TARGETS).join(", ")}`,
    );
  }
  await checkRuntime(Deno.env.get("DENORT_BIN"));
  const file = `${output}/${name}`;
  await Deno.mkdir(output, { recursive: true });
  await Deno.writeTextFile(BUILD_FACTS, JSON.stringify({ commit: await commitOf() }));
  try {
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["compile", "--quiet", "--no-check", "--allow-all", "--target", target],
        `--v8-flags=${V8_FLAGS}`,
        ...["--include", "stack/lwip.wasm", "--include", "cli/build.json"],
        ...["--output", file, "cli.ts"],
      ],
      cwd: root,
      env: { NO_COLOR: "1" },
      signal: AbortSignal.timeout(LIMIT_MS),
    }).output();
    if (success) return file;
    const said = new TextDecoder().decode(stderr).split(/\n\s*Stack backtrace/)[0]!
      .trim();
    if (/denort|download|dns error|connect/i.test(said)) {
      throw new NoRuntimeError(
        `Deno's runtime for ${target} can neither be downloaded nor taken from ` +
          `DENORT_BIN: ${said.replaceAll(/\s*\n\s*/g, "; ")}`,
      );
    }
    throw new Error(`deno compile for ${target} failed: ${said}`);
  } finally {
    await Deno.remove(BUILD_FACTS).catch(() => {});
  }
}

/** The whole deno in place of its runtime makes a file that shows a prompt. */
async function checkRuntime(path: string | undefined): Promise<void> {
  if (!path) return;
  try {
    const { stdout } = await new Deno.Command(path, {
      args: ["--version"],
      stdin: "null",
      signal: AbortSignal.timeout(5000),
    }).output();
    if (!/^deno \d/.test(new TextDecoder().decode(stdout))) return;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new NoRuntimeError(`DENORT_BIN names ${path}, which is not there`);
    }
    return; // for another system, or a runtime without a program: both are right
  }
  throw new NoRuntimeError(
    `DENORT_BIN names ${path}, which is deno itself, not its denort`,
  );
}

/** The target of this machine. */
export function ownTarget(): string {
  return Deno.build.target;
}

if (import.meta.main) {
  const { target, output } = new Command("deno task compile")
    .description("Makes executables by deno compile.")
    .addOption(
      new Option("--target <target...>", "what for").choices(Object.keys(TARGETS))
        .default([ownTarget()], "this machine"),
    )
    .option("--output <folder>", "where they go", `${root}dist`)
    .parse(Deno.args, { from: "user" })
    .opts<{ target: string[]; output: string }>();
  await build({ log: console.error });
  for (const each of target) {
    try {
      const file = await compile(each, output);
      const { size } = await Deno.stat(file);
      console.error(`Built ${file}: ${(size / 1e6).toFixed(1)} MB`);
    } catch (error) {
      console.error(messageOf(error));
      Deno.exit(error instanceof NoRuntimeError ? 3 : 1);
    }
  }
}
