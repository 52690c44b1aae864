/**
 * Beliefs: what the agent of a host was told of the other hosts, and what it missed; see
 * `absence.ts`.
 *
 * @module
 */

/** What one agent believes, by the VIPs of others. */
export class Beliefs {
  /** Hosts that it holds as away, with the ranges that it was told. */
  readonly away = new Map<string, readonly string[]>();
  /** Hosts whose connections ended when it could not be told. */
  readonly missed = new Set<string>();
}
