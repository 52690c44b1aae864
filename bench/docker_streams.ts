/**
 * Streams into and out of containers without a mesh: by docker's client, and by the
 * engine's own API (exec attach), without a client in between.
 *
 * @module
 */
import type { Direction } from "./clients.ts";

const BUFFER_BYTES = 256 * 1024;
const MEBIBYTE = 1 << 20;

/** A command that writes zeros for some seconds and a moment more. */
export function zerosFor(seconds: number): string[] {
  return ["timeout", `${seconds + 0.5}`, "dd", "if=/dev/zero", "bs=1M"];
}

/**
 * Gbit/s of a command that is fed zeros, or that writes ({@linkcode zerosFor}). It has
 * ended afterwards: what is left behind in a container would slow down what comes next.
 */
export async function piped(
  command: readonly string[],
  direction: Direction,
  seconds: number,
): Promise<number> {
  const [program, ...args] = command;
  const child = new Deno.Command(program!, {
    args,
    stdin: direction === "to" ? "piped" : "null",
    stdout: direction === "from" ? "piped" : "null",
    stderr: "null",
  }).spawn();
  const meter = new Meter(seconds);
  if (direction === "to") {
    const writer = child.stdin.getWriter();
    const zeros = new Uint8Array(BUFFER_BYTES);
    do await writer.write(zeros); while (meter.add(zeros.length));
    await writer.close();
  } else {
    const reader = child.stdout.getReader({ mode: "byob" });
    let buffer = new ArrayBuffer(BUFFER_BYTES);
    for (;;) {
      const { value, done } = await reader.read(new Uint8Array(buffer));
      if (done) break;
      meter.add(value.length);
      buffer = value.buffer;
    }
  }
  await child.status;
  return meter.rate;
}

/** Counts bytes for some seconds, from the first on. */
class Meter {
  readonly #seconds: number;
  #began: number | undefined;
  #bytes = 0;
  #last = 0;

  constructor(seconds: number) {
    this.#seconds = seconds;
  }

  /** Counts; false once the time is over. */
  add(bytes: number): boolean {
    const now = performance.now();
    this.#began ??= now;
    const isOver = now - this.#began > this.#seconds * 1_000;
    if (isOver) return false;
    this.#last = now;
    this.#bytes += bytes;
    return true;
  }

  /** Gbit/s. */
  get rate(): number {
    return this.#bytes * 8 / (this.#last - (this.#began ?? 0)) / 1e6;
  }
}

/** Gbit/s of `source MEBIBYTES | sink`, where the kernel alone moves the bytes. */
export async function joined(
  source: readonly string[],
  sink: readonly string[],
  mebibytes: number,
): Promise<number> {
  const quoted = (words: readonly string[]) =>
    words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
  const began = performance.now();
  const { success, stderr } = await new Deno.Command("sh", {
    args: ["-c", `${quoted(source)} | ${quoted(sink)}`],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return mebibytes * MEBIBYTE * 8 / (performance.now() - began) / 1e6;
}

/** A command in a container, by the engine's socket. */
export interface Attached {
  readonly socket: string;
  readonly container: string;
  readonly command: readonly string[];
}

/** Gbit/s by the engine's API: a request whose connection becomes the stream. */
export async function attached(
  { socket, container, command }: Attached,
  direction: Direction,
  seconds: number,
): Promise<number> {
  const http = Deno.createHttpClient({ proxy: { transport: "unix", path: socket } });
  const create = await fetch(`http://engine/containers/${container}/exec`, {
    client: http,
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      AttachStdin: direction === "to",
      AttachStdout: true,
      Cmd: command,
    }),
  });
  const { Id } = await create.json() as { Id: string };
  http.close();
  using connection = await Deno.connect({ transport: "unix", path: socket });
  const body = JSON.stringify({ Detach: false, Tty: false });
  const head =
    `POST /exec/${Id}/start HTTP/1.1\r\nHost: engine\r\nConnection: Upgrade\r\n` +
    `Upgrade: tcp\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
  await connection.write(new TextEncoder().encode(head + body));
  const buffer = new Uint8Array(BUFFER_BYTES);
  const answered = await connection.read(buffer);
  const answer = new TextDecoder("latin1").decode(buffer.subarray(0, answered ?? 0));
  if (!answer.startsWith("HTTP/1.1 101")) throw new Error(`The engine says ${answer}`);
  const meter = new Meter(seconds);
  if (direction === "to") {
    while (meter.add(await connection.write(buffer)));
    await connection.closeWrite();
  }
  for (;;) {
    const count = await connection.read(buffer);
    if (count === null) return meter.rate;
    if (direction === "from") meter.add(count);
  }
}
