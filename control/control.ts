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

import type { Mesh } from "../manager/contract.ts";
import type { Live } from "../manager/reload/live.ts";
import { ControlPlace } from "./place.ts";

/** What the socket controls. */
export interface Controlled {
  readonly mesh: Pick<Mesh, "status" | "events" | "manifest">;
  /** Changes the mesh. */
  readonly live: Live;
  /** The version of the program. */
  readonly version: string;
  /** Asks the mesh to end. */
  readonly down: () => void;
}

/** A control socket, until it is closed. */
export interface Control {
  /** The name by which commands find the mesh. */
  readonly name: string;
  /** The path of the socket. */
  readonly socket: string;
  /** Ends what is being answered, and removes the socket. */
  close(): Promise<void>;
}

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
    return {
      name,
      socket,
      async close() {
        ended.abort();
        await server.shutdown();
        place.release();
      },
    };
  } catch (error) {
    place.release();
    throw error;
  }
}
