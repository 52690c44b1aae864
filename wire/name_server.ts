/**
 * Where the name servers of a mesh are.
 *
 * @module
 */

/** The TCP port of the name server that each agent has on its VIP, as NoRouter's have. */
export const NAME_SERVER_PORT = 10053;
