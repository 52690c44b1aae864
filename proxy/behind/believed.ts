/**
 * The addresses of a name behind a bastion: which of those in the answer are believed.
 *
 * Pure. Whoever answers there is a stranger. He must not lead a client to a host of the
 * mesh, whose ports are for its hosts, nor to addresses that each machine has for itself
 * (`wire/ip/special.ts`), unless a range of a route names that. An address of the mesh
 * spoils the whole answer.
 *
 * @module
 */
import { formatIpv4 } from "../../wire/ip/ipv4.ts";
import type { Directory } from "../directory.ts";
import { isSpecial } from "../../wire/ip/special.ts";

/** An answer from behind a bastion. */
export interface Said {
  readonly name: string;
  /** VIP of the bastion behind which the answer was given. */
  readonly via: number;
  /** The addresses. */
  readonly said: readonly number[];
}

/** The addresses that the name may lead to, or why there are none. */
export function believedAddresses(
  directory: Directory,
  { name, via, said }: Said,
): number[] | string {
  const bastion = directory.nameOf(via) ?? formatIpv4(via);
  const isAt = (address: number) =>
    `behind ${bastion}, ${JSON.stringify(name)} is said to be at ${formatIpv4(address)}`;
  const vip = said.find((address) => directory.isVip(address));
  if (vip !== undefined) {
    const host = directory.nameOf(vip);
    return `${isAt(vip)}, which is ${host ? `the host ${host}` : "a host"} of the mesh`;
  }
  const believed = said.filter((address) =>
    !isSpecial(address) || directory.isBehind(via, address)
  );
  const [first] = said;
  if (believed.length > 0 || first === undefined) return believed;
  return `${isAt(first)}, an address that each machine has for itself`;
}
