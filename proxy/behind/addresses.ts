/**
 * Addresses behind bastions: each is claimed for its bastion until the first packet to
 * that address is on its way (`claims.ts`), and suggested to the manager where that does
 * not know yet.
 *
 * @module
 */
import type { MeshStream } from "../edge/stream.ts";
import type { Asked, MeshDial } from "../mesh_dial.ts";
import { Claims } from "./claims.ts";

/** Suggestions that the manager remembers for each agent, so the same here. */
const SUGGESTION_LIMIT = 512;

/** Options of {@linkcode AddressesBehind}. */
export interface AddressesBehindOptions {
  /**
   * Tells the manager that `address` lies behind `via`, and the name that led there, before
   * the next packet is sent.
   */
  readonly suggest: (address: number, via: number, name?: string) => void;
  /** Settles when the packets of now are on their way, ahead of later suggestions. */
  readonly sent: () => Promise<void>;
}

/** Opens connections to addresses behind bastions. */
export class AddressesBehind {
  readonly #mesh: MeshDial;
  readonly #options: AddressesBehindOptions;
  readonly #claims = new Claims();
  /** The host last suggested for an address, by address, the oldest first. */
  readonly #suggested = new Map<number, number>();

  /** Connects by `mesh`. */
  constructor(mesh: MeshDial, options: AddressesBehindOptions) {
    this.#mesh = mesh;
    this.#options = options;
  }

  /**
   * Connects to `address` behind the host with the VIP `via`. With `inRange` the manager
   * knows already, unless told of another host. Rejects as {@linkcode MeshDial} does.
   */
  async connect(
    address: number,
    via: number,
    asked: Asked,
    { inRange, name }: { inRange: boolean; name?: string },
  ): Promise<MeshStream> {
    const claim = { address, via, signal: asked.signal };
    const { opening } = await this.#claims.hold(claim, async () => {
      // Looked up now that it is our turn: who held the address before may have told.
      const told = this.#suggested.get(address) ?? via;
      if (!inRange || told !== via) this.#suggest(address, via, name);
      const opening = this.#mesh.connect(address, asked, via);
      // From its SYN on the manager knows where the connection belongs.
      await Promise.race([this.#options.sent(), opening.catch(() => {})]);
      return { opening };
    });
    return await opening;
  }

  #suggest(address: number, via: number, name: string | undefined): void {
    this.#suggested.delete(address);
    this.#suggested.set(address, via);
    if (this.#suggested.size > SUGGESTION_LIMIT) {
      this.#suggested.delete(this.#suggested.keys().next().value!);
    }
    this.#options.suggest(address, via, name);
  }
}
