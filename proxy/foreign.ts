/**
 * Foreign: which addresses outside the mesh this host dials for others, being a bastion.
 *
 * Only destinations that a route names with this host as `via`: an address in a range of
 * the route, or an address that this host's name server gave for a name matched by a
 * pattern of the route. A name never leads to a special address (`wire/ip/special.ts`),
 * and nothing leads to an address of no single host, or to a host of the mesh, which is
 * reached as that.
 *
 * @module
 */
import type { Cidr } from "../wire/ip/ipv4.ts";
import { inRanges, isSpecial } from "../wire/ip/special.ts";

/**
 * Addresses given for names that are remembered; the address unused for longest goes
 * first.
 */
export const NAMED_LIMIT = 16_384;

/** Whether `address` is multicast, reserved or broadcast. */
function isNoHost(address: number): boolean {
  return address >= 0xe0000000;
}

/** Decides which addresses may be dialled. */
export class Foreign {
  readonly #ranges: readonly Cidr[];
  readonly #takes: (name: string) => boolean;
  readonly #isVip: (address: number) => boolean;
  /** The address unused for longest first. */
  readonly #named = new Set<number>();

  /** `ranges` and `takes` are the destinations that routes lead to this host. */
  constructor(
    { ranges, takes, isVip }: {
      readonly ranges: readonly Cidr[];
      readonly takes: (name: string) => boolean;
      readonly isVip: (address: number) => boolean;
    },
  ) {
    this.#ranges = ranges;
    this.#takes = takes;
    this.#isVip = isVip;
  }

  /** Notes the name server's addresses for a name, if a route leads that name here. */
  note(name: string, addresses: Iterable<number>): void {
    if (!this.#takes(name)) return;
    for (const address of addresses) {
      if (isNoHost(address) || isSpecial(address) || this.#isVip(address)) continue;
      this.#use(address);
      if (this.#named.size > NAMED_LIMIT) {
        this.#named.delete(this.#named.values().next().value!);
      }
    }
  }

  /** Whether to dial `address` for another host. */
  allows(address: number): boolean {
    if (isNoHost(address) || this.#isVip(address)) return false;
    if (inRanges(this.#ranges, address)) return true;
    if (!this.#named.has(address)) return false;
    this.#use(address);
    return true;
  }

  #use(address: number): void {
    this.#named.delete(address);
    this.#named.add(address);
  }
}
