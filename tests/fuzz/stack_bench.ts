/**
 * A stack between peers and applications that a fuzzed case moves.
 *
 * @module
 */
import assert from "node:assert/strict";
import { checksumOf } from "../../stack/_checksum.ts";
import { packetsOf } from "../../stack/_network.ts";
import { makeSegment } from "../../stack/_segment.ts";
import { Stack } from "../../stack/stack.ts";
import { encodeFrame, FrameType } from "../../wire/frame.ts";
import type { Beginning, SegmentStep, Step } from "./stack_case.ts";
import { ahead, Application, bytesAt, Flow, WINDOW } from "./stack_flow.ts";

const FIN = 1, SYN = 2, RST = 4, ACK = 16;
const ME = 0x7f002a65;
const FIRST_PEER = 0x7f002a0a;
const EV = { syn: 1, open: 2, eof: 8, closed: 32, failed: 64 };
const NO_FAILURE = 0;
/** A longer time passes at once. */
const LONGEST_MS = 30_000;
/** Single bytes that are kept ahead of their turn. */
const MOST_PIECES = 65;
/** Small packets that a packet or tick may bring. */
const MOST_SMALL = 4096;
/** Pages for the bytes that each connection may hold each way, and for small blocks. */
const MOST_PAGES = 3 * (64 + 64 + 48) + 64;

export class Bench {
  readonly flows: Flow[] = [];
  readonly #stack: Stack;
  readonly #apps = new Map<number, Application>();
  #now = 1000;
  #takesOutput = true;

  constructor(module: WebAssembly.Module) {
    this.#stack = new Stack(module, {
      seed: new Uint32Array([1, 2, 3, 4]),
      onSyn: () => {},
      onTouched: () => {},
      onBroken: () => {},
    });
    this.#stack.start(ME);
    this.#stack.poll(this.#now);
  }

  /** Opens a connection as far as its plan says. */
  begin(beginning: Beginning): void {
    const i = this.flows.length;
    const flow = new Flow(beginning, FIRST_PEER + i, 5000 + i, 80 + i);
    this.flows.push(flow);
    const { stage, scaled } = beginning;
    if (stage === "asked" || stage === "connected") {
      const index = this.#stack.instance.exports.conn_connect(flow.address, flow.port);
      assert.ok(index >= 0);
      this.#stack.instance.exports.conn_addresses(index);
      flow.stackPort = this.#stack.instance.reply[1]!;
      flow.begin(this.#application(index), flow.first);
      flow.app!.held = false;
      flow.app!.asked = true;
      this.#after();
      if (stage === "asked") return;
      flow.shift = scaled ? 6 : 0;
      this.#inject(flow, this.#plain(flow, flow.first, SYN | ACK, synOptions(beginning)));
      return;
    }
    flow.shift = scaled ? 6 : 0;
    this.#inject(flow, this.#plain(flow, flow.first, SYN, synOptions(beginning)));
    if (stage === "held") return;
    this.step({ do: "accept", on: i });
    if (stage === "open") this.step({ do: "agree", on: i });
  }

  step(step: Step): void {
    if (step.do === "pass") return this.#pass(step.ms);
    if (step.do === "output") {
      this.#takesOutput = step.taken;
      return this.#after();
    }
    const flow = this.flows[step.on % this.flows.length]!;
    const { app } = flow;
    const { exports } = this.#stack.instance;
    switch (step.do) {
      case "segment":
        return this.#segment(flow, step);
      case "fin":
        return this.#inject(flow, this.#plain(flow, flow.next, FIN | ACK));
      case "agree":
        return this.#inject(flow, this.#plain(flow, flow.next, ACK));
      case "icmp":
        return this.#icmp(flow, step);
      case "scatter":
        return this.#scatter(flow, step);
    }
    if (!app || app.released) return;
    switch (step.do) {
      case "accept":
        if (app.held && !app.over) exports.conn_accept(app.index);
        app.held = false;
        break;
      case "refuse":
        if (!app.held) return;
        exports.conn_refuse(app.index, 1);
        app.released = app.over = true;
        break;
      case "read":
        this.#read(flow, app, step.bytes);
        break;
      case "write":
        this.#write(app, step.bytes);
        break;
      case "shutdown":
        if (!app.open || app.over) return;
        app.shut = true;
        exports.conn_shutdown(app.index);
        break;
      case "abort":
        exports.conn_abort(app.index);
        app.over = true;
        break;
      case "release":
        this.#release(app);
    }
    this.#after();
  }

  /** Both ends go on as they should: each stream comes to its end. */
  settle(): void {
    this.step({ do: "output", taken: true });
    for (const flow of this.flows) {
      const { app } = flow;
      if (app?.held) this.step({ do: "refuse", on: this.flows.indexOf(flow) });
      if (app?.open && !app.over && !app.released) this.#finish(flow, app);
    }
  }

  /** Ends everything: nothing may be left. */
  end(): void {
    for (const app of this.#apps.values()) this.#release(app);
    this.#after();
    this.#pass(1000);
    // A connection released in order goes on by itself until its peer is gone.
    for (const flow of this.flows) this.#inject(flow, this.#plain(flow, flow.next, RST));
    this.#pass(5000);
    const { usedBlocks, connections, pendingSyns, active, timeWait } = this.#stack
      .statistics();
    assert.deepEqual({ usedBlocks, connections, pendingSyns, active, timeWait }, {
      usedBlocks: 1, // the control block that listens
      connections: 0,
      pendingSyns: 0,
      active: 0,
      timeWait: 0,
    });
  }

  #finish(flow: Flow, app: Application): void {
    const on = this.flows.indexOf(flow);
    const goal = flow.next + 3000 >>> 0;
    this.step({ do: "shutdown", on });
    for (let round = 0; !app.over; round++) {
      if (round > 2000) {
        const { read, written, ended } = app;
        assert.fail(
          `no end: read ${read}, written ${written}, ended ${ended}, ` +
            `next ${ahead(flow.next, flow.first)}, got ${ahead(flow.got, flow.theirs!)}`,
        );
      }
      this.step({ do: "read", on, bytes: 4 << 20 });
      // A window counts only if its segment is newer than that of the last window (RFC
      // 9293, 3.10.7.4), whatever that was.
      const newer = Math.min(ahead(flow.latest, flow.next) + 1, WINDOW);
      this.#inject(flow, this.#plain(flow, flow.next + newer >>> 0, ACK));
      const room = ahead(flow.edge, flow.next);
      const length = Math.min(Math.max(0, ahead(goal, flow.next)), room, 60_000);
      const isLast = !app.ended && room > length && length >= 0;
      const data = length > 0 ? bytesAt(flow.next, length) : undefined;
      const flags = isLast ? FIN | ACK : ACK;
      this.#inject(flow, this.#plain(flow, flow.next, flags, [], data));
      this.#pass(round < 100 ? 100 : 2000);
    }
    assert.equal(
      app.failure,
      NO_FAILURE,
      "a connection that both ends finished failed",
    );
    this.step({ do: "read", on, bytes: 4 << 20 });
    assert.equal(app.read, ahead(flow.next, flow.first + 2), "not all was delivered");
  }

  #application(index: number): Application {
    const app = new Application(index);
    this.#apps.set(index, app);
    return app;
  }

  #release(app: Application): void {
    if (app.released) return;
    app.released = app.over = true;
    this.#stack.instance.exports.conn_release(app.index);
  }

  #read(flow: Flow, app: Application, bytes: number): void {
    const { exports, reply, memory } = this.#stack.instance;
    for (let left = bytes; left > 0;) {
      const length = exports.conn_peek(app.index);
      if (length === 0) return;
      const part = memory.subarray(reply[0]!, reply[0]! + Math.min(length, left));
      app.take(part, flow.first);
      exports.conn_consume(app.index, part.length);
      left -= part.length;
    }
  }

  #write(app: Application, bytes: number): void {
    if (!app.open || app.over || app.shut) return;
    const { exports, reply, memory } = this.#stack.instance;
    for (let left = bytes; left > 0;) {
      const room = exports.conn_room(app.index);
      const block = room > 0 ? exports.tx_alloc(Math.min(left, 262_144)) : 0;
      if (block === 0) return;
      const length = Math.min(room, reply[1]!, left);
      memory.set(bytesAt(app.written, length), reply[0]!);
      app.written += length;
      const result = exports.conn_send(app.index, block, length);
      if (result !== 1) exports.tx_free(block);
      if (result === -1) app.written -= length;
      left -= length;
    }
  }

  #plain(
    flow: Flow,
    sequence: number,
    flags: number,
    options: readonly number[] = [],
    data?: Uint8Array,
  ): Uint8Array<ArrayBuffer> {
    const acknowledged = flags & ACK ? (flags & SYN ? flow.top : flow.got) : 0;
    const end = sequence + (data?.length ?? 0) + (flags & FIN ? 1 : 0);
    flow.note(sequence, end >>> 0, flags, acknowledged);
    return makeSegment({
      ...endsOf(flow),
      sequence,
      acknowledged,
      flags,
      window: 65_535,
      options,
      ...(data && { data }),
    });
  }

  #segment(flow: Flow, step: SegmentStep): void {
    const { options, ipOptions, flags, window, fragment } = step;
    const sequence = flow.find(step.at);
    const most = 65_495 - options.length - ipOptions.length;
    const wanted = typeof step.length === "number"
      ? step.length
      : ahead(flow.find(step.length), sequence);
    const data = bytesAt(sequence, Math.max(0, Math.min(wanted, most)));
    const acknowledged = flow.find(step.ack);
    const packet = makeSegment({
      ...endsOf(flow),
      sequence,
      acknowledged,
      flags,
      window,
      options,
      ipOptions,
      fragment,
      data,
    });
    for (const { at, value } of step.bent) if (at < packet.length) packet[at] = value;
    if (step.bent.length > 0) mend(packet);
    const view = new DataView(packet.buffer);
    const header = Math.min((packet[0]! & 15) * 4, packet.length - 20);
    const begins = view.getUint32(header + 4);
    const ends = begins + data.length >>> 0;
    flow.note(begins, ends, packet[header + 13]!, view.getUint32(header + 8));
    this.#inject(flow, packet, step.padding);
  }

  #scatter(flow: Flow, step: Extract<Step, { do: "scatter" }>): void {
    const { size, gap, count } = step;
    const first = flow.find(step.at);
    const before = this.#stack.statistics().usedBlocks;
    for (let i = 0; i < count; i++) {
      const at = first + i * (size + gap) >>> 0;
      this.#inject(flow, this.#plain(flow, at, ACK, [], bytesAt(at, size)));
    }
    const more = this.#stack.statistics().usedBlocks - before;
    // Two blocks for each piece, and no others that an acknowledgement may set free.
    const isQuiet = size === 1 && gap > 0 && (flow.app?.written ?? 0) === 0;
    if (isQuiet) assert.ok(more <= MOST_PIECES * 2, `${more} blocks more`);
  }

  #icmp(flow: Flow, step: Extract<Step, { do: "icmp" }>): void {
    const quoted = makeSegment({
      from: ME,
      to: flow.address,
      fromPort: flow.stackPort,
      toPort: flow.port,
      sequence: (flow.theirs ?? 0) + step.by >>> 0,
      flags: SYN,
    });
    const packet = new Uint8Array(28 + quoted.length - step.cut);
    packet.set(quoted.subarray(0, quoted.length - step.cut), 28);
    packet.set([0x45, 0, 0, packet.length, 0, 0, 0, 0, 64, 1]);
    new DataView(packet.buffer).setUint32(12, flow.address);
    new DataView(packet.buffer).setUint32(16, ME);
    packet[20] = step.type;
    packet[21] = step.code;
    mend(packet);
    this.#inject(flow, packet);
  }

  #inject(flow: Flow, packet: Uint8Array, padding = 0): void {
    const { length } = packet;
    const padded = padding === 0 ? packet : new Uint8Array(Math.max(1, length + padding));
    if (padding !== 0) padded.set(packet.subarray(0, padded.length));
    const buffer = this.#stack.takeInput();
    const frame = encodeFrame(FrameType.L3, padded).bytes;
    buffer.body.set(frame);
    this.#stack.input(buffer, buffer.address, frame.length);
    this.#stack.releaseInput(buffer);
    const header = (packet[0]! & 15) * 4;
    const syn = header + 8 <= length
      ? new DataView(packet.buffer).getUint32(header + 4)
      : 0;
    this.#after(flow, syn);
  }

  #pass(ms: number): void {
    if (ms > LONGEST_MS) { // nobody looked: the machine slept
      this.#now += ms;
      this.#stack.poll(this.#now);
      return this.#after();
    }
    for (const end = this.#now + ms; this.#now < end;) {
      const wait = this.#stack.poll(this.#now);
      this.#after();
      this.#now = Math.min(end, this.#now + Math.max(1, wait));
    }
    this.#stack.poll(this.#now);
    this.#after();
  }

  /** Takes the stack's events and its output; `syn` is the number of the SYN before. */
  #after(flow?: Flow, syn?: number): void {
    const { exports, reply } = this.#stack.instance;
    for (let index = exports.next_event(); index >= 0; index = exports.next_event()) {
      const [events = 0, reason = 0] = reply;
      if (events === 0) continue;
      if (events & EV.syn) {
        const app = this.#application(index);
        exports.conn_addresses(index);
        const isFlow = flow && reply[0] === ME && reply[1] === flow.stackPort &&
          reply[2] === flow.address &&
          reply[3] === flow.port;
        if (isFlow) {
          if (flow.app && !flow.app.released) this.#release(flow.app);
          flow.begin(app, syn!);
        } // else a bent packet asked, and is refused at the end
      }
      const app = this.#apps.get(index)!;
      if (events & EV.open) {
        app.open = true;
        // The SYN-ACK that the stack took decides where the peer's stream begins.
        if (app.asked) flow!.answered(syn!);
      }
      if (events & EV.eof) app.ended = true;
      if (events & (EV.closed | EV.failed)) app.over = true;
      if (events & EV.failed) app.failure = reason;
    }
    if (!this.#takesOutput) return;
    let small = 0;
    for (let run = this.#stack.takeOutput(); run; run = this.#stack.takeOutput()) {
      for (const packet of packetsOf(run)) {
        if (packet.length <= 100) small++;
        if (packet[9] !== 6) continue;
        const view = new DataView(packet.buffer);
        const flow = this.flows[view.getUint32(16) - FIRST_PEER];
        const isOf = view.getUint32(12) === ME &&
          view.getUint16(20) === flow?.stackPort &&
          view.getUint16(22) === flow.port;
        if (isOf) flow.receive(packet);
      }
      this.#stack.outputDone();
    }
    assert.ok(small < MOST_SMALL, `${small} small packets`);
    const { usedPages } = this.#stack.statistics();
    assert.ok(usedPages <= MOST_PAGES, `${usedPages} pages`);
  }
}

function endsOf({ address, port, stackPort }: Flow) {
  return { from: address, to: ME, fromPort: port, toPort: stackPort };
}

function synOptions({ mss, scaled, sack }: Beginning): number[] {
  return [
    ...(mss > 0 ? [2, 4, mss >> 8, mss & 255] : []),
    ...(scaled ? [1, 3, 3, 6] : []),
    ...(sack ? [1, 1, 4, 2] : []),
  ];
}

/** Makes bytes and checksums of a packet right, as far as its headers make sense. */
function mend(packet: Uint8Array<ArrayBuffer>): void {
  const view = new DataView(packet.buffer);
  const header = (packet[0]! & 15) * 4;
  if (header < 20 || header + 20 > packet.length) return;
  if (packet[9] === 6) {
    const data = header + Math.max(20, (packet[header + 12]! >> 4) * 4);
    const { length } = packet.subarray(data);
    if (length > 0) packet.set(bytesAt(view.getUint32(header + 4), length), data);
  }
  view.setUint16(10, 0);
  view.setUint16(10, ~checksumOf(packet.subarray(0, header)) & 0xffff);
  const length = Math.min(packet.length, view.getUint16(2)) - header;
  if (length < 20) return;
  const place = header + (packet[9] === 1 ? 2 : 16);
  const pseudo = new Uint8Array(12 + length);
  view.setUint16(place, 0);
  if (packet[9] !== 1) {
    pseudo.set(packet.subarray(12, 20));
    pseudo[9] = 6;
    new DataView(pseudo.buffer).setUint16(10, length);
  }
  pseudo.set(packet.subarray(header, header + length), 12);
  view.setUint16(place, ~checksumOf(pseudo) & 0xffff);
}
