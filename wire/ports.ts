/**
 * Ports that the protocol fixes.
 *
 * @module
 */

/** Where the name server of a host listens, on its VIP. */
export const NAME_SERVER_PORT = 10053;
