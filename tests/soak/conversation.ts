/**
 * The two sides of a transfer over a connection that is open.
 *
 * @module
 */
import { resetConnection } from "../../proxy/edge/reset.ts";
import { endingOf, readToEnd, writeAll } from "../harness/peers/peer_tcp.ts";
import { pause } from "../harness/scene/wait.ts";
import { Checker, pieces } from "./pattern.ts";
import type { Side, Transfer } from "./transfer.ts";

/** Bytes that a slow reader takes between two pauses. */
const SLOW_BYTES = 256 * 1024;
const SLOW_PAUSE_MS = 40;
/** So long nothing may move: above any freeze that is not an end. */
const STALL_MS = 90_000;

/** Which side this is. */
export type Role = "client" | "server";

/** Sends its own bytes and checks the other's, as the transfer says. Never rejects. */
export async function converse(
  conn: Deno.TcpConn,
  transfer: Transfer,
  role: Role,
  early: Uint8Array = new Uint8Array(),
): Promise<Side> {
  const { id, seed, up, down, order, reset, slow } = transfer;
  const isClient = role === "client";
  const checker = new Checker(isClient ? seed + 1 : seed);
  const toSend = isClient ? up : down;
  const resetAfter = reset?.by === role ? reset.after : undefined;
  let stalled = false;
  let wasReset = false;
  const stall = () => {
    stalled = true;
    resetConnection(conn);
  };
  let timer = setTimeout(stall, STALL_MS);
  const moved = () => {
    clearTimeout(timer);
    timer = setTimeout(stall, STALL_MS);
  };
  const send = async () => {
    for (
      const piece of pieces(
        isClient ? seed : seed + 1,
        Math.min(toSend, resetAfter ?? toSend),
      )
    ) {
      await writeAll(conn, piece);
      moved();
    }
    if (resetAfter === undefined) return await conn.closeWrite();
    wasReset = true;
    resetConnection(conn);
  };
  let sinceSlow = 0;
  const receive = () =>
    readToEnd(conn, async (bytes) => {
      checker.take(bytes);
      moved();
      if (slow !== role) return;
      sinceSlow += bytes.length;
      if (sinceSlow < SLOW_BYTES) return;
      sinceSlow = 0;
      await pause(SLOW_PAUSE_MS);
    });
  checker.take(early);
  let ending: string;
  let failure: unknown;
  const sending = () => send().catch((error) => void (failure ??= error));
  if (order === "both") [ending] = await Promise.all([receive(), sending()]);
  else if (order === (isClient ? "up-first" : "down-first")) {
    await sending();
    ending = await receive();
  } else {
    ending = await receive();
    // A stream that ended too soon, or broke, is not answered.
    if (ending === "end") await sending();
  }
  clearTimeout(timer);
  if (stalled) ending = "stalled";
  else if (wasReset) ending = "reset by us";
  else if (failure !== undefined && ending === "end") ending = endingOf(failure);
  if (!wasReset && !stalled) conn.close();
  const { received, wrongAt } = checker;
  return { id, received, ...(wrongAt !== undefined && { wrongAt }), ending };
}
