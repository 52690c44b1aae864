/**
 * One request and its answer.
 *
 * The safety of the proxy is here: where the framing of the client's connection is in
 * doubt, it ends behind the answer, which says so. That is whenever the answer begins
 * before the request has ended: what the client sends then may be the rest of the body, or,
 * if it waited for a `100 Continue`, the next request, and nobody can tell.
 * What comes behind the answer is read and thrown away. The server's connection is not used
 * again either.
 *
 * A server that is asked for a `100 Continue` gets nothing of the body before it has said so
 * or let some time pass, and nothing any more when it has said something else: it could take
 * that for a request.
 *
 * @module
 */
import { DialError, formatTarget } from "../dial.ts";
import { NoAnswer, readAnswer } from "./answer.ts";
import { type Body, carry, MessageWriter, requestBody, responseBody } from "./body.ts";
import { bytesOf } from "./bytes.ts";
import type { Client } from "./client.ts";
import { HttpError } from "./error.ts";
import { valueOf } from "./fields.ts";
import { clientHead, isRepeatable } from "./message.ts";
import {
  bindsConnection,
  type OriginAddress,
  type OriginConnection,
  type Origins,
} from "./origins.ts";
import type { RequestHead } from "./request_head.ts";
import { ResponseError, type ResponseHead } from "./response_head.ts";

/** What an exchange is about. */
export interface ExchangeOptions {
  readonly client: Client;
  readonly head: RequestHead;
  readonly address: OriginAddress;
  readonly origins: Origins;
  /** What goes to the server: the head of the request. */
  readonly text: string;
  readonly pseudonym: string;
  /** How long a server has to say `100 Continue`, in milliseconds. */
  readonly continueMs: number;
  /** Whether the server may make a tunnel of it; it gets a connection of its own then. */
  readonly asksUpgrade?: boolean;
}

/** A connection that ended as the server's did, for the client to try again. */
export class EndsLikewise extends Error {
  override readonly name = "EndsLikewise";
}

/** What a server answered. */
export interface Answered {
  readonly connection: OriginConnection;
  readonly answer: ResponseHead;
}

/** A request on its way. */
export class Exchange {
  readonly #options: ExchangeOptions;
  readonly #body: Body | undefined;
  #sending: Promise<void> | undefined;
  /** Whether all of the request has been written. */
  #isSent = false;
  #isStopped = false;
  #connection: OriginConnection | undefined;
  #dialling: AbortController | undefined;
  #failure: Error | undefined;
  /** Settles when the server may be sent the body. */
  readonly #leave = Promise.withResolvers<void>();
  #isContinued = false;
  /** Whether the head of the answer is on its way to the client. */
  hasBegun = false;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    const { head } = options;
    const body = requestBody(head.framing, head.parser);
    if (!body.hasEnded) this.#body = body;
  }

  /** Gives it up; what it waits for rejects with `error`. */
  fail(error: Error): void {
    if (this.#failure) return;
    this.#failure = error;
    this.#dialling?.abort(error);
    this.#connection?.reset(error);
  }

  /** Whether all of the request came. */
  get isWhole(): boolean {
    return this.#body?.hasEnded ?? true;
  }

  /** Sends the request, and waits for the answer. */
  async ask(): Promise<Answered> {
    const { address } = this.#options;
    try {
      return await this.#ask();
    } catch (error) {
      const failure = this.#failure ?? this.#connection?.failure ?? error;
      if (failure instanceof DialError || failure instanceof HttpError) throw failure;
      if (failure instanceof EndsLikewise || failure === this.#failure) throw failure;
      throw unusable(address, failure as Error);
    }
  }

  async #ask(): Promise<Answered> {
    const { client, head, origins, text, asksUpgrade } = this.#options;
    const bytes = bytesOf(text);
    const mayRepeat = isRepeatable(head) && !asksUpgrade;
    const mayKeep = !asksUpgrade && (mayRepeat || origins.isOwn);
    if (!this.#body) client.input.watch();
    for (;;) {
      const connection = this.#connection = await this.#connect(mayKeep);
      this.#send(connection, bytes);
      try {
        const answer = await readAnswer(connection, head.method, (interim) => {
          return this.#passOn(interim);
        });
        return { connection, answer };
      } catch (error) {
        if (this.#failure || !(error instanceof NoAnswer) || !connection.isKept) {
          throw error;
        }
        this.#end(connection);
        if (!mayRepeat) throw new EndsLikewise(error.message);
      }
    }
  }

  async #connect(mayKeep: boolean): Promise<OriginConnection> {
    const { origins, address } = this.#options;
    if (this.#failure) throw this.#failure;
    const kept = mayKeep ? origins.takeKept(address) : undefined;
    if (kept) return kept;
    this.#dialling = new AbortController();
    try {
      return await origins.connect(address, this.#dialling.signal);
    } finally {
      this.#dialling = undefined;
    }
  }

  /** Sends the request; what fails of it on the server's side shows in what that answers. */
  #send(connection: OriginConnection, bytes: Uint8Array): void {
    if (!this.#body) {
      this.#sending = connection.write(bytes).then(
        () => void (this.#isSent = true),
        () => {},
      );
      return;
    }
    const { client, head } = this.#options;
    const isChunked = head.framing.kind === "chunked";
    const writer = new MessageWriter(
      new ServerSide(connection),
      bytes,
      { isChunked },
    );
    this.#sending = this.#carry(this.#body, writer)
      .then(() => {
        this.#isSent = !this.#isStopped;
        if (this.#isSent) client.input.watch();
      }, (error) => {
        if (error instanceof ServerLeft) return;
        if (error instanceof HttpError) return this.fail(error);
        const broken = new HttpError(400, "The request ends in the middle of its body");
        this.fail(client.input.ended ? error : broken);
      });
  }

  async #carry(body: Body, writer: MessageWriter): Promise<void> {
    const { client } = this.#options;
    if (this.#expects) {
      await writer.write([]);
      client.input.watch(); // whether it stays
      const timer = setTimeout(this.#leave.resolve, this.#options.continueMs);
      await this.#leave.promise.finally(() => clearTimeout(timer));
      client.input.unwatch();
      if (this.#isStopped) return;
    }
    await carry(body, client.input, writer, () => this.#isStopped);
  }

  /** Lets through what a server says before its answer. */
  async #passOn(interim: ResponseHead): Promise<void> {
    const { client, head, pseudonym } = this.#options;
    if (interim.status === 100) {
      this.#isContinued = true;
      this.#leave.resolve();
    }
    // To a client of HTTP/1.0 there is nothing between request and answer.
    if (head.version === "1.0") return;
    await client.write(bytesOf(clientHead(interim, { pseudonym, connection: "" })));
  }

  /** Whether the client waits, or waited, for leave to send its body. */
  get #expects(): boolean {
    const { fields, version } = this.#options.head;
    return version === "1.1" && valueOf(fields, "expect") !== undefined;
  }

  /**
   * Passes the answer on. Whether the client may ask again; rejects if the answer broke off,
   * or the client left.
   */
  async pass({ connection, answer }: Answered): Promise<boolean> {
    const { client, head, pseudonym } = this.#options;
    if (!this.isWhole) {
      // An error is mostly all that a server has to say; others may answer as they read on.
      if (this.#expects && !this.#isContinued || answer.status >= 400) this.#stop();
    }
    const { framing } = answer;
    const isChunked = head.version === "1.1" &&
      (framing.kind === "chunked" || framing.kind === "closing");
    const hasNoEnd = head.version === "1.0" &&
      (framing.kind === "chunked" || framing.kind === "closing");
    const isKept = head.isKept && this.isWhole && !hasNoEnd && !this.#options.asksUpgrade;
    const bytes = bytesOf(clientHead(answer, {
      pseudonym,
      isChunked,
      connection: isKept ? KEEP_ALIVE : answer.status === 417 ? "" : CLOSE,
    }));
    this.hasBegun = true;
    const writer = new MessageWriter(client, bytes, { isChunked });
    await carry(responseBody(framing), connection.input, writer);
    this.#finish(connection, answer);
    return isKept && !this.#isStopped;
  }

  /** Keeps the server's connection if the next answer on it will be that to the next request. */
  #finish(connection: OriginConnection, answer: ResponseHead): void {
    const { origins, asksUpgrade } = this.#options;
    this.#connection = undefined;
    if (!this.#isSent) return this.#end(connection);
    const challenge = valueOf(answer.fields, "www-authenticate") ?? "";
    const isNobodys = !origins.isOwn && bindsConnection(challenge);
    if (answer.isKept && !asksUpgrade && !isNobodys) return origins.keep(connection);
    connection.close();
    origins.drop(connection);
  }

  #stop(): void {
    this.#isStopped = true;
    this.#leave.resolve();
    this.#options.client.input.interrupt();
  }

  #end(connection: OriginConnection): void {
    connection.reset();
    this.#options.origins.drop(connection);
  }

  /** The connection becomes a tunnel. */
  detach({ connection }: Answered): void {
    this.#options.origins.drop(connection);
    this.#connection = undefined;
  }

  /** Lets go of everything; settles when nothing of it reads the client any more. */
  async end(): Promise<void> {
    this.#stop();
    if (this.#connection) this.#end(this.#connection);
    await this.#sending;
  }

  /** Why it was given up, if it was. */
  get failure(): Error | undefined {
    return this.#failure;
  }
}

const KEEP_ALIVE = "Connection: keep-alive\r\n";
/**
 * Not said beside a 417, though the connection ends as well: curl asks again without `Expect`
 * only if it was not told, and finds the connection closed then.
 */
const CLOSE = "Connection: close\r\n";

/** The server's connection failed while the request was sent: it may have answered before. */
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

/** The answer for a server's answer that cannot be passed on. */
export function unusable({ hostname, port }: OriginAddress, error: Error): HttpError {
  const target = formatTarget(hostname, port);
  const hint = error instanceof ResponseError ? TUNNEL_HINT : "";
  return new HttpError(
    502,
    `The answer of ${target} cannot be used: ${error.message}${hint}`,
  );
}

/** A tunnel carries what the proxy cannot read. */
const TUNNEL_HINT = "; through CONNECT (curl -p) it comes as it is";
