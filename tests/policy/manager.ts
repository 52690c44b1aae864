/**
 * A manager whose manifest can be changed: `manager.ts MANIFEST`. SIGUSR1 has the manifest
 * read again, and SIGUSR2 tells the status. Tells events as lines of JSON.
 *
 * @module
 */
import { startMesh } from "../../mod.ts";

const path = Deno.args[0]!;
const tell = (value: unknown) => console.log(JSON.stringify(value));
const mesh = await startMesh(path, { onEvent: tell });

Deno.addSignalListener("SIGUSR1", async () => {
  await mesh.update(path);
  tell({ type: "swapped" });
});
Deno.addSignalListener("SIGUSR2", async () => tell({ status: await mesh.status() }));
Deno.addSignalListener("SIGTERM", async () => {
  await mesh.close();
  Deno.exit(0);
});
