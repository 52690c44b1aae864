/**
 * A connection of a fuzzed stack: the peer's numbers, and the application's.
 *
 * @module
 */
import assert from "node:assert/strict";
import { parseSegment } from "../../stack/_segment.ts";
import type { Beginning, Place } from "./stack_case.ts";

const FIN = 1, SYN = 2, RST = 4, ACK = 16;
const PERIOD = 1 << 22;
/** The stack's largest window: segments that begin farther off are dropped. */
export const WINDOW = 1 << 21;
/** Each byte of a stream follows from its place, so that nothing can be taken for another. */
const PATTERN = new Uint8Array(PERIOD + (1 << 18));
for (let i = 0; i < PATTERN.length; i++) {
  PATTERN[i] = Math.imul(i & PERIOD - 1, 0x9e3779b1) >>> 21;
}

/** The bytes of a stream from a place on, at most 256 KiB. */
export function bytesAt(place: number, length: number): Uint8Array {
  const at = place & PERIOD - 1;
  return PATTERN.subarray(at, at + length);
}

function assertBytes(bytes: Uint8Array, place: number, what: string): void {
  for (let at = 0; at < bytes.length; at += 1 << 18) {
    const part = bytes.subarray(at, at + (1 << 18));
    const wanted = bytesAt(place + at, part.length);
    for (let i = 0; i < part.length; i++) {
      if (part[i] !== wanted[i]) assert.fail(`${what}: wrong byte at ${at + i}`);
    }
  }
}

/** How far `a` is ahead of `b`, modulo 2^32 (RFC 9293, 3.4). */
export function ahead(a: number, b: number): number {
  return a - b | 0;
}

/** The application's view of a connection. */
export class Application {
  open = false;
  ended = false;
  /** Closed or failed. */
  over = false;
  failure = 0;
  shut = false;
  released = false;
  held = true;
  /** Opened by the stack. */
  asked = false;
  read = 0;
  written = 0;

  constructor(readonly index: number) {}

  /** Takes the next bytes of the peer, whose stream begins at `first`. */
  take(bytes: Uint8Array, first: number): void {
    assertBytes(bytes, first + 1 + this.read, "delivered");
    this.read += bytes.length;
  }
}

/** The peer's view of a connection; sequence numbers are absolute. */
export class Flow {
  app: Application | undefined;
  /** The peer's first number, and the stack's. */
  first: number;
  theirs: number | undefined;
  next: number;
  edge: number;
  una = 0;
  /** The end of the bytes sent by the stack, and of those that came without a gap. */
  top = 0;
  got = 0;
  /** The last number that a segment of the peer began with. */
  latest: number;
  /** The peer's scale is only agreed on by two SYNs. */
  shift = 0;
  readonly recent: (readonly [number, number])[] = [];

  constructor(
    readonly beginning: Beginning,
    readonly address: number,
    public port: number,
    public stackPort: number,
  ) {
    this.first = beginning.first;
    this.next = this.edge = this.latest = this.first + 1 >>> 0;
  }

  /** A new connection of these ends, whose SYN began with `first`. */
  begin(app: Application, first: number): void {
    this.app = app;
    this.first = first;
    this.next = this.edge = this.latest = first + 1 >>> 0;
    this.theirs = undefined;
    this.una = this.top = this.got = 0;
    this.recent.length = 0;
  }

  /** The peer's SYN-ACK that began with `first` was taken. */
  answered(first: number): void {
    this.first = first;
    this.next = this.edge = this.latest = first + 1 >>> 0;
    this.recent.length = 0;
  }

  /** A place as a number. */
  find({ of, by }: Place): number {
    const last = this.recent[Math.abs(by) % Math.max(1, this.recent.length)];
    const [start = this.next, end = this.next] = last ?? [];
    const base = { next: this.next, edge: this.edge, una: this.una, top: this.top };
    const from = of === "start" ? start : of === "end" ? end : base[of];
    return from + (of === "start" || of === "end" ? by % 4 : by) >>> 0;
  }

  /** Notes a segment that the peer sends. */
  note(sequence: number, end: number, flags: number, acknowledged: number): void {
    if (this.recent.unshift([sequence, end]) > 6) this.recent.length = 6;
    if (
      Math.abs(ahead(sequence, this.next)) <= WINDOW + 70_000 &&
      ahead(sequence, this.latest) > 0
    ) {
      this.latest = sequence;
    }
    if (
      flags & ACK && ahead(acknowledged, this.una) > 0 &&
      ahead(acknowledged, this.top) <= 0
    ) {
      this.una = acknowledged;
      if (ahead(this.una, this.got) > 0) this.got = this.una;
    }
  }

  /** Takes a packet of the stack. */
  receive(packet: Uint8Array): void {
    const { sequence, acknowledged, flags, window, data } = parseSegment(packet);
    if (flags & RST) return;
    if (flags & SYN) {
      const isOurs = this.app?.asked
        ? (flags & ACK) === 0
        : (flags & ACK) !== 0 && acknowledged === (this.first + 1 >>> 0);
      if (!isOurs) return; // of the connection before, which waited in the output
      if (this.theirs === undefined) this.una = this.top = this.got = sequence;
      this.theirs = sequence;
    }
    if (this.theirs === undefined) return; // the rest of a connection that is over
    if (flags & ACK) {
      if (ahead(acknowledged, this.next) >= 0) this.next = acknowledged;
      this.edge = acknowledged + window * 2 ** (flags & SYN ? 0 : this.shift) >>> 0;
    }
    const { app } = this;
    const place = ahead(sequence, this.theirs + 1);
    const end = sequence + data.length + (flags & FIN ? 1 : 0) + (flags & SYN ? 1 : 0) >>>
      0;
    if (app && !(flags & SYN) && data.length > 0) {
      assert.ok(place >= 0 && place + data.length <= app.written, `sent ${place}`);
      assertBytes(data, place, "sent");
    }
    if (app && flags & FIN) {
      assert.ok(app.shut, "a FIN that nobody asked for");
      assert.equal(place + data.length, app.written, "the place of FIN");
    }
    if (ahead(end, this.top) > 0) this.top = end;
    if (ahead(sequence, this.got) <= 0 && ahead(end, this.got) > 0) this.got = end;
  }
}
