/**
 * A request and its answer.
 *
 * The safety of the proxy is here: where the framing of the client's connection is in
 * doubt, the connection ends behind the answer, which says so. That is whenever the
 * answer begins before the request has ended: bytes from the client may then be the rest
 * of the body, or, if the client waited for a `100 Continue`, the next request, and
 * nobody can tell. Bytes behind the answer are read and thrown away. The server's
 * connection is not used again either.
 *
 * @module
 */
import { DialError } from "../edge/dial.ts";
import { NoAnswer, readAnswer } from "./origin/answer.ts";
import { carry, MessageWriter, responseBody } from "./body.ts";
import { bytesOf } from "./bytes.ts";
import type { Client } from "./client/client.ts";
import { HttpError } from "./error.ts";
import { valueOf } from "./fields.ts";
import { clientHead, isRepeatable } from "./heads.ts";
import {
  bindsConnection,
  type OriginAddress,
  type OriginConnection,
  type Origins,
} from "./origin/origins.ts";
import type { RequestHead } from "./client/request_head.ts";
import { ResponseError, type ResponseHead } from "./origin/response_head.ts";
import { Upload } from "./upload.ts";
import { formatHostPort } from "../../wire/text.ts";

/** Options of an {@linkcode Exchange}. */
export interface ExchangeOptions {
  readonly client: Client;
  readonly head: RequestHead;
  readonly address: OriginAddress;
  readonly origins: Origins;
  /** For the server: the head of the request. */
  readonly text: string;
  readonly pseudonym: string;
  /** How long a server has to say `100 Continue`, in milliseconds. */
  readonly continueMs: number;
  /**
   * Whether the server may make a tunnel of the request, which gets a connection of its
   * own then.
   */
  readonly asksUpgrade?: boolean;
}

/** A connection that ended as the server's did, for the client to try again. */
export class EndsLikewise extends Error {
  override readonly name = "EndsLikewise";
}

/** A server's answer, and its connection. */
export interface Answered {
  readonly connection: OriginConnection;
  readonly answer: ResponseHead;
}

/** A request on its way. */
export class Exchange {
  readonly #options: ExchangeOptions;
  readonly #upload: Upload;
  #connection: OriginConnection | undefined;
  #dialling: AbortController | undefined;
  #failure: Error | undefined;
  /** Whether the head of the answer is on its way to the client. */
  hasBegun = false;

  constructor(options: ExchangeOptions) {
    const { client, head, continueMs } = options;
    const onFailure = (error: Error) => this.fail(error);
    this.#options = options;
    this.#upload = new Upload({ client, head, continueMs, onFailure });
  }

  /** Gives the exchange up; whatever waits rejects with `error`. */
  fail(error: Error): void {
    if (this.#failure) return;
    this.#failure = error;
    this.#dialling?.abort(error);
    this.#connection?.reset(error);
  }

  /** Whether all of the request came. */
  get isWhole(): boolean {
    return this.#upload.isWhole;
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
    const { address, head, origins, text, asksUpgrade } = this.#options;
    const bytes = bytesOf(text);
    const mayRepeat = isRepeatable(head) && !asksUpgrade;
    this.#upload.watch();
    for (;;) {
      const connection = this.#connection = await this.#connect(mayRepeat);
      this.#upload.start(connection, bytes);
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
        if (mayRepeat) continue;
        origins.distrust(address);
        throw new EndsLikewise(error.message);
      }
    }
  }

  async #connect(mayRepeat: boolean): Promise<OriginConnection> {
    const { origins, address } = this.#options;
    if (this.#failure) throw this.#failure;
    const kept = this.#takeKept(mayRepeat);
    if (kept) return kept;
    this.#dialling = new AbortController();
    try {
      return await origins.connect(address, this.#dialling.signal);
    } finally {
      this.#dialling = undefined;
    }
  }

  /**
   * A connection that was kept. The server may have closed it; then a request that may
   * not be repeated is lost, and only a client that kept its own connection expects that.
   */
  #takeKept(mayRepeat: boolean): OriginConnection | undefined {
    const { client, origins, address, asksUpgrade } = this.#options;
    if (asksUpgrade) return undefined;
    if (mayRepeat || origins.isOwn) return origins.takeKept(address);
    return client.requests > 1 ? origins.takeTrusted(address) : undefined;
  }

  /** Lets interim answers of the server (1xx) through. */
  async #passOn(interim: ResponseHead): Promise<void> {
    const { client, head, pseudonym } = this.#options;
    if (interim.status === 100) this.#upload.grant();
    // To a client of HTTP/1.0 there is nothing between request and answer.
    if (head.version === "1.0") return;
    await client.write(bytesOf(clientHead(interim, { pseudonym, connection: "" })));
  }

  /**
   * Passes the answer on. Whether the client may ask again; rejects if the answer broke
   * off, or the client left.
   */
  async pass({ connection, answer }: Answered): Promise<boolean> {
    const { client, head, pseudonym } = this.#options;
    this.#upload.answered(answer.status);
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
    return isKept && !this.#upload.isStopped;
  }

  /**
   * Keeps the server's connection if the next answer there will be that to the next
   * request.
   */
  #finish(connection: OriginConnection, answer: ResponseHead): void {
    const { origins, asksUpgrade } = this.#options;
    this.#connection = undefined;
    if (!this.#upload.isSent) return this.#end(connection);
    const challenge = valueOf(answer.fields, "www-authenticate") ?? "";
    const isNobodys = !origins.isOwn && bindsConnection(challenge);
    if (answer.isKept && !asksUpgrade && !isNobodys) return origins.keep(connection);
    connection.close();
    origins.drop(connection);
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

  /** Lets go of everything; settles when nothing here reads the client any more. */
  async end(): Promise<void> {
    this.#upload.stop();
    if (this.#connection) this.#end(this.#connection);
    await this.#upload.finished();
  }

  /** Why the exchange was given up, if so. */
  get failure(): Error | undefined {
    return this.#failure;
  }
}

const KEEP_ALIVE = "Connection: keep-alive\r\n";
/**
 * Not said beside a 417, though the connection ends as well: curl asks again without
 * `Expect` only if not told, and finds the connection closed then.
 */
const CLOSE = "Connection: close\r\n";

/** The answer for a server's answer that cannot be passed on. */
export function unusable({ hostname, port }: OriginAddress, error: Error): HttpError {
  const target = formatHostPort(hostname, port);
  const hint = error instanceof ResponseError ? TUNNEL_HINT : "";
  return new HttpError(
    502,
    `The answer of ${target} cannot be used: ${error.message}${hint}`,
  );
}

/** A tunnel carries bytes that the proxy cannot read. */
const TUNNEL_HINT = "; through CONNECT (curl -p) it comes as it is";
