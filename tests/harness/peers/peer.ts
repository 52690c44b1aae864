/**
 * The program that stands for real applications inside a namespace: peer.ts ROLE ARGS…
 *
 * Prints a JSON object a line, each with an `event`; a server begins with
 * `listening`, a client ends with `done`. Roles are in peer_servers.ts and
 * peer_clients.ts; numbers may be written 256Mi.
 *
 * @module
 */
import { clients } from "./peer_clients.ts";
import { servers } from "./peer_servers.ts";

/** A peer's report on its standard output. */
export type Report = { event: string } & Record<string, unknown>;

/** A role: gets its arguments, tells what happened. */
export type Role = (args: string[], tell: (report: Report) => void) => Promise<void>;

if (import.meta.main) {
  const [name, ...args] = Deno.args;
  const role: Role | undefined = servers[name ?? ""] ?? clients[name ?? ""];
  if (role === undefined) {
    const names = [...Object.keys(servers), ...Object.keys(clients)].join(" ");
    console.error(`peer.ts: no role "${name}"; there are ${names}`);
    Deno.exit(2);
  }
  await role(args, (report) => console.log(JSON.stringify(report)));
}
