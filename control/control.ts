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
import type { Asked } from "./asked.ts";
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

/** Milliseconds until the socket is served again after a shortage of descriptors. */
const AGAIN_MS = 1000;

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
  const ended = new AbortController();
  const { signal } = ended;
  const target = { ...controlled, name, signal };
  const serve = () =>
    Deno.serve({
      path: socket,
      onListen() {},
      onError: () => new Response(null, { status: 500 }),
      handler: async (request) => {
        try {
          const { answer } = await loadAnswers();
          return await answer(askedBy(request), target);
        } catch (error) {
          return cannotAnswer(error);
        }
      },
    });
  try {
    let server = serve();
    const serving = (async () => {
      while (!signal.aborted) {
        // An accept without descriptors ends the server.
        await server.finished.catch(noteShortage);
        if (!signal.aborted) await pause(AGAIN_MS, signal);
        if (signal.aborted) return;
        try {
          remove(socket);
          server = serve();
        } catch (error) {
          noteShortage(error); // once more, then
        }
      }
    })();
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
          // One that a shortage has ended may not like to be ended again.
          const over = server.shutdown().catch(() => {});
          await within(CLOSE_LIMIT_MS, over.then(() => serving));
          place.release();
        })(),
    };
  } catch (error) {
    place.release();
    throw error;
  }
}

function remove(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function askedBy(request: Request): Asked {
  const length = request.headers.get("content-length");
  return {
    method: request.method,
    target: request.url,
    accept: request.headers.get("accept") ?? undefined,
    length: length === null ? undefined : Number(length),
    body: () => request.body ?? nothing(),
  };
}

async function* nothing(): AsyncGenerator<never> {}

function cannotAnswer(error: unknown): Response {
  const why = noteShortage(error) ? descriptorHint() : messageOf(error);
  const message = `The mesh cannot answer: ${why}`;
  return Response.json({ error: { message } }, { status: 503 });
}

/** Settles after `ms`, or when the signal is aborted. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", () => resolve(), { once: true });
  await promise;
  clearTimeout(timer);
}

/** Settles with the promise, or after `ms`: a client may have sent half a request. */
async function within(ms: number, promise: Promise<void>): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([promise, late]);
  clearTimeout(timer);
}
