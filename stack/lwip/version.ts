/** The release of lwIP that the stack is built from. */
export const LWIP_VERSION = "2.2.1";
