/**
 * Asks DNS servers in turn until a server knows.
 *
 * @module
 */
import { type Message, parseMessage, rcodeOf } from "./message.ts";
import { askServer } from "./query.ts";
import type { Resolver } from "./resolver.ts";
import { parseServer, systemServers } from "./system_servers.ts";
import { Rcode } from "./numbers.ts";
import { messageOf } from "../../wire/text.ts";

/** How long a server that did not answer is asked after all others. */
const SHUNNED_MS = 30_000;
/** Queries under way, each of which has a socket; the next wait for their turn. */
const MOST_UNDER_WAY = 256;
/** Queries waiting; more are refused. */
const MOST_WAITING = 1024;
/** How often all servers are tried: a packet that was lost gets a second chance. */
const ROUNDS = 2;

/** Options of a {@linkcode ServerResolver}. */
export interface ServerResolverOptions {
  /**
   * The servers, the preferred first, as `1.2.3.4`, `1.2.3.4:5353`, `::1` or
   * `[::1]:5353`; those of the system if not given. There is no other to fall back to.
   */
  readonly servers?: () => readonly string[] | Promise<readonly string[]>;
  /** How long each server may take, in milliseconds; 2500 if not given. */
  readonly serverLimitMs?: number;
  /** How long the answer may take in all, in milliseconds; 8000 if not given. */
  readonly limitMs?: number;
  /** Ends queries under way, and all to come. */
  readonly signal?: AbortSignal;
}

/**
 * Asks servers: the next if a server is silent or fails, and each over TCP if need be.
 */
export class ServerResolver implements Resolver {
  readonly #servers: () => readonly string[] | Promise<readonly string[]>;
  readonly #serverLimitMs: number;
  readonly #limitMs: number;
  readonly #signal: AbortSignal | undefined;
  /** Until when a server is asked last. Holds servers in use only. */
  #shunned = new Map<string, number>();
  #underWay = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(options: ServerResolverOptions = {}) {
    this.#servers = options.servers ?? systemServers();
    this.#serverLimitMs = options.serverLimitMs ?? 2500;
    this.#limitMs = options.limitMs ?? 8000;
    this.#signal = options.signal;
  }

  async ask(query: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
    const message = parseMessage(query);
    const until = performance.now() + this.#limitMs;
    if (this.#underWay < MOST_UNDER_WAY) {
      this.#underWay++;
    } else {
      if (this.#waiting.length >= MOST_WAITING) {
        throw new Error(`Cannot ask a DNS server: ${MOST_WAITING} queries wait already`);
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    try {
      return await this.#ask(message, until);
    } finally {
      const next = this.#waiting.shift();
      if (next) next(); // which takes this query's place
      else this.#underWay--;
    }
  }

  async #ask(query: Message, until: number): Promise<Uint8Array<ArrayBuffer>> {
    const servers = await this.#inOrder();
    if (servers.length === 0) {
      throw new Error("Cannot ask a DNS server: this machine has none set");
    }
    const failures = new Map<string, string>();
    let answer: Uint8Array<ArrayBuffer> | undefined;
    for (let round = 0; round < ROUNDS; round++) {
      for (const server of servers) {
        const leftMs = Math.min(this.#serverLimitMs, until - performance.now());
        if (leftMs <= 0) break;
        try {
          const got = await this.#askOne(server, query, leftMs);
          this.#shunned.delete(server);
          const rcode = rcodeOf(got);
          if (rcode !== Rcode.SERVFAIL && rcode !== Rcode.REFUSED) return got;
          answer = got;
        } catch (error) {
          this.#signal?.throwIfAborted();
          this.#shunned.set(server, performance.now() + SHUNNED_MS);
          failures.set(server, messageOf(error));
        }
      }
      // Others were silent, but this server spoke: waiting once more is not worth it.
      if (answer) return answer;
    }
    const said = [...failures].map(([server, failure]) => `${server} ${failure}`);
    throw new Error(`No DNS server answered: ${said.join("; ") || "no time left"}`);
  }

  async #askOne(
    server: string,
    query: Message,
    limitMs: number,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const address = parseServer(server);
    if (!address) throw new Error("is no address");
    const limit = new AbortController();
    const timer = setTimeout(() => {
      limit.abort(new Error(`gave no answer within ${limitMs / 1000} s`));
    }, limitMs);
    const signal = this.#signal
      ? AbortSignal.any([this.#signal, limit.signal])
      : limit.signal;
    try {
      return await askServer(address, query, signal);
    } finally {
      clearTimeout(timer);
    }
  }

  async #inOrder(): Promise<string[]> {
    const servers = await this.#servers();
    const now = performance.now();
    const shunned = [...this.#shunned].filter(([server, until]) =>
      until > now && servers.includes(server)
    );
    this.#shunned = new Map(shunned);
    return [
      ...servers.filter((server) => !this.#shunned.has(server)),
      ...servers.filter((server) => this.#shunned.has(server)),
    ];
  }
}
