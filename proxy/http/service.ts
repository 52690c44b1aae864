/**
 * Serves a request of a client: forwards it, or makes a tunnel of the connection.
 *
 * @module
 */
import type { Credentials } from "../auth.ts";
import { DialError } from "../edge/dial.ts";
import {
  checkAuth,
  checkHead,
  checkLoop,
  checkTunnel,
  parsed,
  withoutUser,
} from "./client/admission.ts";
import { requestBody } from "./body.ts";
import { bytesOf } from "./bytes.ts";
import type { Client } from "./client/client.ts";
import type { Deadlines } from "./deadlines.ts";
import { HttpError } from "./error.ts";
import { type Answered, Exchange, unusable } from "./exchange.ts";
import { tokensOf, valueOf } from "./fields.ts";
import { clientHead, isUpgrade, originHead } from "./heads.ts";
import { bindsConnection, Origins, type ProxyConnector } from "./origin/origins.ts";
import type { RequestHead } from "./client/request_head.ts";
import {
  parseAbsoluteForm,
  parseAuthorityForm,
  type RequestTarget,
} from "./client/target.ts";
import { makeTunnel } from "./tunnel.ts";
import { formatHostPort, messageOf } from "../../wire/text.ts";

/** How long a server may take to say whether it makes a tunnel of an upgrade. */
const UPGRADE_LIMIT_MS = 60_000;
const CONNECTED = bytesOf("HTTP/1.1 200 Connection established\r\n\r\n");

/**
 * The future of a client's connection: another request, its end, or none behind a tunnel.
 */
export type Next = "next" | "last" | "gone";

/** Options of a {@linkcode Service}. */
export interface ServiceOptions {
  readonly connector: ProxyConnector;
  readonly auth: Credentials | undefined;
  readonly signal: AbortSignal;
  readonly deadlines: Deadlines;
  readonly halfClosedMs: number;
  readonly continueMs: number;
  readonly onBreak: ((target: string, why: string) => void) | undefined;
}

/** Serves requests. */
export class Service {
  readonly #options: ServiceOptions;
  readonly #origins: Origins;
  /** Tells this proxy from others on the way of a request, to find a loop. */
  readonly #pseudonym = `norouter-${crypto.randomUUID().slice(0, 8)}`;

  constructor(options: ServiceOptions) {
    this.#options = options;
    this.#origins = new Origins(options.connector, options.deadlines);
  }

  /** Ends the connections to servers. */
  end(): void {
    this.#origins.destroy();
  }

  /** Serves a request; rejects if its client has to be let go without words. */
  async serve(client: Client, head: RequestHead): Promise<Next> {
    try {
      if (head.method === "CONNECT") return await this.#connect(client, head);
      return await this.#forward(client, head);
    } finally {
      client.onEnd = client.onSilent = undefined;
      head.parser.release();
    }
  }

  // ---- requests in absolute form ----

  async #forward(client: Client, head: RequestHead): Promise<Next> {
    let exchange: Exchange | undefined;
    try {
      checkHead(head);
      checkLoop(head, this.#pseudonym);
      const { auth } = this.#options;
      if (auth) await checkAuth(head, auth);
      const target = parsed(parseAbsoluteForm(withoutUser(head.target)));
      exchange = this.#exchange(client, head, target);
      return await this.#pass(client, head, target, exchange);
    } catch (error) {
      const isWhole = exchange?.isWhole ?? isHeld(head, client);
      await exchange?.end();
      if (exchange?.hasBegun || !isAnswerable(error)) throw error;
      const isKept = head.isKept && isWhole && !isUpgrade(head);
      const isHead = head.method === "HEAD";
      await client.write(HttpError.of(error).toBytes({ isKept, isHead }));
      return isKept ? "next" : "last";
    }
  }

  #exchange(client: Client, head: RequestHead, target: RequestTarget): Exchange {
    const pseudonym = this.#pseudonym;
    const asksUpgrade = isUpgrade(head);
    const exchange = new Exchange({
      client,
      head,
      address: target,
      origins: asksUpgrade ? this.#origins : this.#originsFor(client, head),
      text: originHead(head, target, { pseudonym, asksUpgrade }),
      pseudonym,
      continueMs: this.#options.continueMs,
      asksUpgrade,
    });
    client.onEnd = (error) => {
      // Who waits for a tunnel and ends its direction, with nothing sent, has left.
      const hasLeft = error || asksUpgrade && client.input.size === 0;
      if (hasLeft) exchange.fail(error ?? new Error("the client left"));
    };
    client.onSilent = () => exchange.fail(this.#tooLate(target));
    if (client.input.ended !== undefined) client.onEnd(client.input.ended);
    return exchange;
  }

  async #pass(
    client: Client,
    head: RequestHead,
    target: RequestTarget,
    exchange: Exchange,
  ): Promise<Next> {
    const asksUpgrade = isUpgrade(head);
    const timer = asksUpgrade ? this.#limitUpgrade(target, exchange) : undefined;
    const answered = await exchange.ask().finally(() => clearTimeout(timer));
    if (answered.answer.status === 101) {
      const why = whyNoTunnel(answered, asksUpgrade);
      if (why) throw unusable(target, new Error(why));
      exchange.detach(answered);
      await this.#tunnelTo(client, answered);
      return "gone";
    }
    try {
      return await exchange.pass(answered) ? "next" : "last";
    } catch (error) {
      if (!client.hasFailed && !exchange.failure) {
        const why = messageOf(error);
        this.#options.onBreak?.(formatHostPort(target.hostname, target.port), why);
      }
      throw error;
    } finally {
      await exchange.end();
    }
  }

  /**
   * Where a client's requests go: over its own connections once a connection may be in
   * its name.
   */
  #originsFor(client: Client, { fields }: RequestHead): Origins {
    if (client.own) return client.own;
    if (!bindsConnection(valueOf(fields, "authorization") ?? "")) return this.#origins;
    const { connector, deadlines } = this.#options;
    return client.own = new Origins(connector, deadlines, { isOwn: true });
  }

  /** The answer to a client that may have left already. */
  #tooLate({ hostname, port }: RequestTarget): HttpError {
    const limit = `${this.#options.halfClosedMs / 1000} s`;
    const why = `no answer within ${limit} of the client's end of its direction`;
    return new HttpError(504, `${formatHostPort(hostname, port)}: ${why}`);
  }

  // ---- tunnels ----

  async #connect(client: Client, head: RequestHead): Promise<Next> {
    const { auth, connector, signal } = this.#options;
    const left = new AbortController();
    client.onEnd = (error) => {
      const hasLeft = error || client.input.size === 0;
      if (hasLeft) left.abort(error ?? new Error("the client left"));
    };
    if (client.input.ended !== undefined) client.onEnd(client.input.ended);
    client.input.watch();
    try {
      if (auth) await checkAuth(head, auth);
      const { hostname, port } = parsed(parseAuthorityForm(withoutUser(head.target)));
      const either = AbortSignal.any([left.signal, signal]);
      const upstream = await connector.connect(hostname, port, either);
      checkTunnel(client.stream, upstream);
      await makeTunnel(client, upstream, [CONNECTED], signal);
      return "gone";
    } catch (error) {
      await client.write(HttpError.of(error).toBytes());
      return "last";
    }
  }

  async #tunnelTo(client: Client, { connection, answer }: Answered): Promise<void> {
    const upgrade = valueOf(answer.fields, "upgrade") ?? "";
    const head = clientHead(answer, {
      pseudonym: this.#pseudonym,
      connection: `Connection: Upgrade\r\nUpgrade: ${upgrade}\r\n`,
    });
    const down = [bytesOf(head), connection.input.held];
    await makeTunnel(client, connection.stream, down, this.#options.signal);
  }

  #limitUpgrade(
    { hostname, port }: RequestTarget,
    exchange: Exchange,
  ): ReturnType<typeof setTimeout> {
    return setTimeout(() => {
      const cause = new Error(`no answer within ${UPGRADE_LIMIT_MS / 1000} s`);
      exchange.fail(new DialError("timed-out", formatHostPort(hostname, port), cause));
    }, UPGRADE_LIMIT_MS);
  }
}

function isAnswerable(error: unknown): boolean {
  return error instanceof HttpError || error instanceof DialError;
}

/** Whether all of a request came; the body is taken out of the way then. */
function isHeld({ framing, parser }: RequestHead, { input }: Client): boolean {
  const body = requestBody(framing, parser);
  try {
    body.take(input);
  } catch {
    return false;
  }
  return body.hasEnded;
}

/** Why the status 101 makes no tunnel, if so. */
function whyNoTunnel({ answer }: Answered, isAsked: boolean): string | undefined {
  const { fields, status } = answer;
  const isTunnel = valueOf(fields, "upgrade") !== undefined &&
    tokensOf(fields, "connection").includes("upgrade");
  if (!isTunnel) return `the status ${status} is not the last word`;
  return isAsked ? undefined : "it makes a tunnel, unasked";
}
