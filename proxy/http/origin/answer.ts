/**
 * Waits for a server's answer.
 *
 * @module
 */
import { textOf } from "../bytes.ts";
import type { OriginConnection } from "./origins.ts";
import {
  HeadEnd,
  mayBegin,
  noStatus,
  readResponseHead,
  ResponseError,
  type ResponseHead,
} from "./response_head.ts";

/** Bytes of an answer's head; larger heads are not passed on. */
const HEAD_BYTES = 256 * 1024;
/** Interim answers (1xx) of a server; with more, no answer is to be expected. */
const MOST_INTERIM = 32;

/** A connection that ended before the first byte of an answer. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
}

/**
 * The last word of a server to a request of `method`. Interim answers (1xx) go to
 * `onInterim`. Rejects with a {@linkcode ResponseError} if the answer makes no sense, and
 * with {@linkcode NoAnswer} if there is none.
 */
export async function readAnswer(
  connection: OriginConnection,
  method: string,
  onInterim: (head: ResponseHead) => Promise<void>,
): Promise<ResponseHead> {
  for (let interim = 0;;) {
    const head = await readHead(connection, method, interim > 0);
    if (head.status === 101 || head.status >= 200) return head;
    if (head.status < 100) {
      throw new ResponseError(`the status ${head.status} is not the last word`);
    }
    if (++interim > MOST_INTERIM) {
      throw new ResponseError(`it said 1xx ${interim} times, and no answer`);
    }
    await onInterim(head);
  }
}

async function readHead(
  { input }: OriginConnection,
  method: string,
  hasSpoken: boolean,
): Promise<ResponseHead> {
  const finder = new HeadEnd();
  for (;;) {
    const { held } = input;
    if (!mayBegin(held)) throw noStatus(textOf(held.subarray(0, 100)).split(/\r?\n/)[0]!);
    const end = finder.find(held);
    if ((end ?? held.length) > HEAD_BYTES) {
      throw new ResponseError(`its header is larger than ${HEAD_BYTES / 1024} KiB`);
    }
    if (end !== undefined) {
      const text = textOf(held.subarray(0, end));
      input.consume(end);
      return readResponseHead(text, method);
    }
    if (input.ended !== undefined) {
      const why = input.ended?.message ?? "it closed the connection without an answer";
      if (held.length === 0 && !hasSpoken) throw new NoAnswer(why);
      throw new ResponseError(
        `the connection ended in the middle of it${input.ended ? `: ${why}` : ""}`,
      );
    }
    await input.fill();
  }
}
