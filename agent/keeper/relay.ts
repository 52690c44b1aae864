/**
 * Relays: the processes of later execs, as the keeper sees them. Each lends its standard
 * input, output and error, and waits.
 *
 * @module
 */

/** A process that lends its descriptors. */
export interface Relay {
  /** What it lends, ours from now on; an error output may be missing. */
  readonly lent: {
    readonly input: number;
    readonly output: number;
    readonly error: number | undefined;
  };
  /** Tells it that the link is taken: it waits from now on. */
  accept(): void;
  /** Lets it go; `why`, if the link is not taken after all. */
  release(why?: string): void;
  /** Whether it is gone; looked at now and then. */
  isGone(): boolean;
  /** Calls `run` when it goes, if that can be told at once. */
  whenGone?(run: () => void): void;
}

/** What comes in by a door or a socket. */
export interface Callers {
  /** A relay lends. */
  onRelay(relay: Relay): void;
  /** A newer agent of a mesh and a host asks for the end; the answer is why not, if so. */
  onEnd(of: string): string | undefined;
}

/** Words of a line for a relay: one line. */
export function oneLine(text: string): string {
  // deno-lint-ignore no-control-regex -- a line must be one
  return text.replace(/[\x00-\x1f\x7f]+/g, " ").slice(0, 300);
}
