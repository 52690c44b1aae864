/**
 * A manager whose policy can be changed: `manager.ts MANIFEST POLICY`. POLICY is a file of
 * rules, a line each, in the short form of `router/policy/_rules.ts`; SIGUSR1 has it read
 * again, and SIGUSR2 tells the status. Tells events as lines of JSON.
 *
 * @module
 */
import { startMesh } from "../../manager/mesh.ts";
import { RunningMesh } from "../../manager/running_mesh.ts";
import { loadManifest } from "../../manifest/load.ts";
import type { Manifest } from "../../manifest/manifest.ts";
import { policy } from "../../router/policy/_rules.ts";
import { builtinTransports } from "../../transports/registry.ts";

const [path, rules] = Deno.args;
const manifest = await loadManifest(path!, { transports: builtinTransports });

async function read(): Promise<Manifest> {
  const lines = (await Deno.readTextFile(rules!)).split("\n").filter((line) => line);
  return { ...manifest, policy: policy(...lines) };
}

const tell = (value: unknown) => console.log(JSON.stringify(value));
const mesh = await startMesh(await read(), { onEvent: tell });
if (!(mesh instanceof RunningMesh)) throw new Error("not the mesh of this process");

Deno.addSignalListener("SIGUSR1", async () => {
  mesh.swap(await read());
  tell({ type: "swapped" });
});
Deno.addSignalListener("SIGUSR2", async () => tell({ status: await mesh.status() }));
Deno.addSignalListener("SIGTERM", async () => {
  await mesh.close();
  Deno.exit(0);
});
