/**
 * The real kubectl: the system's if new enough, or Debian's, kept in .cache.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { Debian, run } from "../../../stack/lwip/debian.ts";

/** From this minor version on, exec goes over WebSockets by default (before, SPDY). */
const LEAST_MINOR = 31;
/** Debian's release whose client is new enough, and runs on the previous release too. */
const SUITE = "trixie";

/** The client's path, or nothing where there is none new enough. */
export async function findKubectl(): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return undefined;
  const kept = fileURLToPath(
    new URL(`../../../.cache/kubectl-${SUITE}`, import.meta.url),
  );
  for (const program of ["kubectl", kept]) {
    if ((minorOf(program) ?? 0) >= LEAST_MINOR) return program;
  }
  const work = await Deno.makeTempDir({ prefix: "norouter-kubectl-" });
  try {
    const debian = await Debian.setUp(work, { suite: SUITE, kind: "deb" });
    await debian.get("download", "kubectl");
    const [package_] = [...Deno.readDirSync(work)].filter(({ name }) =>
      name.endsWith(".deb")
    );
    await run(["dpkg-deb", "--extract", package_!.name, "root"], { cwd: work });
    await Deno.mkdir(fileURLToPath(new URL("../../../.cache/", import.meta.url)), {
      recursive: true,
    });
    // Another run of the tests may do the same just now.
    await Deno.copyFile(`${work}/root/usr/bin/kubectl`, `${kept}.${Deno.pid}`);
    await Deno.rename(`${kept}.${Deno.pid}`, kept);
    return kept;
  } catch (error) {
    console.log(`no kubectl from Debian: ${(error as Error).message}`);
    return undefined;
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

function minorOf(program: string): number | undefined {
  try {
    const { stdout } = new Deno.Command(program, {
      args: ["version", "--client", "--output=json"],
    }).outputSync();
    const { clientVersion } = JSON.parse(new TextDecoder().decode(stdout));
    return Number.parseInt(clientVersion.minor);
  } catch {
    return undefined;
  }
}
