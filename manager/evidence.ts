/**
 * Evidence: text from a host beside its frames, and the reason of its link's end by that
 * text.
 *
 * How a link ended says little: `docker exited with status 1`. The lines that the command
 * wrote to stderr say more, and the text before the first frame, or in place of frames,
 * may say most. All this text is the host's word; whoever shows text bounds its length.
 *
 * @module
 */

import type { Ending } from "../link/adopted.ts";
import type { Clock } from "../link/clock.ts";
import type { LinkExit } from "../link/link.ts";
import { streamFault } from "../link/stream_fault.ts";
import { explainingLines, explainingOf } from "../transports/command/explaining.ts";

/** Lines of stderr that are kept, since they may explain an end. */
const KEPT_LINES = 20;
/** Milliseconds before the end of a ready link in which stderr may explain the end. */
const EXPLAINING_TIME = 5000;

/** Text from a host during an attempt. */
export class Evidence {
  readonly #clock: Clock;
  /** Text before the first frame. */
  #banner = "";
  /** The last lines of stderr, and when they came. */
  readonly #said: { readonly line: string; readonly at: number }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A line came on stderr. */
  said(line: string): void {
    this.#said.push({ line, at: this.#clock.now() });
    if (this.#said.length > KEPT_LINES) this.#said.shift();
  }

  /** Text came before the first frame. Gives its lines that are not empty. */
  banner(text: string): string[] {
    this.#banner = text;
    return linesOf(text);
  }

  /** Why no answer came in time, as one line; `fault` is that of the bytes that came. */
  silence(wait: string, fault: string | undefined): string {
    return withSaid(withFault(wait, fault), this.#said.map(({ line }) => line));
  }

  /** Why a link ended, as one line. */
  reasonOf({ reason, isFault, exit }: Ending, wasReady: boolean): string {
    if (!exit) return reason;
    return this.#reasonOfExit(exit, wasReady) + (isFault ? ` (${reason})` : "");
  }

  /** The exit, with explaining lines of stderr. Much older lines are no reason. */
  #reasonOfExit({ reason, stderr, hint }: LinkExit, wasReady: boolean): string {
    const since = this.#clock.now() - EXPLAINING_TIME;
    const recent = wasReady
      ? this.#said.filter(({ at }) => at >= since).length
      : stderr.length;
    const fault = wasReady ? undefined : streamFault(new Uint8Array(), this.#banner);
    // Docker says on the standard output why it cannot run a command, and so does nologin.
    const output = wasReady || fault ? [] : linesOf(this.#banner);
    const said = explainingOf(stderr.slice(Math.max(0, stderr.length - recent)), output);
    const what = withFault(joinSaid(reason, said), fault);
    return hint ? `${what} (${hint})` : what;
  }
}

/** The lines that are not empty. */
function linesOf(text: string): string[] {
  return text.split(/\r\n|\r|\n/).map((line) => line.trimEnd()).filter(Boolean);
}

/** The reason, and those of the command's words that explain it. */
function withSaid(reason: string, lines: readonly string[]): string {
  return joinSaid(reason, explainingLines(lines));
}

function joinSaid(reason: string, words: readonly string[]): string {
  return [reason, words.join("; ")].filter(Boolean).join(": ");
}

function withFault(reason: string, fault: string | undefined): string {
  return fault ? `${reason}; ${fault}` : reason;
}
