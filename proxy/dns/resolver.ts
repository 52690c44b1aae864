/**
 * The contract of whoever answers DNS queries for us.
 *
 * @module
 */

/** Answers queries: servers of the system, the hosts file, or a cache before another. */
export interface Resolver {
  /**
   * Asks `query`, a whole message with a single question that `parseMessage` takes. The
   * answer is a whole message with the query's id and question, and the caller's to
   * change. Rejects, within seconds, if there is none.
   */
  ask(query: Uint8Array): Promise<Uint8Array<ArrayBuffer>>;
}
