/**
 * Gate: how much a queue may write to its link for now, as the window of that link says.
 *
 * @module
 */

/**
 * A window as its queue sees it. Times are milliseconds of the queue's clock. The owner of
 * both calls `LinkQueue.opened` when there may be room again.
 */
export interface Gate {
  /** Bytes that may be written now; none if 0 or less. Asked once for a write. */
  readonly room: number;
  /** So many bytes were taken before the queue had this window. Called once, at first. */
  began(bytes: number): void;
  /**
   * Bytes were taken for a write, all that the peer will acknowledge: frames of any type
   * but CREDIT. They may be more than there was room for, by a packet and by control
   * frames. `isMoreWaiting` is true if frames stay behind them.
   */
  sent(bytes: number, now: number, isMoreWaiting: boolean): void;
  /** Packets wait, and there is no room. */
  blocked(): void;
  /** Bytes of the largest frame that is worth sending whole, header included. */
  readonly frameBytes: number;
}
