/**
 * The tools on a slow line: `ssh -L`, and a manager with an agent that ssh reaches.
 *
 * @module
 */
import { measured } from "../program.ts";
import { Process, run } from "../../tests/harness/scene/process.ts";
import { FAR, type Line } from "../line.ts";
import { forwards, sshCommand } from "../ssh_server.ts";
import type { Way } from "../tool.ts";
import { ECHO_PORT, IPERF_PORT } from "../world.ts";

export const OVER_SSH = "ssh -L";
export const OVER_MESH = "norouter over ssh";
const VIP = "127.0.42.101";
const PORTS = [[22_001, IPERF_PORT], [22_007, ECHO_PORT]] as const;

/** A tool on a line, started. */
export interface Over extends AsyncDisposable {
  readonly way: Way;
}

function over(process: Process, way: Omit<Way, "iperfPort" | "echoPort">): Over {
  return {
    way: { ...way, iperfPort: PORTS[0][0], echoPort: PORTS[1][0] },
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  };
}

/** Starts `ssh -L`; nothing is waited for. */
export function sshOver({ near, folder }: Line): Promise<Over> {
  const command = sshCommand(folder, FAR, ...forwards(PORTS));
  const process = new Process("ssh -L", command, { namespace: near });
  const way = { name: OVER_SSH, client: near, address: "127.0.0.1" };
  return Promise.resolve(over(process, way));
}

/** Starts a manager whose host is reached by `cmd: ssh …`; nothing is waited for. */
export async function meshOver({ near, folder }: Line): Promise<Over> {
  const { denoDir } = JSON.parse(await run([Deno.execPath(), "info", "--json"]));
  const agent = ["env", `DENO_DIR=${denoDir}`, ...measured()];
  const manifest = {
    hostTemplate: { stateDir: { disable: true } },
    hosts: {
      near: { vip: "127.0.42.100" },
      far: {
        vip: VIP,
        cmd: [...sshCommand(folder, FAR), ...agent],
        ports: PORTS.map(([from, to]) => `${from}:127.0.0.1:${to}`),
      },
    },
  };
  await Deno.writeTextFile(`${folder}/mesh.yaml`, JSON.stringify(manifest));
  const command = [...measured(), `${folder}/mesh.yaml`];
  const process = new Process("manager", command, { namespace: near });
  return over(process, { name: OVER_MESH, client: near, address: VIP });
}
