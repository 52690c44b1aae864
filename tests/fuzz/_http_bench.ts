/**
 * An HTTP proxy between a client and an origin, for a case of the target `http`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Origin, plain, Scene } from "../../proxy/http/_fake_http.ts";
import type { HttpPeer } from "../../proxy/http/_fake_http_peer.ts";
import { readMessage } from "../../proxy/http/_fake_http_reader.ts";
import { dial, DialError } from "../../proxy/edge/dial.ts";
import { SocketStream } from "../../proxy/edge/stream.ts";
import { until } from "../harness/scene/wait.ts";
import { cut } from "./_pieces.ts";
import { formatHostPort } from "../../wire/text.ts";

/**
 * After so long without the end, a client whose request may be unfinished leaves. Ending
 * only its direction would not do: a proxy may take 10 s to answer a truncated request.
 */
const PATIENCE_MS = 100;
/** And after so long, a conversation that goes on is a hang. */
const END_LIMIT_MS = 8_000;

/** An origin that answers each request with its number, and a proxy that leads only there. */
export class Bench implements AsyncDisposable {
  /** Requests that came, in order: method, path, body. */
  readonly came: string[][] = [];
  /** Bytes that reached the origin and were no clear request. */
  readonly wrong: string[] = [];
  readonly origin: Origin;
  readonly scene: Scene;

  constructor(answer?: (peer: HttpPeer) => Promise<void>) {
    this.origin = new Origin(async (peer) => {
      for (let at = 0;;) {
        let got;
        try {
          while (!(got = readMessage(peer.got, at))) {
            if (!await peer.more()) return;
          }
        } catch (error) {
          this.wrong.push(`${error}: ${JSON.stringify(peer.got.slice(at, at + 400))}`);
          return;
        }
        at = got.end;
        const { start, body } = got.message;
        const [method = "", path = ""] = start.split(" ");
        this.came.push([method, path, body]);
        if (answer) return await answer(peer);
        const whole = plain(`${this.came.length}`);
        await peer.send(
          method === "HEAD" ? whole.slice(0, whole.indexOf("\r\n\r\n") + 4) : whole,
        );
      }
    });
    this.scene = new Scene({
      headerLimitMs: 2000,
      connector: {
        connect: async (host, port) => {
          // A mutated host can be anything by now.
          const isOurs = host === "127.0.0.1" && port === this.origin.port;
          if (!isOurs) throw new DialError("refused", formatHostPort(host, port));
          return new SocketStream(await dial(host, port));
        },
      },
    });
  }

  /**
   * Sends this as a client, and gives all that comes back; fails if that does not end, unless
   * the client `isImpatient`.
   */
  async talk(
    text: string,
    places: readonly number[],
    isImpatient = false,
  ): Promise<HttpPeer> {
    const client = await this.scene.client();
    const sending = (async () => {
      for (const piece of cut(this.placed(text), places)) {
        await client.send(piece);
        // A turn for each piece, so that each is likely to be a read of its own.
        await new Promise((resolve) => setTimeout(resolve));
      }
    })().catch(() => {}); // turned away already
    let hangs = false;
    const limit = setTimeout(() => {
      hangs = !isImpatient;
      client.reset();
    }, isImpatient ? PATIENCE_MS : END_LIMIT_MS);
    await client.rest().catch(() => {});
    clearTimeout(limit);
    await sending;
    assert.ok(!hangs, `no end within ${END_LIMIT_MS / 1000} s`);
    client.close();
    return client;
  }

  placed(text: string): string {
    return text.replaceAll("//A", `//${this.origin.authority}`);
  }

  /** Checks the conditions that hold after every conversation. */
  async settle(): Promise<void> {
    await until("nobody is served", () => this.scene.serving === 0, {
      limitMs: END_LIMIT_MS,
      everyMs: 1,
    });
    assert.deepEqual(this.wrong, []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scene[Symbol.asyncDispose]();
    await this.origin[Symbol.asyncDispose]();
  }
}
