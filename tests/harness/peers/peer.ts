/**
 * The program that stands for real applications inside a namespace: peer.ts ROLE ARGS…
 *
 * Prints a JSON object a line, each with an `event`; a server begins with
 * `listening`, a client ends with `done`. Roles are in peer_servers.ts, peer_clients.ts,
 * peer_lasting.ts and peer_endure.ts; numbers may be written 256Mi.
 *
 * @module
 */
import { clients } from "./peer_clients.ts";
import { enduringRoles } from "./peer_endure.ts";
import { lastingRoles } from "./peer_lasting.ts";
import { servers } from "./peer_servers.ts";

/** A peer's report on its standard output. */
export type Report = { event: string } & Record<string, unknown>;

/** A role: gets its arguments, tells what happened. */
export type Role = (args: string[], tell: (report: Report) => void) => Promise<void>;

if (import.meta.main) {
  const [name, ...args] = Deno.args;
  const roles: Record<string, Role> = {
    ...servers,
    ...clients,
    ...lastingRoles,
    ...enduringRoles,
  };
  const role = roles[name ?? ""];
  if (role === undefined) {
    const names = Object.keys(roles).join(" ");
    console.error(`peer.ts: no role "${name}"; there are ${names}`);
    Deno.exit(2);
  }
  await role(args, (report) => console.log(JSON.stringify(report)));
}
