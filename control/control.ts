/**
 * The control socket of a mesh: HTTP and JSON over a unix socket that only this user can
 * reach. What is asked there is answered by `routes.ts`, which is loaded with the first
 * question.
 *
 * **Windows** has no control socket: Deno has no unix sockets there, and what would take its
 * place, a named pipe or a port with a token, is not made.
 *
 * @module
 */

import type { Controlled } from "./controlled.ts";
import { ControlPlace } from "./place.ts";

/** A control socket, until it is closed. */
export interface Control {
  /** The name by which commands find the mesh. */
  readonly name: string;
  /** The path of the socket. */
  readonly socket: string;
  /** Ends what is being answered, and removes the socket. May be called again. */
  close(): Promise<void>;
}

/** Milliseconds that requests have to be answered in, at the end. */
const CLOSE_LIMIT_MS = 500;

/** The only system of ours without unix sockets. */
export const HAS_CONTROL: boolean = Deno.build.os !== "windows";

/**
 * Opens the control socket of a mesh.
 *
 * @param wish the name that the mesh is to have; by default that of its manifest.
 * @throws {Error} why there cannot be one.
 */
export function openControl(controlled: Controlled, wish?: string): Control {
  if (!HAS_CONTROL) throw new Error("there is none on Windows");
  const place = ControlPlace.take(controlled.live.path, wish);
  const { name, socket } = place;
  try {
    const ended = new AbortController();
    const { signal } = ended;
    const server = Deno.serve({
      path: socket,
      onListen() {},
      onError: () => new Response(null, { status: 500 }),
      handler: async (request) => {
        const { answer } = await import("./routes.ts");
        return await answer(request, { ...controlled, name, signal });
      },
    });
    let closed: Promise<void> | undefined;
    return {
      name,
      socket,
      close: () =>
        closed ??= (async () => {
          ended.abort();
          await within(CLOSE_LIMIT_MS, server.shutdown());
          place.release();
        })(),
    };
  } catch (error) {
    place.release();
    throw error;
  }
}

/** Settles with the promise, or after `ms`: a client may have sent half a request. */
async function within(ms: number, promise: Promise<void>): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([promise, late]);
  clearTimeout(timer);
}
