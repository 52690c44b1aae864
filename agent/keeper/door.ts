/**
 * The door: a FIFO by which a shell lends its descriptors, which have to be pipes.
 *
 * A shell cannot pass descriptors, but the keeper can open those of a process of its own
 * user, through `/proc`. So a relay makes a FIFO `rPID` for the answers, writes
 * `lend PID INPUT OUTPUT ERROR` to the door, and reads the answer: `yes`, or `no WHY`. The
 * end of the answers lets it go. `end MESH HOST` asks for the end.
 *
 * Whatever else comes changes nothing. Lines are short enough to be written as a whole
 * (`PIPE_BUF`), so lines of several relays do not mix.
 *
 * @module
 */

import { Socket } from "node:net";
import { messageOf } from "../../wire/text.ts";
import {
  ENXIO,
  type Libc,
  O_APPEND,
  O_NOCTTY,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  SystemError,
} from "./libc.ts";
import { ownerOf } from "./processes.ts";
import { type Callers, oneLine, type Relay } from "./relay.ts";

/** Characters of a line; longer ones are none. */
const MOST_LINE = 4000;
/** A relay opens its answers behind its line: it gets so many looks, and so many ms each. */
const LOOKS = 100;
const LOOK_MS = 10;
/** Relays that are waited for. */
const MOST_WAITED = 8;

const LEND = /^lend (\d{1,10}) (\d{1,4}) (\d{1,4}) (\d{1,4})$/;
const END = /^end ([\w.-]{1,64} [\w.!~*'()%-]{1,3000})$/;

/** Options of a {@linkcode Door}. */
export interface DoorOptions {
  readonly libc: Libc;
  /** The folder of the keeper. */
  readonly folder: () => string;
  readonly callers: Callers;
}

/** Takes lines until it is closed. */
export class Door {
  readonly #options: DoorOptions;
  readonly #socket: Socket;
  #line = "";
  #waited = 0;

  /** Makes the FIFO and opens it. @throws {Error} */
  constructor(options: DoorOptions) {
    this.#options = options;
    const path = `${options.folder()}/door`;
    options.libc.mkfifo(path);
    // A writer of our own, so that the end of the others is no end.
    const fd = options.libc.open(path, O_RDWR | O_NONBLOCK);
    this.#socket = new Socket({ fd, readable: true, writable: false });
    this.#socket.setEncoding("latin1");
    this.#socket.on("data", (text: string) => this.#take(text));
    this.#socket.on("error", () => {}); // nobody comes by the door any more
  }

  /** Takes no lines any more. */
  close(): void {
    this.#socket.destroy();
  }

  #take(text: string): void {
    const lines = (this.#line + text).split("\n");
    this.#line = lines.pop()!.slice(0, MOST_LINE + 1); // too long stays too long
    for (const line of lines) {
      if (line.length <= MOST_LINE) this.#onLine(line);
    }
  }

  #onLine(line: string): void {
    const end = END.exec(line);
    if (end) return void this.#options.callers.onEnd(end[1]!);
    const lend = LEND.exec(line);
    if (!lend || this.#waited >= MOST_WAITED) return;
    const [pid = 0, ...numbers] = lend.slice(1).map(Number);
    this.#waited++;
    this.#onLend(pid, numbers).finally(() => this.#waited--);
  }

  async #onLend(pid: number, numbers: readonly number[]): Promise<void> {
    const { libc, folder, callers } = this.#options;
    const path = `${folder()}/r${pid}`;
    const fd = await this.#answersOf(path);
    if (fd === undefined) return; // nobody to talk to
    const answers = new Answers(libc, { fd, path });
    try {
      const lent = lentBy(pid, numbers, libc);
      callers.onRelay({
        lent,
        accept: () => answers.say("yes"),
        release: (why) => answers.end(why),
        isGone: () => ownerOf(pid) === undefined,
      });
    } catch (error) {
      answers.end(messageOf(error));
    }
  }

  async #answersOf(path: string): Promise<number | undefined> {
    for (let look = 0; look < LOOKS && !this.#socket.destroyed; look++) {
      try {
        if (!Deno.lstatSync(path).isFifo) return undefined;
        return this.#options.libc.open(path, O_WRONLY | O_NONBLOCK);
      } catch (error) {
        if (!(error instanceof SystemError) || error.errno !== ENXIO) return undefined;
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }
}

/** Opens the descriptors of a process. @throws {Error} why they cannot be had. */
function lentBy(
  pid: number,
  [input = 0, output = 0, error = 0]: readonly number[],
  libc: Libc,
): Relay["lent"] {
  if (ownerOf(pid) !== Deno.uid()) {
    throw new Error("the relay is not of the keeper's user");
  }
  const opened: number[] = [];
  const open = (number: number, flags: number) => {
    const path = `/proc/${pid}/fd/${number}`;
    if (!Deno.statSync(path).isFifo) throw new Error("input or output is no pipe");
    const fd = libc.open(path, flags | O_NONBLOCK);
    opened.push(fd);
    return fd;
  };
  try {
    const lent = { input: open(input, O_RDONLY), output: open(output, O_WRONLY) };
    return { ...lent, error: errorOf(`/proc/${pid}/fd/${error}`, libc) };
  } catch (error) {
    for (const fd of opened) libc.close(fd);
    throw error;
  }
}

/** Where lines for people go; anything that takes lines will do. */
function errorOf(path: string, libc: Libc): number | undefined {
  try {
    return libc.open(path, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY);
  } catch {
    return undefined;
  }
}

/** What a shell is told. */
class Answers {
  readonly #libc: Libc;
  readonly #fifo: { readonly fd: number; readonly path: string };
  #isOver = false;

  constructor(libc: Libc, fifo: { readonly fd: number; readonly path: string }) {
    this.#libc = libc;
    this.#fifo = fifo;
  }

  say(line: string): void {
    this.#libc.write(this.#fifo.fd, `${line}\n`);
  }

  /** The end, and why, if the link is not taken. */
  end(why: string | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (why !== undefined) this.say(`no ${oneLine(why)}`);
    this.#libc.close(this.#fifo.fd);
    try {
      Deno.removeSync(this.#fifo.path); // a shell that was killed did not
    } catch {
      // It did.
    }
  }
}
