/**
 * A manager that goes by its manifest anew at each SIGUSR2: live_manager.ts MANIFEST
 *
 * Prints each event, and the report of each swap, as JSON, a line each. The manifest is JSON
 * with the fields of the YAML; `egress` of a host is read here.
 *
 * @module
 */
import type { EgressSpec, Manifest } from "../../manifest/manifest.ts";
import { manifestFromObject } from "../../manifest/parse.ts";
import { startMesh } from "../../manager/mesh.ts";
import type { RunningMesh } from "../../manager/running_mesh.ts";
import { builtinTransports } from "../../transports/registry.ts";

/** `tcp:PORT:HOST:PORT` at 127.0.0.1. */
function egressOf(text: string, at: EgressSpec["at"]): EgressSpec {
  const [, listenPort, connectHost, connectPort] = text.split(":");
  return {
    proto: "tcp",
    listenHost: "127.0.0.1",
    listenPort: Number(listenPort),
    connectHost: connectHost!,
    connectPort: Number(connectPort),
    at,
  };
}

function read(path: string): Manifest {
  const shape = JSON.parse(Deno.readTextFileSync(path));
  const rules = new Map<string, string[]>();
  for (const [name, host] of Object.entries<Record<string, unknown>>(shape.hosts)) {
    rules.set(name, (host.egress ?? []) as string[]);
    delete host.egress;
  }
  const manifest = manifestFromObject(shape, { path, transports: builtinTransports });
  return {
    ...manifest,
    hosts: manifest.hosts.map((host) => {
      const egress = rules.get(host.name)!.map((text) => egressOf(text, host.at));
      return { ...host, egress };
    }),
  };
}

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
