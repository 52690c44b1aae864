/**
 * A request on its way to the server: its head, and its body as the client sends it.
 *
 * A server that is asked for a `100 Continue` gets nothing of the body before saying so
 * or letting some time pass, and nothing any more after another answer: it could take the
 * body for a request.
 *
 * @module
 */
import { type Body, carry, MessageWriter, requestBody } from "./body.ts";
import type { Client } from "./client/client.ts";
import { HttpError } from "./error.ts";
import { valueOf } from "./fields.ts";
import type { OriginConnection } from "./origin/origins.ts";
import type { RequestHead } from "./client/request_head.ts";

/** Options of an {@linkcode Upload}. */
export interface UploadOptions {
  readonly client: Client;
  readonly head: RequestHead;
  /** How long a server has to say `100 Continue`, in milliseconds. */
  readonly continueMs: number;
  /** Told why the client's side failed. */
  readonly onFailure: (error: Error) => void;
}

/** The sending of a request. */
export class Upload {
  readonly #options: UploadOptions;
  readonly #body: Body | undefined;
  /** Whether the client waits, or waited, for leave to send its body. */
  readonly #expects: boolean;
  /** Settles when the server may be sent the body. */
  readonly #leave = Promise.withResolvers<void>();
  #sending: Promise<void> | undefined;
  #isContinued = false;
  #isSent = false;
  #isStopped = false;

  constructor(options: UploadOptions) {
    const { framing, parser, fields, version } = options.head;
    const body = requestBody(framing, parser);
    this.#options = options;
    this.#body = body.hasEnded ? undefined : body;
    this.#expects = version === "1.1" && valueOf(fields, "expect") !== undefined;
  }

  /** Whether all of the request came from the client. */
  get isWhole(): boolean {
    return this.#body?.hasEnded ?? true;
  }

  /** Whether all of the request has been written to the server. */
  get isSent(): boolean {
    return this.#isSent;
  }

  /** Whether a part of the request will never be written. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Watches a client that has nothing to send, while its request waits. */
  watch(): void {
    if (!this.#body) this.#options.client.input.watch();
  }

  /**
   * Sends the head, and the body as bytes come. A failure on the server's side shows in
   * the server's answer. Without a body, may be called again.
   */
  start(connection: OriginConnection, head: Uint8Array): void {
    this.#isSent = false;
    if (!this.#body) {
      const isSent = () => void (this.#isSent = true);
      this.#sending = connection.write(head).then(isSent, () => {});
      return;
    }
    const { client, head: { framing }, onFailure } = this.#options;
    const server = new ServerSide(connection);
    const isChunked = framing.kind === "chunked";
    this.#sending = this.#carry(
      this.#body,
      new MessageWriter(server, head, { isChunked }),
    )
      .then(() => {
        this.#isSent = !this.#isStopped;
        if (this.#isSent) client.input.watch();
      }, (error) => {
        if (error instanceof ServerLeft) return;
        if (error instanceof HttpError || client.input.ended) return onFailure(error);
        onFailure(new HttpError(400, "The request ends in the middle of its body"));
      });
  }

  async #carry(body: Body, writer: MessageWriter): Promise<void> {
    const { client, continueMs } = this.#options;
    if (this.#expects) {
      await writer.write([]);
      client.input.watch(); // whether the client stays
      const timer = setTimeout(this.#leave.resolve, continueMs);
      await this.#leave.promise.finally(() => clearTimeout(timer));
      client.input.unwatch();
      if (this.#isStopped) return;
    }
    await carry(body, client.input, writer, () => this.#isStopped);
  }

  /** The server said `100 Continue`. */
  grant(): void {
    this.#isContinued = true;
    this.#leave.resolve();
  }

  /**
   * The server has begun its answer; where the rest is useless there, no more is sent.
   */
  answered(status: number): void {
    if (this.isWhole) return;
    // A server that answers with an error mostly wants no more; others may answer as they
    // read on.
    if (this.#expects && !this.#isContinued || status >= 400) this.stop();
  }

  /** Sends no more. */
  stop(): void {
    this.#isStopped = true;
    this.#leave.resolve();
    this.#options.client.input.interrupt();
  }

  /** Settles when nothing here reads the client any more. */
  async finished(): Promise<void> {
    await this.#sending;
  }
}

/** The server's connection failed while the request was sent, perhaps after an answer. */
class ServerLeft extends Error {}

class ServerSide {
  readonly #connection: OriginConnection;

  constructor(connection: OriginConnection) {
    this.#connection = connection;
  }

  async write(bytes: Uint8Array): Promise<void> {
    try {
      await this.#connection.write(bytes);
    } catch (error) {
      throw new ServerLeft("the server left", { cause: error });
    }
  }
}
