/**
 * Asking a mesh over its control socket.
 *
 * @module
 */

import { messageOf } from "../wire/text.ts";
import type { FoundMesh } from "./place.ts";
import { readLines } from "./lines.ts";
import { shortageOf } from "./shortage.ts";

/** Milliseconds that a mesh may take to answer. */
const LIMIT_MS = 30_000;

/** A mesh said no. */
export class ControlError extends Error {
  override readonly name = "ControlError";
  readonly status: number;
  /** The faults of a manifest, each with its place. */
  readonly faults: readonly { readonly at: string; readonly message: string }[];

  constructor(status: number, message: string, faults: ControlError["faults"] = []) {
    super(message);
    this.status = status;
    this.faults = faults;
  }
}

/** A running mesh, to be asked. */
export class ControlClient implements Disposable {
  readonly #mesh: FoundMesh;
  readonly #client: Deno.HttpClient;

  constructor(mesh: FoundMesh) {
    this.#mesh = mesh;
    const proxy = { transport: "unix", path: mesh.socket } as const;
    this.#client = Deno.createHttpClient({ proxy });
  }

  /**
   * Asks, and gives the answer's JSON.
   *
   * @throws {ControlError} if the mesh says no.
   * @throws {Error} if the mesh does not answer.
   */
  async ask(method: string, path: string, body?: unknown): Promise<unknown> {
    const more = body !== undefined && {
      body: JSON.stringify(body),
      headers: { "content-type": "application/json" },
    };
    return await this.#inTime(
      path,
      { method, ...more },
      (response) => this.#answer(response),
    );
  }

  /** Asks for what is text. @throws {Error} likewise. */
  async text(path: string): Promise<string> {
    return await this.#inTime(path, {}, async (response) => {
      if (!response.ok) await this.#answer(response);
      try {
        return await response.text();
      } catch (error) {
        throw this.#gone(error);
      }
    });
  }

  async #inTime<T>(
    path: string,
    init: RequestInit,
    read: (response: Response) => Promise<T>,
  ): Promise<T> {
    const late = new AbortController();
    const timer = setTimeout(() => {
      late.abort(new Error(`no answer came within ${LIMIT_MS / 1000} s`));
    }, LIMIT_MS);
    try {
      return await read(await this.#fetch(path, { ...init, signal: late.signal }));
    } finally {
      clearTimeout(timer);
    }
  }

  /** The events from now on, until the mesh ends or `signal`. @throws {Error} likewise. */
  async *events(signal?: AbortSignal): AsyncGenerator<Record<string, unknown>> {
    const response = await this.#fetch("/v1/events", signal ? { signal } : {});
    if (!response.ok || !response.body) {
      await this.#answer(response);
      return;
    }
    try {
      for await (const line of readLines(response.body)) {
        if (line.startsWith("data: ")) yield JSON.parse(line.slice(6));
      }
    } catch (error) {
      if (!signal?.aborted) throw this.#gone(error);
    }
  }

  /**
   * Begins a capture, and gives its number and its bytes, which come until it has ended or
   * `signal`.
   *
   * @throws {ControlError} if the mesh says no. @throws {Error} if it does not answer.
   */
  async capture(
    query: URLSearchParams,
    signal: AbortSignal,
  ): Promise<{ readonly id: string; readonly bytes: AsyncIterable<Uint8Array> }> {
    const response = await this.#fetch(`/v1/capture?${query}`, { signal });
    const id = response.headers.get("x-capture");
    const { body } = response;
    if (response.ok && body && id !== null) return { id, bytes: this.#read(body) };
    await this.#answer(response);
    throw this.#gone(new Error("what it answered is no capture"));
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    const options = { ...init, client: this.#client };
    try {
      return await fetch(`http://norouter${path}`, options);
    } catch (error) {
      throw this.#gone(error);
    }
  }

  async *#read(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      yield* body;
    } catch (error) {
      throw this.#gone(error);
    }
  }

  async #answer(response: Response): Promise<unknown> {
    let body: unknown;
    try {
      body = await response.json();
    } catch (error) {
      throw this.#gone(error);
    }
    if (response.ok) return body;
    const { error } = body as {
      error?: { message?: string; faults?: ControlError["faults"] };
    };
    const message = error?.message ?? `The mesh answered ${response.status}`;
    throw new ControlError(response.status, message, error?.faults);
  }

  #gone(cause: unknown): Error {
    const { name, pid } = this.#mesh;
    const message = `The mesh "${name}" (process ${pid}) does not answer: `;
    return new Error(message + (shortageOf(pid) ?? messageOf(cause)), { cause });
  }
}
