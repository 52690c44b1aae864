/**
 * The control socket of a mesh: HTTP and JSON over a unix socket that only this user can
 * reach. What is asked there is answered by `routes.ts`, which is loaded with the first
 * question, or when the mesh has been under way for a while.
 *
 * **Windows** has no control socket: Deno has no unix sockets there, and what would take its
 * place, a named pipe or a port with a token, is not made.
 *
 * @module
 */

import { noteShortage } from "../proxy/edge/descriptors.ts";
import { descriptorHint } from "../transports/command/descriptor_limit.ts";
import type { Controlled } from "./controlled.ts";
import { messageOf } from "../wire/text.ts";
import { closed, ControlListener } from "./listener.ts";
import { loadAnswers } from "./loading.ts";
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

/**
 * Milliseconds until the answers are loaded without a question: a shortage may come before
 * the first.
 */
const LOAD_MS = 2000;

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
    const target = { ...controlled, name, signal: ended.signal };
    const listener = new ControlListener(socket, async (connection) => {
      try {
        const { answer, exchange, refuse } = await loadAnswers();
        await exchange(
          connection,
          {
            refuse,
            answer: (asked) => answer(asked, target),
          },
          ended.signal,
        );
      } catch (error) {
        await sayWhy(connection, error);
      }
    });
    const loading = setTimeout(() => loadAnswers().catch(() => {}), LOAD_MS);
    Deno.unrefTimer(loading);
    let closing: Promise<void> | undefined;
    return {
      name,
      socket,
      close: () =>
        closing ??= (async () => {
          clearTimeout(loading);
          ended.abort();
          await listener.close(CLOSE_LIMIT_MS);
          place.release();
        })(),
    };
  } catch (error) {
    place.release();
    throw error;
  }
}

/** Answers, whatever the request is, that nothing can be answered. Never rejects. */
async function sayWhy(connection: Deno.UnixConn, error: unknown): Promise<void> {
  const why = noteShortage(error) ? descriptorHint() : messageOf(error);
  const message = `The mesh cannot answer: ${why}`;
  const body = new TextEncoder().encode(JSON.stringify({ error: { message } }));
  const head = "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n" +
    `content-length: ${body.length}\r\nconnection: close\r\n\r\n`;
  // Fewer bytes than the kernel takes at once.
  await connection.write(new Uint8Array([...new TextEncoder().encode(head), ...body]))
    .catch(() => {});
  closed(connection);
}
