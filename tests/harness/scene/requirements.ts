/**
 * A test's needs from the machine, and the result where a need is not met.
 *
 * @module
 */

/** `namespaces` stands for Linux, root, iproute2 and a kernel that lets us; the rest are programs. */
export type Requirement = "namespaces" | (string & Record<never, never>);

export interface Verdict {
  /** Leave the test out: something is missing, and this is not CI. */
  readonly ignore: boolean;
  /** The unmet needs, if any. */
  readonly missing: readonly string[];
}

const known = new Map<string, string | undefined>();

/**
 * Looks for the needs of a test. On a laptop a test whose needs are not met is left out
 * and the reason printed; under CI the test runs and fails, so that nothing is left out
 * there without anybody noticing.
 */
export function needs(...requirements: Requirement[]): Verdict {
  const missing = requirements.map(lack).filter((reason) => reason !== undefined);
  return { missing, ignore: missing.length > 0 && Deno.env.get("CI") !== "true" };
}

/** Why `requirement` is not met, or nothing if met. */
function lack(requirement: Requirement): string | undefined {
  if (!known.has(requirement)) {
    known.set(
      requirement,
      requirement === "namespaces" ? lackOfNamespaces() : lackOfProgram(requirement),
    );
  }
  return known.get(requirement);
}

function lackOfProgram(program: string): string | undefined {
  for (const folder of `${Deno.env.get("PATH")}:/usr/sbin:/sbin`.split(":")) {
    try {
      if (Deno.statSync(`${folder}/${program}`).isFile) return undefined;
    } catch { /* Not in this one. */ }
  }
  return `the program ${program}`;
}

function lackOfNamespaces(): string | undefined {
  if (Deno.build.os !== "linux") return "network namespaces, which only Linux has";
  if (Deno.uid() !== 0) return "root, to make network namespaces";
  const noIp = lackOfProgram("ip");
  if (noIp !== undefined) return noIp;
  const name = `norouter-${Deno.pid}-probe`;
  const { success, stderr } = ip("netns", "add", name);
  if (!success) return `network namespaces: ${new TextDecoder().decode(stderr).trim()}`;
  ip("netns", "delete", name);
  return undefined;
}

function ip(...args: string[]): Deno.CommandOutput {
  return new Deno.Command("ip", { args }).outputSync();
}
