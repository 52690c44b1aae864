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
import { answerPolicy, type AskedPolicy } from "./policy_question.ts";

/** The options of the command. */
export interface CheckOptions extends GlobalOptions {
  /** Questions about the policy of each manifest. */
  readonly policy?: readonly AskedPolicy[];
}

/**
 * Checks a manifest and gives the exit status; `refuse` takes the fault of a question that
 * the manifest cannot answer, and throws. Faults that a mesh would start with but
 * hardly anybody wants, such as an unknown field, are errors here.
 */
export async function check(
  file: string,
  options: CheckOptions,
  refuse: (message: string) => never,
): Promise<number> {
  const { manifest, diagnostics } = await load(file, options, { isCheck: true });
  const strict = diagnostics.map((each): Diagnostic =>
    each.failsCheck ? { ...each, severity: "error" } : each
  );
  printDiagnostics(strict, options);
  if (!manifest || strict.some(({ severity }) => severity === "error")) return 1;
  const count = manifest.hosts.length;
  const hosts = count === 1 ? "host" : "hosts";
  const answers = (options.policy ?? []).map((asked) => {
    const found = answerPolicy(manifest, asked);
    return "answer" in found ? found.answer : refuse(found.fault);
  });
  const lines = [`${manifest.path}: OK, ${count} ${hosts}`, ...answers];
  await printResult(lines.map((line) => `${line}\n`).join(""));
  return 0;
}
