/**
 * A client of a soak, `client.ts JSON` with a {@linkcode ClientPlan}: makes transfers in
 * sequence in some lanes until its time is over, and prints a ClientReport for
 * each, and `{"event":"done"}` when all are over.
 *
 * @module
 */
import { endingOf, writeAll } from "../harness/peers/peer_tcp.ts";
import { pause } from "../harness/scene/wait.ts";
import { converse } from "./conversation.ts";
import { ask } from "./http_transfer.ts";
import { Random } from "./random.ts";
import { anyTransfer, type ClientReport, type Side, type Transfer } from "./transfer.ts";
import { Refused, type Target, TUNNELS, waysTo } from "./ways.ts";

/** The task of a client. */
export interface ClientPlan {
  /** The host of the client. */
  readonly host: string;
  /** Hosts that all its transfers go through: its own, unless that is the manager's. */
  readonly through: readonly string[];
  readonly seed: number;
  readonly seconds: number;
  /** Transfers at a time. */
  readonly lanes: number;
  readonly targets: readonly Target[];
}

/** After a connection that could not be made, so as not to hammer a host that is down. */
const FAILED_PAUSE_MS = 200;

async function make(way: string, target: Target, transfer: Transfer): Promise<Side> {
  if (way === "http") return await ask(target, transfer);
  const { conn, early } = await TUNNELS[way]!(target);
  try {
    await writeAll(conn, new TextEncoder().encode(JSON.stringify(transfer) + "\n"));
  } catch (error) {
    conn.close();
    throw error;
  }
  return await converse(conn, transfer, "client", early);
}

async function lane(plan: ClientPlan, number: number, end: number): Promise<void> {
  const random = new Random(plan.seed + number * 7919);
  for (let count = 0; Date.now() < end; count++) {
    const target = random.pick(plan.targets);
    const way = random.pick(waysTo(target));
    const id = `${plan.host}-${plan.seed}-${number}-${count}`;
    const transfer = anyTransfer(id, random, way === "http");
    const began = Date.now();
    let side: Side;
    let failed = false;
    try {
      side = await make(way, target, transfer);
    } catch (error) {
      failed = true;
      const why = error instanceof Refused ? error.message : endingOf(error);
      side = { id, received: 0, ending: `no connection: ${why}` };
    }
    const report: ClientReport = {
      event: "transfer",
      transfer,
      way,
      hosts: [...plan.through, ...target.hosts],
      began,
      ended: Date.now(),
      ...side,
    };
    console.log(JSON.stringify(report));
    if (failed) await pause(FAILED_PAUSE_MS);
  }
}

if (import.meta.main) {
  const plan: ClientPlan = JSON.parse(Deno.args[0]!);
  const end = Date.now() + plan.seconds * 1000;
  await Promise.all(
    Array.from({ length: plan.lanes }, (_, number) => lane(plan, number, end)),
  );
  console.log(JSON.stringify({ event: "done" }));
}
