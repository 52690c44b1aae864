/**
 * Two tun devices whose packets reach each other late: delay.ts DEVICE DEVICE MILLISECONDS.
 *
 * Prints `open` when both are there; they may then be moved to other namespaces. The
 * queue between them has no limit of its own, so the rates have to be limited before.
 *
 * @module
 */
const O_RDWR = 2;
const O_NONBLOCK = 0o4000;
/** `_IOW('T', 202, int)` of linux/if_tun.h. */
const TUNSETIFF = 0x400454can;
const IFF_TUN = 1;
const IFF_NO_PI = 0x1000;
const IFREQ_BYTES = 40;
const POLLIN = 1;

const { symbols: libc } = Deno.dlopen("libc.so.6", {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  ioctl: { parameters: ["i32", "usize", "buffer"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  poll: { parameters: ["buffer", "usize", "i32"], result: "i32", nonblocking: true },
});

/** Makes a tun device; gives its descriptor. */
function openTun(name: string): number {
  const path = new TextEncoder().encode("/dev/net/tun\0");
  const descriptor = libc.open(path, O_RDWR | O_NONBLOCK);
  const request = new Uint8Array(IFREQ_BYTES);
  new TextEncoder().encodeInto(name, request);
  new DataView(request.buffer).setUint16(16, IFF_TUN | IFF_NO_PI, true);
  if (descriptor < 0 || libc.ioctl(descriptor, TUNSETIFF, request) < 0) {
    throw new Error(`Cannot make the tun device ${name}`);
  }
  return descriptor;
}

/** A packet under way. */
interface Late {
  readonly at: number;
  readonly to: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const [first, second, milliseconds] = Deno.args;
const delay = Number(milliseconds);
const ends = [openTun(first!), openTun(second!)] as const;
console.log("open");
const late: Late[] = [];
const buffer = new Uint8Array(65536);
/** An array of `struct pollfd`: a descriptor, the events asked for, those that are. */
const polled = new Uint8Array(16);
const view = new DataView(polled.buffer);
for (const [index, end] of ends.entries()) {
  view.setInt32(index * 8, end, true);
  view.setInt16(index * 8 + 4, POLLIN, true);
}
for (;;) {
  const next = late[0];
  const wait = next === undefined ? 1_000 : Math.ceil(next.at - performance.now());
  if (wait > 0) await libc.poll(polled, 2n, wait);
  const now = performance.now();
  for (const [index, end] of ends.entries()) {
    for (;;) {
      const length = Number(libc.read(end, buffer, BigInt(buffer.length)));
      if (length <= 0) break;
      late.push({
        at: now + delay,
        to: ends[1 - index]!,
        bytes: buffer.slice(0, length),
      });
    }
  }
  while (late.length > 0 && late[0]!.at <= now) {
    const { to, bytes } = late.shift()!;
    libc.write(to, bytes, BigInt(bytes.length)); // a device that is down loses packets
  }
}
