// Two peers with send windows at the ends of a simulated path, each with a fair queue in
// which an echo goes before bulk. As a script it prints what windows do on many paths.
import { CREDIT_FRAME_BYTES } from "../../wire/credit.ts";
import { percentile } from "../../bench/statistics.ts";
import { Cubic } from "./_cubic.ts";
import { Line, type LineOptions } from "./_line.ts";
import { chance, Loop } from "./_loop.ts";
import { Acknowledger } from "./acknowledger.ts";
import { SendWindow } from "./window.ts";

/** What a peer asks of a window; another algorithm may stand in for comparison. */
export interface Window {
  readonly room: number;
  readonly frameBytes: number;
  readonly everyBytes: number;
  sent(bytes: number, now: number, isMoreWaiting: boolean): void;
  blocked(): void;
  taken(total: number, now: number): boolean;
  drainAlong(now: number): void;
}

/** A simulation. Directions: "to" is from the left peer to the right. */
export interface Scenario {
  readonly seed: number;
  /** Length, in ms; what happens before `warmup` (default 3000) is not measured. */
  readonly ms: number;
  readonly warmup?: number;
  readonly to: LineOptions;
  readonly from: LineOptions;
  /** Bytes that pipes and sockets hold before a write has to wait. Default 3 MiB. */
  readonly capacity?: number;
  readonly bulk: "to" | "from" | "both";
  /** Bulk comes in pieces of at most so many bytes, so many ms apart at most. */
  readonly pieces?: { readonly bytes: number; readonly ms: number };
  /** An echo of 100 bytes begins each so many ms. Default 20. */
  readonly echoEvery?: number;
  /** Processes that are not scheduled now and then, for 0 to `most` ms. */
  readonly stalls?: { readonly every: number; readonly most: number };
  /** Links are TCP over the line, and between these times (ms) a flow competes, in "to". */
  readonly competitor?: { readonly begin: number; readonly end: number };
  /** Bytes by which lower layers lengthen each write. Default 0. */
  readonly overhead?: number;
  /** Makes the windows; undefined for a link without. Default: the real ones. */
  readonly makeWindow?: (() => Window) | undefined;
  /** Called at the start, to change things later. */
  readonly script?: (world: World) => void;
  /** The clock that peers see. Default: true time. */
  readonly clock?: (now: number) => number;
}

/** What a script may touch. */
export interface World {
  readonly loop: Loop;
  readonly to: Line;
  readonly from: Line;
  readonly left: Peer;
  readonly right: Peer;
}

/** What was measured. */
export interface Result {
  /** Bytes per ms of bulk that arrived, each way. */
  readonly to: number;
  readonly from: number;
  /** Bytes per ms of the competitor. */
  readonly competitor: number;
  /** Round trips of echoes, in ms, and when they ended. */
  readonly echoes: readonly number[];
  readonly echoTimes: readonly number[];
  /** Bytes of bulk that arrived in each 100 ms, from the start, in the measured direction. */
  readonly course: readonly number[];
  readonly left: Window | undefined;
  readonly right: Window | undefined;
  p(share: number): number;
}

/** How frames get to the other peer. */
interface Carrier {
  /** Bytes that a write may have at present. */
  readonly space: number;
  send(bytes: number, arrive: () => void): void;
}

const WRITE_BYTES = 128 * 1024;
const ECHO_BYTES = 100;

/** Sends bulk and echoes, takes what comes, acknowledges. */
export class Peer {
  readonly #loop: Loop;
  readonly #clock: (now: number) => number;
  readonly window: Window | undefined;
  readonly #acknowledger: Acknowledger;
  carrier!: Carrier;
  other!: Peer;
  /** Bytes that pipes hold, unread bytes included. */
  capacity = Infinity;
  /** Bytes of bulk that the other peer has not read. */
  #unread = 0;
  /** Bytes of bulk that wait. */
  backlog = 0;
  /** Bytes of bulk that came. */
  came = 0;
  readonly course: number[] = [];
  readonly #sparse: (() => void)[] = [];
  readonly #inbox: { bytes: number; run: () => void; isCredit: boolean }[] = [];
  #stalledUntil = 0;
  #isScheduled = false;
  #isWaiting = false;

  constructor(loop: Loop, clock: (now: number) => number, window: Window | undefined) {
    this.#loop = loop;
    this.#clock = clock;
    this.window = window;
    this.#acknowledger = new Acknowledger({
      clock: {
        now: () => clock(loop.now),
        wall: () => clock(loop.now),
        random: () => 0.5,
        after: (ms, run) => {
          let isOn = true;
          loop.after(ms, () => {
            if (!isOn) return;
            if (loop.now < this.#stalledUntil) loop.at(this.#stalledUntil, run);
            else run();
          });
          return () => isOn = false;
        },
      },
      send: (total, every) =>
        this.carrier.send(
          CREDIT_FRAME_BYTES,
          () =>
            this.other.#take(
              CREDIT_FRAME_BYTES,
              () => this.other.#credit(total, every),
              true,
            ),
        ),
    });
  }

  /** Begins to acknowledge, if there are windows. */
  start(): void {
    if (this.window) this.#acknowledger.start();
  }

  /** The process stands still until `time`. */
  stall(time: number): void {
    this.#stalledUntil = Math.max(this.#stalledUntil, time);
  }

  /** Sends a small frame as soon as may be; `arrive` is called at the other peer. */
  say(arrive: () => void): void {
    this.#sparse.push(arrive);
    this.pump();
  }

  /** Writes what there is, as far as window and pipe go. */
  pump(): void {
    const { now } = this.#loop;
    if (now < this.#stalledUntil) return this.#later(this.#stalledUntil);
    const window = this.window;
    while (this.#sparse.length > 0 || this.backlog > 0) {
      const room = window?.room ?? Infinity;
      if (room <= 0) {
        window!.blocked();
        return;
      }
      if (Math.min(this.carrier.space, this.capacity - this.#unread) <= 0) {
        return this.#later(now + 0.2);
      }
      const most = Math.min(WRITE_BYTES, room);
      let bytes = 0;
      while (bytes < most) {
        const say = this.#sparse.shift();
        if (say) {
          bytes += ECHO_BYTES;
          this.carrier.send(ECHO_BYTES, () => this.other.#take(ECHO_BYTES, say));
        } else if (this.backlog > 0) {
          const size = Math.min(this.backlog, window?.frameBytes ?? 65_543);
          if (bytes > 0 && bytes + size > most) break;
          this.backlog -= size;
          bytes += size;
          this.#unread += size;
          this.carrier.send(
            size,
            () => this.other.#take(size, () => this.other.#bulk(size)),
          );
        } else break;
      }
      if (!(bytes > 0)) {
        throw new Error(`a write of ${bytes} bytes with room for ${room}`);
      }
      window?.sent(bytes, this.#clock(now), this.backlog > 0 || this.#sparse.length > 0);
    }
  }

  #later(time: number): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#loop.at(time, () => {
      this.#isWaiting = false;
      this.pump();
    });
  }

  #bulk(bytes: number): void {
    this.other.#unread -= bytes;
    this.came += bytes;
    const tick = Math.floor(this.#loop.now / 100);
    this.course[tick] = (this.course[tick] ?? 0) + bytes;
  }

  #take(bytes: number, run: () => void, isCredit = false): void {
    this.#inbox.push({ bytes, run, isCredit });
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#loop.at(this.#stalledUntil, () => this.#read());
  }

  #read(): void {
    this.#isScheduled = false;
    let bytes = 0;
    for (const { bytes: length, run, isCredit } of this.#inbox.splice(0)) {
      if (!isCredit) bytes += length;
      run();
    }
    this.#acknowledger.took(bytes);
    this.pump();
    if (this.window) this.#acknowledger.ask(this.window.everyBytes);
  }

  #credit(total: number, every: number): void {
    const now = this.#clock(this.#loop.now);
    this.#acknowledger.wanted(every);
    this.window!.taken(total, now);
    if (every === 0) this.window!.drainAlong(now);
    this.pump();
  }
}

/** A pipe into a line: frames go one by one, and nothing is lost. */
class Pipe implements Carrier {
  readonly #line: Line;
  readonly #capacity: number;
  readonly #overhead: number;
  constructor(line: Line, capacity: number, overhead: number) {
    this.#line = line;
    this.#capacity = capacity;
    this.#overhead = overhead;
  }
  get space(): number {
    return this.#capacity - this.#line.queued;
  }
  send(bytes: number, arrive: () => void): void {
    this.#line.send({ bytes: bytes + this.#overhead, arrive });
  }
}

/** A pipe into a TCP connection over a line. */
class Stream implements Carrier {
  readonly #capacity: number;
  readonly #tcp: Cubic;
  readonly #frames: { end: number; arrive: () => void }[] = [];
  #written = 0;
  #sent = 0;
  #delivered = 0;
  constructor(loop: Loop, line: Line, back: Line, capacity: number) {
    this.#capacity = capacity;
    this.#tcp = new Cubic(loop, {
      line,
      back: back.options.delay ?? 0,
      available: (most) => {
        const bytes = Math.min(most, this.#written - this.#sent);
        this.#sent += bytes;
        return bytes;
      },
      deliver: (bytes) => {
        this.#delivered += bytes;
        while (this.#frames.length > 0 && this.#frames[0]!.end <= this.#delivered) {
          this.#frames.shift()!.arrive();
        }
      },
    });
  }
  get space(): number {
    return this.#capacity - (this.#written - this.#sent);
  }
  send(bytes: number, arrive: () => void): void {
    this.#written += bytes;
    this.#frames.push({ end: this.#written, arrive });
    this.#tcp.more();
  }
}

/** Runs a scenario. */
export function simulate(scenario: Scenario): Result {
  const { ms, warmup = 3000, bulk, capacity = 3 * 2 ** 20, echoEvery = 20 } = scenario;
  const random = chance(scenario.seed);
  const loop = new Loop();
  const clock = scenario.clock ?? ((now: number) => now);
  const make = "makeWindow" in scenario
    ? scenario.makeWindow ?? (() => undefined)
    : () => new SendWindow(clock(0));
  const to = new Line(loop, random, { ...scenario.to });
  const from = new Line(loop, random, { ...scenario.from });
  const left = new Peer(loop, clock, make());
  const right = new Peer(loop, clock, make());
  left.other = right;
  right.other = left;
  left.capacity = right.capacity = capacity;
  if (scenario.competitor) {
    left.carrier = new Stream(loop, to, from, capacity);
    right.carrier = new Stream(loop, from, to, capacity);
  } else {
    left.carrier = new Pipe(to, capacity, scenario.overhead ?? 0);
    right.carrier = new Pipe(from, capacity, scenario.overhead ?? 0);
  }
  left.start();
  right.start();
  const echoes: number[] = [];
  const echoTimes: number[] = [];
  const echo = () => {
    const begun = loop.now;
    left.say(() =>
      right.say(() => {
        if (begun < warmup) return;
        echoes.push(loop.now - begun);
        echoTimes.push(loop.now);
      })
    );
    loop.after(echoEvery * (0.5 + random()), echo);
  };
  echo();
  for (const [peer, way] of [[left, "to"], [right, "from"]] as const) {
    if (bulk !== way && bulk !== "both") continue;
    const { pieces } = scenario;
    const add = () => {
      peer.backlog += pieces ? random() * pieces.bytes : Infinity;
      peer.pump();
      if (pieces) loop.after(random() * pieces.ms, add);
    };
    add();
  }
  const { stalls } = scenario;
  for (const peer of stalls ? [left, right] : []) {
    const stall = () => {
      peer.stall(loop.now + random() * stalls!.most);
      loop.after(random() * 2 * stalls!.every, stall);
    };
    loop.after(random() * stalls!.every, stall);
  }
  let others = 0;
  if (scenario.competitor) {
    const { begin, end } = scenario.competitor;
    const cubic = new Cubic(loop, {
      line: to,
      back: from.options.delay ?? 0,
      available: (most) => loop.now < end ? most : 0,
      deliver: (bytes) => {
        if (loop.now >= warmup) others += bytes;
      },
    });
    loop.at(begin, () => cubic.more());
  }
  scenario.script?.({ loop, to, from, left, right });
  loop.until(warmup);
  const [cameRight, cameLeft] = [right.came, left.came];
  loop.until(ms);
  const span = ms - warmup;
  return {
    to: (right.came - cameRight) / span,
    from: (left.came - cameLeft) / span,
    competitor: others / span,
    echoes,
    echoTimes,
    course: Array.from((bulk === "from" ? left : right).course, (bytes) => bytes ?? 0),
    left: left.window,
    right: right.window,
    p: (share) => percentile(echoes, share),
  };
}

/** Bytes per ms of a rate in Mbit/s. */
export const mbit = (rate: number): number => rate * 125;
