/**
 * A manager that goes by its manifest anew at each SIGUSR2: live_manager.ts MANIFEST
 *
 * Prints each event, and the report of each swap, as JSON, a line each. The manifest is JSON
 * with the fields of the YAML.
 *
 * @module
 */
import type { Manifest } from "../../manifest/manifest.ts";
import { manifestFromObject } from "../../manifest/parse.ts";
import { startMesh } from "../../manager/mesh.ts";
import type { RunningMesh } from "../../manager/running_mesh.ts";
import { builtinTransports } from "../../transports/registry.ts";

const read = (path: string): Manifest =>
  manifestFromObject(JSON.parse(Deno.readTextFileSync(path)), {
    path,
    transports: builtinTransports,
  });

if (import.meta.main) {
  const [path] = Deno.args;
  const tell = (event: object) => console.log(JSON.stringify(event));
  const mesh = await startMesh(read(path!), { onEvent: tell }) as RunningMesh;
  Deno.addSignalListener("SIGUSR2", () => {
    try {
      tell({ type: "swapped", ...mesh.swap(read(path!)) });
    } catch (error) {
      tell({ type: "failed", message: String(error) });
    }
  });
  Deno.addSignalListener("SIGTERM", async () => {
    await mesh.close();
    Deno.exit(0);
  });
}
