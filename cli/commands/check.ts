/**
 * `norouter check FILE...`: is each manifest right?
 *
 * Nothing is started, and no plug-in is run that the command line does not allow.
 *
 * @module
 */
import type { Diagnostic } from "../../manifest/source/diagnostic.ts";
import { printResult } from "../console/console.ts";
import { load, printDiagnostics } from "../manifest.ts";
import type { GlobalOptions } from "../options.ts";

/**
 * Checks a manifest and gives the exit status. Faults that a mesh would start with but
 * hardly anybody wants, such as an unknown field, are errors here.
 */
export async function check(file: string, options: GlobalOptions): Promise<number> {
  const { manifest, diagnostics } = await load(file, options, { isCheck: true });
  const strict = diagnostics.map((each): Diagnostic =>
    each.failsCheck ? { ...each, severity: "error" } : each
  );
  printDiagnostics(strict, options);
  if (!manifest || strict.some(({ severity }) => severity === "error")) return 1;
  const count = manifest.hosts.length;
  const hosts = count === 1 ? "host" : "hosts";
  await printResult(`${manifest.path}: OK, ${count} ${hosts}\n`);
  return 0;
}
