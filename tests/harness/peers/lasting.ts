/**
 * Connections that have to outlive the links below them, and the proof that they did: a
 * stream both ways whose bytes are compared by their sha256, an echo, and an idle
 * connection.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Namespace } from "../scene/namespace.ts";
import type { Scene } from "../scene/scene.ts";
import { until } from "../scene/wait.ts";
import type { Report } from "./peer.ts";
import { Peer } from "./peer_process.ts";

/** Ports of the servers, and of the hosts that publish them. */
export const LASTING_PORTS = [9100, 9101] as const;
const [STREAM_PORT, ECHO_PORT] = LASTING_PORTS;
/** What a host publishes for it. */
export const LASTING_PUBLISHED = LASTING_PORTS.map((port) => `${port}:127.0.0.1:${port}`);

/** What has to move for connections to go on. */
const MORE_BYTES = 1 << 20;
const MORE_BEATS = 2;

let seed = 1;

/** Bytes in a millisecond of each direction, where many streams are to leave time for others. */
export const EASY = 8_000;

/** Starts the servers of a host, for any number of clients. */
export async function serveLasting(scene: Scene, namespace: Namespace): Promise<Peer> {
  await scene.server(namespace, "echo", ECHO_PORT);
  return await scene.server(namespace, "serve-lasting", STREAM_PORT, seed += 2);
}

/** The progress of the connections. */
interface Moved {
  readonly received: number;
  readonly sent: number;
  readonly beats: number;
  /** The longest time without a byte of the stream, in ms, in the time of this report. */
  readonly silence: number;
}

/** A client whose many reports of progress are of no interest in the report of a failure. */
class Client extends Peer {
  override get transcript(): string {
    const lines = super.transcript.split("\n");
    const isProgress = (line: string) => line.includes(`{"event":"moved"`);
    const last = lines.findLast(isProgress);
    return lines.filter((line) => !isProgress(line) || line === last).join("\n");
  }
}

/** Open connections from a client to a host. */
export class Lasting {
  readonly #client: Peer;
  readonly #server: Peer;

  private constructor(client: Peer, server: Peer) {
    this.#client = client;
    this.#server = server;
  }

  /** Opens them, and waits until each has carried something. */
  static async open(
    scene: Scene,
    from: Namespace,
    to: { readonly vip: string; readonly server: Peer },
    rate: number = EASY,
  ): Promise<Lasting> {
    const ports = [STREAM_PORT, ECHO_PORT];
    const args = [to.vip, ...ports, seed += 2, rate];
    const client = scene.keep(new Client(from, "lasting", ...args));
    const lasting = new Lasting(client, to.server);
    await lasting.goesOn();
    return lasting;
  }

  /** A place in the reports, for {@linkcode Lasting.goesOn} and {@linkcode Lasting.silence}. */
  get mark(): number {
    return this.#client.mark;
  }

  /** Waits until stream and echo are farther than at the last report before `mark`. */
  async goesOn(mark = this.mark): Promise<void> {
    const before = lastOf(this.#moved(0, mark)) ?? { received: 0, sent: 0, beats: 0 };
    let now: Moved | undefined;
    await until("more bytes", () => {
      this.#assertUnbroken();
      now = lastOf(this.#moved(mark));
      return now && now.received > before.received + MORE_BYTES &&
        now.sent > before.sent + MORE_BYTES && now.beats > before.beats + MORE_BEATS;
    }, { limitMs: 60_000, everyMs: 50 }).catch((error) => {
      const [was, is] = [before, now].map((moved) => JSON.stringify(moved));
      throw new Error(`${error.message}: ${was}, and then ${is}: ${this.#client.name}`);
    });
  }

  /** The longest time without a byte of the stream since `mark`, in ms. */
  silence(mark: number): number {
    return Math.max(0, ...this.#moved(mark).map(({ silence }) => silence));
  }

  /** Ends them, and compares all that went by. */
  async areWhole(): Promise<void> {
    this.#assertUnbroken();
    this.#client.signal("SIGUSR2");
    const near = await this.#client.report("done", undefined, { limitMs: 60_000 });
    this.#assertUnbroken();
    assert.equal(near.broken, 0);
    const far = await this.#server.report(
      "closed",
      ({ received }) => received === near.sent,
    );
    assert.equal(far.sent, near.received);
    assert.deepEqual([far.ending, far.sendingEnded], ["end", "end"]);
    assert.deepEqual(
      [far.receivedBytes, far.sentBytes],
      [near.sentBytes, near.receivedBytes],
    );
  }

  /** Waits until each has ended, as `how` says. */
  async areEnded(how = /reset$/): Promise<void> {
    await this.#client.report("done");
    const found = this.#reports("broken").map((report) => report.ending);
    // The echo is given up when another has ended first.
    assert.ok(found.length >= 2, JSON.stringify(found));
    for (const each of found) assert.match(String(each), how);
  }

  #assertUnbroken(): void {
    assert.deepEqual(this.#reports("broken"), []);
  }

  #reports(event: string): Report[] {
    return read(this.#client.since(), event);
  }

  /** Reports from a mark on, and up to another. */
  #moved(from: number, to = Infinity): Moved[] {
    const lines = this.#client.since(from).split("\n").slice(0, to - from);
    return read(lines.join("\n"), "moved") as unknown as Moved[];
  }
}

function read(text: string, event: string): Report[] {
  return text.split("\n").filter((line) => line.startsWith(`{"event":"${event}"`))
    .map((line) => JSON.parse(line));
}

function lastOf<T>(list: readonly T[]): T | undefined {
  return list[list.length - 1];
}
