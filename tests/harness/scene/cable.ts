/**
 * A cable between two namespaces, which can be cut.
 *
 * @module
 */
import type { Namespace } from "./namespace.ts";
import { run } from "./process.ts";

/** A pair of interfaces; the ends have the addresses .1 and .2 of a network of their own. */
export class Cable {
  /** Address of the first end. */
  readonly near: string;
  /** Address of the second end. */
  readonly far: string;
  readonly #end: readonly string[];

  private constructor(network: string, end: readonly string[]) {
    this.near = `${network}.1`;
    this.far = `${network}.2`;
    this.#end = end;
  }

  /**
   * Lays a cable.
   *
   * @param network the first three numbers of its network, a /24: `10.77.1`.
   */
  static async lay(one: Namespace, two: Namespace, network: string): Promise<Cable> {
    const [near, far] = ["a", "b"].map((end) => `${end}-${network.replaceAll(".", "-")}`);
    const pair = ["type", "veth", "peer", "name", far!, "netns", two.name];
    await run(["ip", "-n", one.name, "link", "add", near!, ...pair]);
    const cable = new Cable(network, [one.name, near!]);
    const ends = [[one.name, near!, cable.near], [two.name, far!, cable.far]];
    for (const [name, link, address] of ends) {
      await run(["ip", "-n", name!, "addr", "add", `${address}/24`, "dev", link!]);
      await run(["ip", "-n", name!, "link", "set", link!, "up"]);
    }
    return cable;
  }

  /** Nothing comes through any more, and nobody is told. */
  async cut(): Promise<void> {
    await this.#set("down");
  }

  /** It is as before. */
  async mend(): Promise<void> {
    await this.#set("up");
  }

  async #set(state: string): Promise<void> {
    const [namespace, link] = this.#end;
    await run(["ip", "-n", namespace!, "link", "set", link!, state]);
  }
}
