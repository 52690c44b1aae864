/**
 * Names behind bastions: asked for at the bastion's name server, over the mesh, and
 * remembered for as long as the answer says.
 *
 * The answers of a name server behind a bastion are a stranger's word, see `believed.ts`.
 *
 * @module
 */
import { canonicalName, type Directory } from "../directory.ts";
import { DialError } from "../edge/dial.ts";
import type { MeshStream } from "../edge/stream.ts";
import type { Asked, MeshDial } from "../mesh_dial.ts";
import { formatIpv4 } from "../../wire/ip/ipv4.ts";
import { NAME_SERVER_PORT } from "../../wire/ports.ts";
import type { AddressesBehind } from "./addresses.ts";
import { believedAddresses } from "./believed.ts";

/** Names whose addresses are remembered. */
const NAME_LIMIT = 1024;
/** Addresses of a name that are tried. */
const MOST_ADDRESSES = 4;

/** The ways that {@linkcode NamesBehind} connects by. */
export interface WaysBehind {
  /** To the name server. */
  readonly mesh: MeshDial;
  /** To the addresses of a name. */
  readonly addresses: AddressesBehind;
}

/** Options of {@linkcode NamesBehind}, which are read anew for each connection. */
export interface NamesBehindOptions {
  readonly directory: Directory;
  /** Name servers of the mesh: VIP to port. */
  readonly nameServers?: ReadonlyMap<number, number>;
  /** Takes a line about a name that was said to lead where it must not. */
  readonly warn: (message: string) => void;
}

/** Opens connections to names behind bastions. */
export class NamesBehind {
  readonly #ways: WaysBehind;
  readonly #options: NamesBehindOptions;
  /** Addresses of names, with the time they are good until. */
  readonly #named = new Map<string, { addresses: number[]; until: number }>();

  /** Knows no names yet. */
  constructor(ways: WaysBehind, options: NamesBehindOptions) {
    this.#ways = ways;
    this.#options = options;
  }

  /** Forgets all addresses: where names lead may have changed. */
  forget(): void {
    this.#named.clear();
  }

  /**
   * Connects to `name` behind the host with the VIP `via`: to each of its addresses,
   * until an address answers. Rejects with a {@linkcode DialError}, or the signal's
   * reason.
   */
  async connect(name: string, via: number, asked: Asked): Promise<MeshStream> {
    const key = `${formatIpv4(via)} ${canonicalName(name)}`;
    const known = this.#named.get(key);
    if (known && known.until > performance.now()) {
      try {
        return await this.#toOneOf(name, { addresses: known.addresses, via }, asked);
      } catch (error) {
        // A bastion that was started anew dials a name's addresses only once asked for
        // the name.
        if (!(error instanceof DialError) || error.failure !== "prohibited") throw error;
      }
    }
    const { addresses, ttl } = await this.#resolve(name, via, asked);
    this.#named.delete(key);
    this.#named.set(key, { addresses, until: performance.now() + ttl * 1000 });
    if (this.#named.size > NAME_LIMIT) {
      this.#named.delete(this.#named.keys().next().value!);
    }
    return await this.#toOneOf(name, { addresses, via }, asked);
  }

  async #toOneOf(
    name: string,
    { addresses, via }: { addresses: readonly number[]; via: number },
    asked: Asked,
  ): Promise<MeshStream> {
    let failure: unknown;
    for (const address of addresses.slice(0, MOST_ADDRESSES)) {
      try {
        return await this.#ways.addresses.connect(address, via, asked, {
          inRange: false,
          name: canonicalName(name),
        });
      } catch (error) {
        if (asked.signal.aborted) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  async #resolve(
    name: string,
    via: number,
    asked: Asked,
  ): Promise<{ addresses: number[]; ttl: number }> {
    const { NameError, resolveOver } = await import("../dns/client.ts");
    const { directory, nameServers } = this.#options;
    const host = directory.nameOf(via) ?? formatIpv4(via);
    const server = `the name server of ${host}`;
    const port = nameServers?.get(via) ?? NAME_SERVER_PORT;
    let stream: MeshStream;
    try {
      stream = await this.#ways.mesh.connect(via, { ...asked, port });
    } catch (error) {
      if (!(error instanceof DialError) || error.failure !== "refused") throw error;
      // Whether the target would have refused, nobody knows.
      const reason = `Cannot resolve ${
        JSON.stringify(name)
      } through ${server}: it refused`;
      throw new DialError("failed", asked.target, new Error(reason, { cause: error }));
    }
    try {
      const found = await resolveOver(stream, name, { signal: asked.signal, server });
      const believed = believedAddresses(directory, { name, via, said: found.addresses });
      if (typeof believed !== "string") return { addresses: believed, ttl: found.ttl };
      this.#options.warn(`Did not connect to ${asked.target}: ${believed}`);
      throw new DialError("prohibited", asked.target, new Error(believed));
    } catch (error) {
      if (!(error instanceof NameError)) throw error;
      if (error.code !== "not-found") {
        throw new DialError(error.code, asked.target, error);
      }
      const cause = new Error(`asked behind ${host}: ${error.message}`, { cause: error });
      throw new DialError("host-unknown", asked.target, cause);
    }
  }
}
