/**
 * Whether somebody else listens on an address, found by trying to.
 *
 * @module
 */

/** An address of the loopback network that nobody chooses. */
const NEUTRAL = "127.83.201.114";

/** Whether a port of an address is in use; a port that cannot be tried counts as free. */
export function isTaken(hostname: string, port: number): boolean {
  try {
    Deno.listen({ hostname, port, transport: "tcp" }).close();
    return false;
  } catch (error) {
    return error instanceof Deno.errors.AddrInUse;
  }
}

/**
 * Whether who listens on a port does so on all addresses of this machine, the loopback's
 * included, as servers do that are bound to 0.0.0.0.
 */
export function isTakenEverywhere(port: number): boolean {
  return isTaken(NEUTRAL, port);
}
