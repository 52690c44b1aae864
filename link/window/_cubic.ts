// TCP with CUBIC (RFC 9438) over a simulated line, as far as it competes: slow start, loss
// told by three later packets, fast recovery, and a timeout. It delivers in order.
import type { Line } from "./_line.ts";
import type { Loop } from "./_loop.ts";

const MSS = 1448;
/** Bytes of headers on the wire, per packet. */
const HEADERS = 66;
const BETA = 0.7;
const C = 0.4;

interface Packet {
  readonly bytes: number;
  /** Its last transmission's number. */
  order: number;
  state: "sent" | "lost" | "taken";
}

/** A sender and its receiver. */
export class Cubic {
  readonly #loop: Loop;
  readonly #line: Line;
  readonly #back: number;
  readonly #available: (most: number) => number;
  readonly #deliver: (bytes: number) => void;
  readonly #packets: Packet[] = [];
  #first = 0; // first packet that was not acknowledged
  #nextIn = 0; // first packet that was not delivered in order
  readonly #came = new Set<number>();
  #window = 10;
  #threshold = Infinity;
  #most = 0;
  #epoch = -1;
  #friendly = 0;
  #orders = 0;
  #recovery = 0; // losses of transmissions before this one count once
  #underWay = 0;
  #heardAt = 0;
  #lost: number[] = [];
  #isWatching = false;

  constructor(
    loop: Loop,
    options: {
      line: Line;
      /** Time that acknowledgements travel, in ms. */
      back: number;
      /** Takes up to a packet of what waits, and says how much. */
      available: (most: number) => number;
      deliver: (bytes: number) => void;
    },
  ) {
    this.#loop = loop;
    this.#line = options.line;
    this.#back = options.back;
    this.#available = options.available;
    this.#deliver = options.deliver;
  }

  /** Sends what the window allows. */
  more(): void {
    while (this.#underWay < Math.floor(this.#window)) {
      const again = this.#lost.shift();
      if (again !== undefined) {
        if (this.#packets[again]!.state === "lost") this.#transmit(again);
        continue;
      }
      const bytes = this.#available(MSS);
      if (bytes === 0) return;
      this.#packets.push({ bytes, order: 0, state: "lost" });
      this.#transmit(this.#packets.length - 1);
    }
  }

  #transmit(number: number): void {
    const packet = this.#packets[number]!;
    packet.state = "sent";
    const order = packet.order = this.#orders++;
    this.#underWay++;
    this.#line.send({
      bytes: packet.bytes + HEADERS,
      arrive: () => this.#arrive(number, order),
    });
    this.#watch();
  }

  #arrive(number: number, order: number): void {
    if (number >= this.#nextIn && !this.#came.has(number)) {
      this.#came.add(number);
      let bytes = 0;
      while (this.#came.delete(this.#nextIn)) {
        bytes += this.#packets[this.#nextIn++]!.bytes;
      }
      if (bytes > 0) this.#deliver(bytes);
    }
    this.#loop.after(this.#back, () => this.#acknowledged(number, order));
  }

  #acknowledged(number: number, order: number): void {
    this.#heardAt = this.#loop.now;
    const packet = this.#packets[number]!;
    if (packet.state === "sent") this.#underWay--;
    if (packet.state !== "taken") {
      packet.state = "taken";
      this.#grow();
    }
    while (this.#packets[this.#first]?.state === "taken") this.#first++;
    for (let i = this.#first; i < this.#packets.length; i++) {
      const { state, order: sentAs } = this.#packets[i]!;
      if (state === "sent" && sentAs < order - 3) this.#lose(i, sentAs);
      if (sentAs >= order && state === "sent" && i > number + 3) break;
    }
    this.more();
  }

  #lose(number: number, order: number): void {
    this.#packets[number]!.state = "lost";
    this.#underWay--;
    this.#lost.push(number);
    if (order < this.#recovery) return;
    this.#recovery = this.#orders;
    this.#most = this.#window < this.#most ? this.#window * (1 + BETA) / 2 : this.#window;
    this.#window = this.#threshold = Math.max(2, this.#window * BETA);
    this.#friendly = this.#window;
    this.#epoch = -1;
  }

  #grow(): void {
    // A window that is not used does not grow.
    if (this.#underWay + 1 < Math.floor(this.#window)) return;
    if (this.#window < this.#threshold) {
      this.#window++;
      return;
    }
    if (this.#epoch < 0) this.#epoch = this.#loop.now;
    const t = (this.#loop.now - this.#epoch) / 1000;
    const k = Math.cbrt(Math.max(0, this.#most) * (1 - BETA) / C);
    const target = C * (t - k) ** 3 + this.#most;
    this.#friendly += 3 * (1 - BETA) / (1 + BETA) / this.#window;
    const wanted = Math.min(1.5 * this.#window, Math.max(target, this.#friendly));
    this.#window += wanted > this.#window
      ? (wanted - this.#window) / this.#window
      : 0.01 / this.#window;
  }

  #watch(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    const sentAt = this.#loop.now;
    this.#loop.after(300, () => {
      this.#isWatching = false;
      if (this.#underWay === 0) return;
      if (this.#heardAt < sentAt) {
        for (let i = this.#first; i < this.#packets.length; i++) {
          if (this.#packets[i]!.state === "sent") this.#lose(i, this.#packets[i]!.order);
        }
        this.#window = 1;
        this.more();
      }
      this.#watch();
    });
  }
}
