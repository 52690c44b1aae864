/**
 * Connections that have to go on, whatever happens to their mesh.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Peer } from "../harness/peers/peer_process.ts";
import type { Namespace } from "../harness/scene/namespace.ts";
import type { Scene } from "../harness/scene/scene.ts";

/** Connections, each of which is compared byte by byte. */
export class Endurance {
  readonly #client: Peer;
  readonly count: number;

  private constructor(client: Peer, count: number) {
    this.#client = client;
    this.count = count;
  }

  /** Opens them to an echo, `through` a proxy if given; each has carried something. */
  static async open(
    scene: Scene,
    from: Namespace,
    { to, count, through = [] }: {
      to: [string, number];
      count: number;
      through?: [string, number] | [];
    },
  ): Promise<Endurance> {
    const client = scene.client(from, "endure", ...to, count, ...through);
    const endurance = new Endurance(client, count);
    await endurance.goesOn();
    return endurance;
  }

  /** Waits until each connection has carried more. */
  async goesOn(): Promise<void> {
    // The first may be about the time before.
    for (let time = 0; time < 2; time++) {
      const after = this.#client.mark;
      await this.#client.line(/^\{"event":"moved"/, { after, limitMs: 30_000 });
    }
  }

  /** Ends them: all that was sent came back. */
  async areWhole(): Promise<void> {
    this.#client.signal("SIGUSR2");
    const { whole, wrong } = await this.#client.report("done", undefined, {
      limitMs: 60_000,
    });
    assert.deepEqual({ whole, wrong }, { whole: this.count, wrong: [] });
  }
}
